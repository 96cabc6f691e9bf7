from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.editors import make_editor
from vibecode.domain.errors import Conflict, DataFolderUnusable, EditorUnavailable
from vibecode.editor import additions
from vibecode.editor.model import ENTRY, MANIFEST_NAME, NODE, PRODUCT
from vibecode.editor.store import EditorStore


@pytest.fixture
def store(tmp_path: Path) -> EditorStore:
    root = tmp_path / "editors"
    for version in ("4.9.0", "4.10.0"):
        make_editor(root, version)
    return EditorStore(root)


def test_an_empty_folder_has_no_editor(tmp_path: Path) -> None:
    store = EditorStore(tmp_path / "none")
    assert store.installed() == []
    assert store.current() is None
    with pytest.raises(EditorUnavailable, match=r"vibecode editor install 4\.1\.0"):
        store.get("4.1.0")


def test_unfinished_installations_are_not_seen(store: EditorStore) -> None:
    make_editor(store.root, ".installing-abc")
    (store.root / "4.11.0").mkdir()
    assert [editor.version for editor in store.installed()] == ["4.10.0", "4.9.0"]


def test_use_switches_and_the_newest_is_used_until_then(store: EditorStore) -> None:
    current = store.current()
    assert current is not None
    assert current.version == "4.10.0"
    store.use("4.9.0")
    current = store.current()
    assert current is not None
    assert (current.version, current.root) == ("4.9.0", store.root / "4.9.0")
    with pytest.raises(EditorUnavailable):
        store.use("5.0.0")
    assert (store.root / "current").read_text(encoding="utf-8") == "4.9.0\n"


def test_a_current_version_that_is_gone_is_replaced_by_the_newest(store: EditorStore) -> None:
    (store.root / "current").write_text("1.0.0\n", encoding="utf-8")
    current = store.current()
    assert current is not None
    assert current.version == "4.10.0"


@pytest.mark.parametrize("name", [NODE, ENTRY, PRODUCT, Path(MANIFEST_NAME)])
def test_a_damaged_installation_is_named_with_the_way_out(store: EditorStore, name: Path) -> None:
    (store.root / "4.9.0" / name).unlink()
    with pytest.raises(EditorUnavailable) as refused:
        store.get("4.9.0")
    assert name.as_posix() in refused.value.detail
    assert "vibecode editor install 4.9.0 --again" in refused.value.detail


@pytest.mark.parametrize("version", ["", ".", "..", "../editors/4.9.0", "/etc", ".installing-abc"])
def test_a_version_is_no_path(store: EditorStore, version: str) -> None:
    (store.root / ".installing-abc").mkdir()
    with pytest.raises(EditorUnavailable):
        store.get(version)
    with pytest.raises(EditorUnavailable):
        store.remove(version)


def test_verify_names_what_was_changed(store: EditorStore, tmp_path: Path) -> None:
    editor = store.get("4.9.0")
    additions.ensure(editor, extension=tmp_path / "missing.vsix")
    from vibecode.editor import installer

    manifest = store.manifest("4.9.0").model_copy(
        update={"hashes": installer.hashes(editor.root), "files": installer.files_in(editor.root).files}
    )
    (editor.root / MANIFEST_NAME).write_text(manifest.model_dump_json(), encoding="utf-8")
    assert store.verify("4.9.0") == []
    editor.entry.write_text("something else", encoding="utf-8")
    (editor.root / PRODUCT).unlink()
    (editor.root / PRODUCT).symlink_to(editor.entry)
    problems = store.verify("4.9.0")
    assert any("entry.js is changed" in problem for problem in problems)
    (editor.root / MANIFEST_NAME).write_text("{", encoding="utf-8")
    assert "its manifest can't be read" in store.verify("4.9.0")[0]


def test_remove_refuses_what_is_used(store: EditorStore) -> None:
    with pytest.raises(Conflict, match="vibecode editor use"):
        store.remove("4.10.0")
    with pytest.raises(Conflict, match="vibecode workspace restart"):
        store.remove("4.9.0", in_use={"4.9.0"})
    store.remove("4.9.0", in_use={"4.10.0"})
    assert [editor.version for editor in store.installed()] == ["4.10.0"]
    assert sorted(path.name for path in store.root.iterdir()) == ["4.10.0"]


def test_a_damaged_installation_can_be_removed(store: EditorStore) -> None:
    (store.root / "4.9.0" / MANIFEST_NAME).unlink()
    store.remove("4.9.0")
    assert not (store.root / "4.9.0").exists()


async def test_a_folder_that_cant_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = EditorStore(tmp_path / "file/editors")
    with pytest.raises(DataFolderUnusable, match="can't be used"):
        await store.install(progress=print)


async def test_an_unknown_version_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    store = EditorStore(tmp_path / "editors")
    with pytest.raises(EditorUnavailable, match=r"There is no editor version 1\.2\.3"):
        await store.install(progress=print, version="1.2.3")
    assert not store.root.exists()
