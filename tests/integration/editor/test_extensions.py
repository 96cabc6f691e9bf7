"""Extensions from files into a home, by the installed editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.editor.conftest import Workspace
from tests.support.editors import make_vsix
from vibecode.editor.gallery import install_extensions, installed_extensions
from vibecode.editor.model import Editor

pytestmark = pytest.mark.editor


async def test_a_failure_does_not_stop_the_others(editor: Editor, workspace: Workspace, tmp_path: Path) -> None:
    good = make_vsix(tmp_path / "good.vsix", name="good")
    newer = make_vsix(tmp_path / "newer.vsix", name="newer", engine="^9.0.0")
    lines: list[str] = []
    failures = await install_extensions(
        editor, home=workspace.home, extensions=[str(newer), str(good)], on_line=lines.append
    )
    assert installed_extensions(workspace.home) == {"tests.good": "1.0.0"}
    assert len(failures) == 1
    assert failures[0].startswith("Extension newer.vsix was not installed:")
    assert "not compatible" in failures[0]
    assert "Extension good.vsix is installed." in lines


async def test_a_newer_file_replaces_an_older_one(editor: Editor, workspace: Workspace, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        vsix = make_vsix(tmp_path / "good.vsix", name="good", version=version)
        assert await install_extensions(editor, home=workspace.home, extensions=[str(vsix)], on_line=print) == []
        assert installed_extensions(workspace.home) == {"tests.good": version}


async def test_without_open_vsx_it_says_so(
    editor: Editor, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTENSIONS_GALLERY", '{"serviceUrl":"http://127.0.0.1:1","itemUrl":"http://127.0.0.1:1"}')
    failures = await install_extensions(editor, home=workspace.home, extensions=["some.thing"], on_line=print)
    assert failures == ["Extension some.thing was not installed: Open VSX can't be reached from this machine."]


async def test_what_takes_too_long_is_given_up(editor: Editor, workspace: Workspace, tmp_path: Path) -> None:
    vsix = make_vsix(tmp_path / "good.vsix", name="good")
    failures = await install_extensions(
        editor, home=workspace.home, extensions=[str(vsix)], on_line=print, timeout=0.01
    )
    assert failures == ["Extension good.vsix was not installed: it took longer than 0 s."]
