from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.editors import make_editor, make_vsix
from vibecode.editor.gallery import install_extensions, installed_extensions
from vibecode.editor.launch import extensions_folder


def _put(home: Path, identity: str, version: str) -> None:
    folder = extensions_folder(home)
    place = folder / f"{identity}-{version}"
    place.mkdir(parents=True)
    (place / "package.json").write_text("{}", encoding="utf-8")
    listing = folder / "extensions.json"
    entries = json.loads(listing.read_text(encoding="utf-8")) if listing.exists() else []
    entries.append({"identifier": {"id": identity}, "version": version, "relativeLocation": place.name})
    listing.write_text(json.dumps(entries), encoding="utf-8")


def test_only_what_is_really_there_counts_as_installed(tmp_path: Path) -> None:
    assert installed_extensions(tmp_path) == {}
    _put(tmp_path, "Publisher.Name", "1.0.0")
    _put(tmp_path, "lost.one", "1.0.0")
    (extensions_folder(tmp_path) / "lost.one-1.0.0/package.json").unlink()
    assert installed_extensions(tmp_path) == {"publisher.name": "1.0.0"}
    (extensions_folder(tmp_path) / "extensions.json").write_text("[", encoding="utf-8")
    assert installed_extensions(tmp_path) == {}


async def test_what_is_installed_costs_no_run_of_the_editor(tmp_path: Path) -> None:
    editor = make_editor(tmp_path / "editors")  # Its node can't be run: a try would fail.
    home = tmp_path / "home"
    _put(home, "some.extension", "2.0.0")
    _put(home, "tests.hello", "1.0.0")
    vsix = make_vsix(tmp_path / "hello.vsix", version="1.0.0")
    lines: list[str] = []
    failures = await install_extensions(
        editor,
        home=home,
        extensions=["Some.Extension", "some.extension@2.0.0", str(vsix), "some.extension"],
        on_line=lines.append,
    )
    assert failures == []
    assert lines == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("python", "is not an extension"),
        ("--uninstall-extension", "is not an extension"),
        ("a.b; rm -rf", "is not an extension"),
        ("relative.vsix", "must be absolute"),
        ("/nowhere/x.vsix", "There is no extension file"),
    ],
)
async def test_what_is_no_extension_is_told_and_not_run(tmp_path: Path, given: str, words: str) -> None:
    editor = make_editor(tmp_path / "editors")
    lines: list[str] = []
    failures = await install_extensions(editor, home=tmp_path, extensions=[given], on_line=lines.append)
    assert len(failures) == 1
    assert words in failures[0]
    assert lines == failures


async def test_a_file_that_is_no_extension_is_told(tmp_path: Path) -> None:
    editor = make_editor(tmp_path / "editors")
    (tmp_path / "bad.vsix").write_bytes(b"no archive")
    failures = await install_extensions(
        editor, home=tmp_path, extensions=[str(tmp_path / "bad.vsix")], on_line=lambda _: None
    )
    assert "is not an extension (.vsix), or it is damaged" in failures[0]
