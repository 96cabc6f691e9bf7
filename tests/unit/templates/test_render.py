from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.errors import Conflict, InvalidInput
from vibecode.templates.render import check_files, render


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "mine/files"
    folder.mkdir(parents=True)
    return folder


def _render(
    files: Path, into: Path, values: Mapping[str, str | bool] | None = None, patterns: tuple[str, ...] = ()
) -> dict[str, str]:
    render(files, into, values=values or {}, patterns=patterns, template="mine")
    return {
        path.relative_to(into).as_posix(): path.read_text(encoding="utf-8")
        for path in into.rglob("*")
        if path.is_file()
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_parameters_are_filled_in_where_they_should_be(files: Path, tmp_path: Path) -> None:
    _write(files / "README.md.jinja", "# {{ name }}\n")
    _write(files / "plain.md", "# {{ name }}\n")
    _write(files / "listed/setup.cfg", "[{{ name }}]")
    _write(files / "src/{{ name }}/main.py", "print('{{ name }}')")
    assert _render(files, tmp_path / "new", {"name": "app"}, ("listed/*.cfg",)) == {
        "README.md": "# app\n",
        "plain.md": "# {{ name }}\n",
        "listed/setup.cfg": "[app]",
        "src/app/main.py": "print('{{ name }}')",
    }


def test_what_becomes_nameless_is_left_out(files: Path, tmp_path: Path) -> None:
    _write(files / "{{ 'Dockerfile' if docker else '' }}", "FROM scratch")
    _write(files / "{{ 'ci' if docker else '' }}/run.yml", "on: push")
    assert _render(files, tmp_path / "without", {"docker": False}) == {}
    assert set(_render(files, tmp_path / "with", {"docker": True})) == {"Dockerfile", "ci/run.yml"}


def test_modes_empty_folders_binaries_and_links_are_kept(files: Path, tmp_path: Path) -> None:
    _write(files / "run.sh.jinja", "#!/bin/sh\n")
    (files / "run.sh.jinja").chmod(0o755)
    (files / "empty").mkdir()
    (files / "picture.png").write_bytes(bytes(range(256)))
    (files / "latest").symlink_to("run.sh")
    (files / "link").symlink_to("picture.png")
    into = tmp_path / "new"
    render(files, into, values={}, patterns=(), template="mine")
    assert os.access(into / "run.sh", os.X_OK)
    assert (into / "empty").is_dir()
    assert (into / "picture.png").read_bytes() == bytes(range(256))
    assert (into / "link").readlink() == Path("picture.png")
    assert (into / "latest").read_text(encoding="utf-8") == "#!/bin/sh\n"


def test_an_empty_folder_is_filled_and_keeps_its_mode(files: Path, tmp_path: Path) -> None:
    _write(files / "a.txt", "a")
    into = tmp_path / "new"
    into.mkdir(mode=0o700)
    assert _render(files, into) == {"a.txt": "a"}
    assert into.stat().st_mode & 0o777 == 0o700


def test_a_full_folder_is_refused(files: Path, tmp_path: Path) -> None:
    _write(tmp_path / "new/mine.txt", "precious")
    with pytest.raises(Conflict):
        _render(files, tmp_path / "new")
    assert (tmp_path / "new/mine.txt").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt.jinja", "{{ missing }}", "'missing' is undefined"),
        ("a.txt.jinja", "line\n{% if %}", "line 2"),
        ("a.txt.jinja", "{{ 1 / 0 }}", "division"),
        ("a.txt.jinja", "{{ ''.__class__.__mro__ }}", "unsafe"),
        ("a.txt.jinja", "{% include 'other' %}", "in a.txt.jinja"),
        ("{{ missing }}", "", "'missing' is undefined"),
        ("b.txt.jinja", "", "makes b.txt twice"),
    ],
)
def test_a_failure_names_the_file_and_leaves_nothing(
    files: Path, tmp_path: Path, name: str, text: str, words: str
) -> None:
    _write(files / "b.txt", "b")
    _write(files / name, text)
    with pytest.raises(InvalidInput) as refused:
        _render(files, tmp_path / "new")
    assert words in refused.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["mine"], "nothing half made is left"


@pytest.mark.parametrize("value", ["..", ".", "../up", "/etc/passwd", "a/b", "a\\b", "a\0b"])
def test_no_parameter_leads_out_of_the_folder(files: Path, tmp_path: Path, value: str) -> None:
    _write(files / "in/{{ name }}", "evil")
    with pytest.raises(InvalidInput, match="the name of"):
        _render(files, tmp_path / "new", {"name": value})
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@given(st.text(max_size=12))
def test_whatever_the_parameters_are_nothing_is_written_elsewhere(value: str) -> None:
    with TemporaryDirectory() as folder:
        top = Path(folder)
        _write(top / "mine/files/{{ name }}/{{ name }}.txt", "x")
        try:
            render(top / "mine/files", top / "new", values={"name": value}, patterns=(), template="mine")
        except (InvalidInput, OSError, UnicodeEncodeError):
            assert not (top / "new").exists()
        assert {path.name for path in top.iterdir()} <= {"mine", "new"}
        written = [path for path in top.rglob("*") if path.is_file()]
        assert all(path.resolve().is_relative_to(top.resolve()) for path in written)
        assert len(written) <= 2


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../../../etc/passwd", "sub/../../../secret"])
def test_links_that_lead_out_are_refused(files: Path, tmp_path: Path, target: str) -> None:
    (files / "link").symlink_to(target)
    with pytest.raises(InvalidInput, match="leads out of it: link"):
        check_files(files, "mine")
    with pytest.raises(InvalidInput, match="leads out of it: link"):
        _render(files, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_behind_a_link_is_not_walked_into(files: Path, tmp_path: Path) -> None:
    _write(files / "real/a.txt", "a")
    (files / "alias").symlink_to("real")
    (files / "loop").symlink_to(".")
    _render(files, tmp_path / "new")
    assert (tmp_path / "new/alias").is_symlink()
    assert (tmp_path / "new/loop").is_symlink()


def test_special_files_are_refused(files: Path) -> None:
    os.mkfifo(files / "pipe")
    with pytest.raises(InvalidInput, match="neither a file nor a folder: pipe"):
        check_files(files, "mine")


def test_a_template_without_files_makes_an_empty_folder(tmp_path: Path) -> None:
    assert _render(tmp_path / "mine/files", tmp_path / "new") == {}
    assert (tmp_path / "new").is_dir()
