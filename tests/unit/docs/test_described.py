"""Everything that the code offers is described, and generated parts are up to date."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts import docs
from tests.unit.docs.pages import PAGES, ROOT, fenced, read, shown
from vibecode import __version__
from vibecode.settings import Settings
from vibecode.templates.spec import Parameter, TemplateSpec

COMMANDS = dict(docs.commands())


GENERATED = docs.generated_files()


@pytest.mark.parametrize("path", GENERATED, ids=shown)
def test_generated_parts_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run `make docs`"


@pytest.mark.parametrize(
    ("page", "part"),
    [("cli", "cli"), ("settings", "settings"), ("api", "api-routes"), ("api", "api-errors")],
)
def test_pages_hold_their_generated_parts(page: str, part: str) -> None:
    assert f"<!-- generated: {part} -->" in read(f"docs/{page}.md")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_described(name: str) -> None:
    section = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", read("docs/cli.md"), re.MULTILINE | re.DOTALL)
    assert section is not None
    assert COMMANDS[name].help.split("\n")[0].split(".")[0] in section[1]
    for parameter in COMMANDS[name].params:
        assert parameter.help, f"{parameter.name} of `{name}` has no help"
        for option in docs.option_names(parameter):
            assert f"`{option}" in section[1]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    field = Settings.model_fields[name]
    row = f"| `{name}` | `VIBECODE_{name.upper()}` | {docs.default_text(name, field)} | {field.description} |"
    assert field.description
    assert row in read("docs/settings.md")


def test_dynamic_defaults_are_the_settings_without_a_fixed_default() -> None:
    dynamic = {name for name, field in Settings.model_fields.items() if field.default_factory is not None}
    assert set(docs.DYNAMIC_DEFAULTS) == dynamic


def test_every_route_is_described() -> None:
    page = read("docs/api.md")
    for method, path, operation in docs.routes():
        assert f"| `{method} {path}` |" in page
        assert operation["description"]
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "path":
                assert f"`{parameter['name']}` ({parameter['in']})" in page


def test_every_error_is_described() -> None:
    page = read("docs/api.md")
    classes = docs.error_classes()
    assert len({each.code for each in classes}) == len(classes), "two failures share a code"
    for each in classes:
        assert f"| `{each.code}` | {each.status} |" in page


def test_every_code_of_the_edge_is_described() -> None:
    codes: set[str] = set()
    files = [*ROOT.glob("src/vibecode/proxy/*.py"), ROOT / "src/vibecode/domain/routing.py"]
    for file in files:
        text = file.read_text(encoding="utf-8")
        codes |= set(re.findall(r"\b[45]\d\d,\s*\"([a-z_]+)\"", text)) | set(re.findall(r"code=\"([a-z_]+)\"", text))
    assert {"unknown_host", "port_closed", "bad_head"} <= codes
    page = read("docs/api.md")
    assert not [code for code in sorted(codes) if f"`{code}`" not in page]


@pytest.mark.parametrize(
    ("model", "heading"), [(TemplateSpec, "## template.toml"), (Parameter, "Each of `[[parameters]]`:")]
)
def test_every_key_of_a_template_is_described(model: type[TemplateSpec | Parameter], heading: str) -> None:
    page = read("docs/templates.md")
    table = page[page.index(heading) :]
    rows = re.findall(
        r"^\| `(\w+)` \|", table.split("\nEach of" if model is TemplateSpec else "\n## ")[0], re.MULTILINE
    )
    assert sorted(rows) == sorted(model.model_fields)


def test_the_example_of_a_template_is_valid() -> None:
    example = re.search(r"<!-- example: template -->\n```toml\n(.*?)```", read("docs/templates.md"), re.DOTALL)
    assert example is not None
    spec = TemplateSpec.model_validate(tomllib.loads(example[1]))
    assert set(TemplateSpec.model_fields) == spec.model_fields_set, "the example shows every key"
    assert {parameter.type for parameter in spec.parameters} == {"string", "choice", "boolean"}


def test_the_example_of_a_settings_file_is_valid() -> None:
    example = re.search(r"<!-- example: settings -->\n```toml\n(.*?)```", read("docs/settings.md"), re.DOTALL)
    assert example is not None
    assert Settings(**tomllib.loads(example[1])).session_days == 7


def test_every_make_target_is_described() -> None:
    targets = re.findall(r"^([a-z]+):.*?## ", read("Makefile"), re.MULTILINE)
    assert {"up", "test"} <= set(targets)
    assert not [target for target in targets if f"`make {target}`" not in read("CONTRIBUTING.md")]


def test_every_make_target_in_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"`make ([a-z]+)[` ]", text) + re.findall(r"^make ([a-z]+)", text, re.MULTILINE)
        assert set(named) <= targets, page.name


def test_readme_names_the_two_commands() -> None:
    blocks = "\n".join(fenced(ROOT / "README.md", "sh"))
    assert re.search(r"^make up\b", blocks, re.MULTILINE)
    assert re.search(r"^make test\b", blocks, re.MULTILINE)


def test_readme_shows_what_up_prints() -> None:
    source = read("src/vibecode/cli/server.py")
    printed = "\n".join(fenced(ROOT / "README.md", "text"))
    for words in (
        "Starting the server …",
        "Open this link to sign in; it works once, within 10 minutes (`vibecode login-link` prints another):",
    ):
        assert words in source
        assert words in printed


def test_the_version_stands_in_one_place() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    pattern = re.compile(rf"""version["']?\s*[:=]\s*["']{re.escape(__version__)}["']""", re.IGNORECASE)
    holders = [
        name
        for name in listed
        if name.endswith((".py", ".toml", ".json", ".ts", ".tsx"))
        and not {"test", "tests"} & set(Path(name).parts)
        and "lock" not in Path(name).name
        and (ROOT / name).is_file()
        and pattern.search((ROOT / name).read_text(encoding="utf-8").replace("__version__", "version"))
    ]
    assert holders == ["src/vibecode/__init__.py"]
    assert f"## {__version__}" in read("CHANGELOG.md")


def test_the_layers_are_those_that_are_enforced() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    (sentence,) = re.findall(
        r"^Imports point one way: (.*?)\.\s", read("docs/architecture.md"), re.MULTILINE | re.DOTALL
    )
    described = [re.findall(r"`(\w+)`", layer) for layer in sentence.split("→")]
    assert described == [re.split(r" [|:] ", layer) for layer in layers]


def test_every_package_is_described() -> None:
    packages = {path.parent.name for path in ROOT.glob("src/vibecode/*/__init__.py")}
    (tree,) = (block for block in fenced(ROOT / "docs/architecture.md", "text") if "src/vibecode/" in block)
    assert set(re.findall(r"^  (\w+)/", tree, re.MULTILINE)) == packages
