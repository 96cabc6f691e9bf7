from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.errors import InvalidInput, TemplateNotFound
from vibecode.templates import BUILTIN, TemplateLibrary


def _make(own: Path, name: str, text: str = "title = 'Own'") -> Path:
    folder = own / name
    (folder / "files").mkdir(parents=True)
    (folder / "template.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_damaged_template_does_not_hide_the_others(tmp_path: Path) -> None:
    _make(tmp_path, "good")
    _make(tmp_path, "bad", "titel = 'x'")
    _make(tmp_path, "Bad Name")
    linking = _make(tmp_path, "linking")
    (linking / "files/passwd").symlink_to("/etc/passwd")
    (tmp_path / "notes.txt").touch()
    _make(tmp_path, ".hidden", "broken")
    library = TemplateLibrary(BUILTIN, tmp_path)
    assert [template.name for template in library.list()] == ["good", "node", "python", "web"]
    errors = library.errors()
    assert len(errors) == 3
    assert all(any(word in error for error in errors) for word in ("titel", "Bad Name", "leads out"))
    with pytest.raises(InvalidInput, match="titel"):
        library.get("bad")


def test_an_own_template_takes_the_place_of_a_built_in_one(tmp_path: Path) -> None:
    _make(tmp_path, "python", "title = 'Our Python'")
    library = TemplateLibrary(BUILTIN, tmp_path)
    assert library.get("python").title == "Our Python"
    assert [template.name for template in library.list()].count("python") == 1


@pytest.mark.parametrize("name", ["rust", "", "..", "../python", "/etc"])
def test_an_unknown_template_is_answered_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(TemplateNotFound, match="node, python, web"):
        TemplateLibrary(BUILTIN, tmp_path / "missing").get(name)


def test_an_extension_file_must_be_in_the_folder(tmp_path: Path) -> None:
    folder = _make(tmp_path, "own", "title = 'x'\nextensions = ['a.vsix', 'b.c']")
    library = TemplateLibrary(BUILTIN, tmp_path)
    with pytest.raises(InvalidInput, match=r"a\.vsix"):
        library.get("own")
    (folder / "a.vsix").touch()
    assert library.get("own").installable_extensions() == [str(folder / "a.vsix"), "b.c"]
    (folder / "a.vsix").unlink()
    (folder / "a.vsix").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match=r"a\.vsix"):
        library.get("own")


def test_a_new_template_is_seen_at_once(tmp_path: Path) -> None:
    library = TemplateLibrary(BUILTIN, tmp_path)
    assert "own" not in [template.name for template in library.list()]
    _make(tmp_path, "own")
    assert library.get("own").title == "Own"
