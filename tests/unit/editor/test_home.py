from __future__ import annotations

import json
from pathlib import Path

import pytest

from vibecode.editor.home import seed_home, write_if_absent
from vibecode.editor.launch import extensions_folder, user_data


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    folder = tmp_path / "skel"
    folder.mkdir()
    (folder / ".bashrc").write_text("PS1='$ '", encoding="utf-8")
    return folder


def test_a_new_home_is_private_and_has_start_up_files(tmp_path: Path, skeleton: Path) -> None:
    home = tmp_path / "home"
    seed_home(home, skeleton=skeleton)
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / ".bashrc").exists()
    assert not (user_data(home) / "User/settings.json").exists()
    (home / ".bashrc").unlink()
    seed_home(home, skeleton=skeleton)
    assert not (home / ".bashrc").exists(), "the user removed it"


def test_a_templates_settings_are_for_users_without_any(tmp_path: Path, skeleton: Path) -> None:
    home = tmp_path / "home"
    path = user_data(home) / "User/settings.json"
    seed_home(home, settings={"editor.tabSize": 3}, skeleton=skeleton)
    assert json.loads(path.read_text(encoding="utf-8")) == {"editor.tabSize": 3}
    path.write_text("// mine\n{}", encoding="utf-8")
    seed_home(home, settings={"editor.tabSize": 3}, skeleton=skeleton)
    assert path.read_text(encoding="utf-8") == "// mine\n{}"


@pytest.mark.parametrize("present", ["file", "empty", "dangling link"])
def test_whatever_is_there_is_the_users(tmp_path: Path, present: str) -> None:
    path = tmp_path / "User/settings.json"
    path.parent.mkdir()
    if present == "dangling link":
        path.symlink_to(tmp_path / "elsewhere.json")
    else:
        path.write_text("" if present == "empty" else "{}", encoding="utf-8")
    assert not write_if_absent(path, {"a": 1})
    assert not (tmp_path / "elsewhere.json").exists()
    assert [item.name for item in path.parent.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    "link", [".local", ".local/share", ".local/share/code-server", ".local/share/code-server/User"]
)
def test_nothing_is_written_through_a_link_out_of_the_home(tmp_path: Path, skeleton: Path, link: str) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    outside.mkdir(mode=0o755)
    path = home / link
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    with pytest.raises(NotADirectoryError, match="is a link out of its home"):
        seed_home(home, settings={"a": 1}, skeleton=skeleton)
    assert not list(outside.iterdir())


def test_links_within_the_home_are_its_owners(tmp_path: Path, skeleton: Path) -> None:
    home = tmp_path / "home"
    (home / "dotfiles/local").mkdir(parents=True)
    (home / ".local").symlink_to("dotfiles/local")
    seed_home(home, settings={"a": 1}, skeleton=skeleton)
    assert (home / "dotfiles/local/share/code-server/User/settings.json").exists()


@pytest.mark.parametrize("there", [True, False], ids=["folder", "nothing"])
def test_in_a_container_of_its_own_links_may_lead_to_another_volume(
    tmp_path: Path, skeleton: Path, there: bool
) -> None:
    home, volume = tmp_path / "home", tmp_path / "workspace" / ".extensions"
    if there:
        volume.mkdir(parents=True)
    link = extensions_folder(home)
    link.parent.mkdir(parents=True)
    link.symlink_to(volume)
    seed_home(home, skeleton=skeleton, links_may_leave=True)
    assert volume.is_dir()
    assert link.is_symlink()
