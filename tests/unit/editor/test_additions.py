from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.support.editors import make_editor, make_vsix
from vibecode.domain.errors import EditorUnavailable
from vibecode.editor import additions
from vibecode.editor.model import WORKBENCH_PAGE, Editor
from vibecode.editor.page import SCRIPT


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return make_editor(tmp_path / "editors")


def test_a_newer_extension_takes_the_place_of_the_older_one(editor: Editor, tmp_path: Path) -> None:
    source = tmp_path / "vibecode.vsix"
    make_vsix(source, name="vibecode", version="1.0.0", files={"old.js": "old"})
    additions.ensure(editor, extension=source)
    assert additions.extension_version(editor) == "1.0.0"
    make_vsix(source, name="vibecode", version="1.1.0", files={"new.js": "new"})
    additions.ensure(editor, extension=source)
    assert additions.extension_version(editor) == "1.1.0"
    folder = editor.root / additions.EXTENSION_FOLDER
    assert (folder / "new.js").read_text(encoding="utf-8") == "new"
    assert not (folder / "old.js").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["vibecode"], "nothing is left over"


def test_nothing_is_written_when_all_is_up_to_date(editor: Editor, tmp_path: Path) -> None:
    source = make_vsix(tmp_path / "vibecode.vsix", name="vibecode")
    additions.ensure(editor, extension=source)
    before = {path: path.lstat().st_mtime_ns for path in editor.root.rglob("*")}
    additions.ensure(editor, extension=source)
    assert {path: path.lstat().st_mtime_ns for path in editor.root.rglob("*")} == before


def test_without_a_built_extension_the_rest_is_done(editor: Editor, tmp_path: Path) -> None:
    additions.ensure(editor, extension=tmp_path / "missing.vsix")
    assert additions.extension_version(editor) is None
    assert SCRIPT in (editor.root / WORKBENCH_PAGE).read_text(encoding="utf-8")


def test_a_damaged_extension_leaves_the_older_one(editor: Editor, tmp_path: Path) -> None:
    source = make_vsix(tmp_path / "vibecode.vsix", name="vibecode", version="1.0.0")
    additions.ensure(editor, extension=source)
    source.write_bytes(b"this is no archive")
    additions.ensure(editor, extension=source)
    assert additions.extension_version(editor) == "1.0.0"


@pytest.mark.parametrize("name", ["extension/../../evil.js", "extension/a/../../../evil.js", "extension\\..\\evil.js"])
def test_an_archive_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    source = make_vsix(tmp_path / "evil.vsix")
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), "alert(1)")
    with pytest.raises(zipfile.BadZipFile):
        additions.unpack(source, tmp_path / "a/b/into")
    assert list(tmp_path.rglob("evil.js")) == []


def test_native_modules_without_a_binary_get_a_stand_in(editor: Editor, tmp_path: Path) -> None:
    modules = editor.vscode / "node_modules/@vscode"
    for package in ("spdlog", "native-watchdog"):
        (modules / package).mkdir(parents=True)
        (modules / package / "index.js").write_text("require('bindings')", encoding="utf-8")
    binary = modules / "native-watchdog/build/Release/watchdog.node"
    binary.parent.mkdir(parents=True)
    binary.touch()
    additions.ensure(editor, extension=tmp_path / "missing.vsix")
    assert "createRotatingLogger" in (modules / "spdlog/index.js").read_text(encoding="utf-8")
    assert (modules / "native-watchdog/index.js").read_text(encoding="utf-8") == "require('bindings')", "it was built"


def test_a_shared_file_is_replaced_and_not_written_into(editor: Editor, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.hardlink_to(editor.root / WORKBENCH_PAGE)
    before = other.read_text(encoding="utf-8")
    (editor.root / WORKBENCH_PAGE).chmod(0o640)
    additions.ensure(editor, extension=tmp_path / "missing.vsix")
    assert other.read_text(encoding="utf-8") == before
    assert (editor.root / WORKBENCH_PAGE).stat().st_mode & 0o777 == 0o640


def test_a_page_of_another_shape_is_an_error(editor: Editor, tmp_path: Path) -> None:
    (editor.root / WORKBENCH_PAGE).write_text("<html></html>", encoding="utf-8")
    with pytest.raises(EditorUnavailable):
        additions.ensure(editor, extension=tmp_path / "missing.vsix")
