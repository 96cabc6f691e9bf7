"""The templates that VibeCode brings: what they make works without a network."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from vibecode.domain.errors import InvalidInput
from vibecode.editor.npm import find_tools
from vibecode.templates import BUILTIN, Template, TemplateLibrary

LIBRARY = TemplateLibrary(BUILTIN, Path("/nowhere"))


def test_all_are_valid() -> None:
    assert LIBRARY.errors() == []
    assert {template.name for template in LIBRARY.list()} == {"node", "python", "web"}


@pytest.mark.parametrize("template", LIBRARY.list(), ids=lambda template: template.name)
def test_nothing_is_left_to_fill_in_and_json_is_json(template: Template, tmp_path: Path) -> None:
    into = tmp_path / "new"
    template.render({}, into)
    for path in into.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"{[{%] ", text), path
            assert path.suffix != ".jinja"
            if path.suffix == ".json":
                json.loads(text)
    assert (into / "README.md").is_file()
    assert (into / ".vscode/tasks.json").is_file()
    recommended = json.loads((into / ".vscode/extensions.json").read_text(encoding="utf-8"))["recommendations"]
    assert recommended == list(template.extensions)


def _run(folder: Path, *command: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def _shell(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={"HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_python_runs_and_its_tests_pass(tmp_path: Path) -> None:
    into = tmp_path / "new"
    description = 'Says "hello" \\ to <all> & {{ everybody }}'
    LIBRARY.get("python").render({"package": "greeter", "description": description}, into)
    project = tomllib.loads((into / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "greeter"
    assert project["description"] == description
    code = "import greeter, runpy, sys; print(greeter.__doc__); sys.argv[1:] = ['Ada']; "
    code += "runpy.run_module('greeter', run_name='__main__')"
    output = _run(into, sys.executable, "-c", f"import sys; sys.path.insert(0, 'src'); {code}")
    assert output == f"{description}\nHello, Ada!\n"
    tests = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\npythonpath = src\n"
    (into / "pytest.ini").write_text(tests, encoding="utf-8")
    assert "3 passed" in _run(into, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_nodes_tests_pass_or_say_that_node_is_too_old(tmp_path: Path) -> None:
    into = tmp_path / "new"
    LIBRARY.get("node").render({"name": "greeter", "docker": "true", "package_manager": "pnpm"}, into)
    command = json.loads((into / "package.json").read_text(encoding="utf-8"))["scripts"]["test"]
    tasks = json.loads((into / ".vscode/tasks.json").read_text(encoding="utf-8"))["tasks"]
    assert command in [task["command"] for task in tasks]
    assert command in (into / "README.md").read_text(encoding="utf-8")
    path = f"{find_tools().node.parent}{os.pathsep}{os.environ['PATH']}"
    result = _shell(into, command, PATH=path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "pass 2" in result.stdout
    old = _shell(into, command, PATH=path, NODE_OPTIONS="--no-experimental-strip-types")
    assert old.returncode == 1
    assert old.stderr.startswith("Node 22.18 or later is needed, and this is ")
    assert old.stdout == ""
    assert (into / "Dockerfile").is_file()
    assert "pnpm" in (into / "README.md").read_text(encoding="utf-8")
    LIBRARY.get("node").render({}, tmp_path / "plain")
    assert not (tmp_path / "plain/Dockerfile").exists()
    assert "pnpm" not in (tmp_path / "plain/README.md").read_text(encoding="utf-8")


def test_the_web_page_is_served_and_its_title_is_text(tmp_path: Path) -> None:
    into = tmp_path / "new"
    LIBRARY.get("web").render({"title": "Cats & <dogs>"}, into)
    with subprocess.Popen([sys.executable, "serve.py", "0"], cwd=into, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip().rsplit("http://", 1)[1]
            connection = http.client.HTTPConnection(address, timeout=10)
            connection.request("GET", "/")
            answer = connection.getresponse()
            page = answer.read().decode()
            connection.close()
        finally:
            server.terminate()
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<title>Cats &amp; &lt;dogs&gt;</title>" in page


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("python", {"package": "Has Space"}),
        ("python", {"package": "../evil"}),
        ("python", {"package": ""}),
        ("node", {"name": "Upper"}),
        ("node", {"package_manager": "bun"}),
        ("web", {"port": "80"}),
        ("web", {"port": "65536"}),
        ("web", {"port": "8080); import os"}),
    ],
)
def test_values_that_would_break_the_files_are_refused(name: str, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        LIBRARY.get(name).check(parameters)


@pytest.mark.parametrize("port", ["1024", "1099", "3000", "8080", "9999", "10000", "60000", "65535"])
def test_usual_ports_are_accepted(port: str) -> None:
    assert LIBRARY.get("web").check({"port": port})["port"] == port
