"""A folder that is filled as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

from vibecode.agent import filling


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def make(folder: Path) -> Path:
    part = filling.begin(folder)
    assert part is not None
    part.mkdir()
    (part / ".git").mkdir()
    (part / ".git/HEAD").write_text("ref")
    (part / "README").write_text("new")
    return part


def test_an_empty_folder_and_a_new_volume_are_wanting(tmp_path: Path) -> None:
    assert filling.is_wanting(tmp_path)
    (tmp_path / "lost+found").mkdir()
    assert filling.is_wanting(tmp_path)
    (tmp_path / "mine").touch()
    assert not filling.is_wanting(tmp_path)


def test_files_are_moved_up(tmp_path: Path) -> None:
    make(tmp_path)
    filling.finish(tmp_path)
    assert names(tmp_path) == {".git", ".git/HEAD", "README"}
    assert not filling.is_wanting(tmp_path)


def test_what_was_not_complete_is_made_again(tmp_path: Path) -> None:
    part = make(tmp_path)
    assert filling.is_wanting(tmp_path)
    again = filling.begin(tmp_path)
    assert again == part
    assert not part.exists()


def test_what_was_complete_is_only_moved(tmp_path: Path) -> None:
    part = make(tmp_path)
    ready = part.with_name("ready")
    part.rename(ready)
    (ready / "README").rename(tmp_path / "README")
    assert filling.is_wanting(tmp_path)
    assert filling.begin(tmp_path) is None
    filling.finish(tmp_path)
    assert names(tmp_path) == {".git", ".git/HEAD", "README"}


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "README").write_text("mine")
    filling.finish(tmp_path)
    assert (tmp_path / "README").read_text() == "mine"


def test_a_failure_leaves_an_empty_folder(tmp_path: Path) -> None:
    make(tmp_path)
    filling.abandon(tmp_path)
    assert names(tmp_path) == set()
