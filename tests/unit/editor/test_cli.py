"""``vibecode editor`` on a data folder, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from tests.support.editors import make_editor
from vibecode.cli.editor import app
from vibecode.domain.errors import Conflict, EditorUnavailable
from vibecode.editor import locks
from vibecode.editor.model import MANIFEST_NAME
from vibecode.editor.store import EditorStore


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for version in ("4.1.0", "4.2.0"):
        make_editor(tmp_path / "editors", version)
    return tmp_path


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The command line sets up logging for its process."""
    yield
    structlog.reset_defaults()


def _run(data: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--data-dir", str(data)], catch_exceptions=True)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_list_shows_what_is_there_and_what_could_be(data: Path) -> None:
    (data / "editors/4.1.0" / MANIFEST_NAME).write_text("{}", encoding="utf-8")
    items = {item["version"]: item for item in json.loads(_run(data, "list", "--json"))}
    assert set(items) == {"4.1.0", "4.2.0", *locks.pinned()}
    assert items["4.2.0"] == {
        "version": "4.2.0",
        "installed": True,
        "current": True,
        "sizeBytes": 4,
        "workspaces": 0,
        "problem": None,
    }
    assert "manifest can't be read" in items["4.1.0"]["problem"]
    assert items[locks.pinned()[0]]["installed"] is False
    table = _run(data, "list")
    assert "used for new starts" in table
    assert "damaged" in table
    assert "can be installed" in table


def test_use_and_remove(data: Path) -> None:
    assert "4.1.0" in _run(data, "use", "4.1.0")
    current = EditorStore(data / "editors").current()
    assert current is not None
    assert current.version == "4.1.0"
    with pytest.raises(Conflict):
        _run(data, "remove", "4.1.0")
    assert json.loads(_run(data, "remove", "4.2.0", "--json")) == {"removed": "4.2.0"}
    assert not (data / "editors/4.2.0").exists()


def test_what_is_installed_is_not_installed_again(data: Path) -> None:
    version = locks.pinned()[0]
    make_editor(data / "editors", version)
    described = json.loads(_run(data, "install", "--no-use", "--json"))
    assert (described["version"], described["installed"]) == (version, True)
    assert f"Editor {version} is used for new starts" in _run(data, "install")


@pytest.mark.parametrize("command", ["use", "remove", "install"])
def test_an_unknown_version_is_one_sentence(data: Path, command: str) -> None:
    with pytest.raises(EditorUnavailable, match=r"1\.2\.3"):
        _run(data, command, "1.2.3")
