"""The tunnel's image holds what the tunnel imports, so that nothing else renews it: that would cut WebSockets."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import vibecode
from tests.unit.charts.rendering import platform as render
from vibecode.cluster import platform
from vibecode.cluster.ports import HostPorts
from vibecode.images import catalog, requirements
from vibecode.settings import Settings

PACKAGE = Path(vibecode.__file__).parent
ROOT = PACKAGE.parent.parent


def module_file(name: str) -> Path | None:
    path = PACKAGE.parent / name.replace(".", "/")
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)


def imports(start: str) -> tuple[set[str], set[str]]:
    """Return the files of ours that a module imports, wherever it does, and the names of others' packages."""
    ours: set[str] = set()
    others: set[str] = set()
    left = [start]
    while left:
        name = left.pop()
        parents = [name.rsplit(".", count)[0] for count in range(name.count(".") + 1)]
        for path in filter(None, (module_file(each) for each in parents)):
            relative = path.relative_to(PACKAGE).as_posix()
            if relative in ours:
                continue
            ours.add(relative)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    named = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom):
                    named = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
                else:
                    continue
                for each in named:
                    top = each.partition(".")[0]
                    if top == "vibecode":
                        left.append(each)
                    elif top not in sys.stdlib_module_names:
                        others.add(top)
    return ours, others


def test_it_holds_what_the_tunnel_imports_and_nothing_else() -> None:
    ours, others = imports("vibecode.edge.__main__")
    assert sorted(ours) == sorted(("__init__.py", *catalog.TUNNEL))
    assert sorted(others) == sorted(catalog.TUNNEL_REQUIREMENTS)


def test_its_files_and_packages_are_enough(tmp_path: Path) -> None:
    entries = catalog.image("tunnel").context.entries
    for path, entry in entries.items():
        if path.startswith("package/"):
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(entry.content)
    # Others' packages, but not the checkout, which a .pth file adds.
    places = [str(tmp_path / "package"), sysconfig.get_paths()["platlib"], sysconfig.get_paths()["purelib"]]
    program = f"import sys; sys.path[:0] = {places!r}; import vibecode.edge.__main__; print(vibecode.__file__)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(tmp_path / "package/vibecode/__init__.py"), done.stderr
    locked = requirements.parse(entries["requirements.txt"].content.decode())
    assert sorted(locked) == sorted(catalog.TUNNEL_REQUIREMENTS)


def test_it_shares_the_first_layers_with_the_control_plane() -> None:
    stages = []
    for name in ("tunnel", "control-plane"):
        text = (ROOT / "images" / name / "Dockerfile").read_text(encoding="utf-8")
        stages.append(text[text.index("ARG BASE") : text.index("FROM system AS build")])
    assert stages[0] == stages[1]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose files may be changed."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(PACKAGE, tmp_path / "src/vibecode", ignore=ignored)
    shutil.copytree(ROOT / "images", tmp_path / "images")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    page = tmp_path / "src/vibecode/web/dashboard/index.html"
    page.parent.mkdir(exist_ok=True)
    page.touch()
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "src/vibecode")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "renewed"),
    [
        ("src/vibecode/web/app.py", {"control-plane"}),
        ("src/vibecode/domain/routing.py", {"control-plane", "workspace"}),
        ("src/vibecode/services/routing.py", {"control-plane"}),
        ("images/control-plane/Dockerfile", {"control-plane"}),
        ("src/vibecode/edge/tunnel.py", {"control-plane", "tunnel"}),
        ("images/tunnel/Dockerfile", {"tunnel"}),
        ("images/edge/edge.lua", {"edge"}),
    ],
)
def test_a_change_renews_the_images_that_it_is_in(checkout: Path, changed: str, renewed: set[str]) -> None:
    before = {name: catalog.image(name).reference for name in catalog.NAMES}
    with (checkout / changed).open("a") as file:
        file.write("\n# another line\n")
    after = {name: catalog.image(name).reference for name in catalog.NAMES}
    assert {name for name in catalog.NAMES if before[name] != after[name]} == renewed

    def pods(images: dict[str, str]) -> dict[str, object]:
        address = platform.PublicAddress(
            scheme="http", domain="vibecode.localhost", ports=HostPorts(address="127.0.0.1", http=80, https=443)
        )
        return dict(render(platform.chart_values(Settings(), address, images)).pods())

    edge_is_renewed = bool(renewed & {"edge", "tunnel"})
    assert (pods(before)["edge"] != pods(after)["edge"]) == edge_is_renewed


def test_another_version_alone_renews_neither_edge_nor_tunnel(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("edge", "tunnel")
    before = [catalog.image(name).reference for name in names]
    text = (checkout / "src/vibecode/__init__.py").read_text().replace(vibecode.__version__, "99.0.0")
    (checkout / "src/vibecode/__init__.py").write_text(text)
    monkeypatch.setattr(vibecode, "__version__", "99.0.0")
    assert [catalog.image(name).reference for name in names] == before
    assert catalog.image("control-plane").tag.startswith("99.0.0-")
