"""The installer, with the real npm and a small package of code-server's shape that comes from files."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.editors import SmallPackage
from tests.support.require import require
from vibecode.domain.errors import DataFolderUnusable, EditorUnavailable
from vibecode.editor.model import NODE, WORKBENCH_PAGE
from vibecode.editor.page import SCRIPT
from vibecode.editor.store import EditorStore


@pytest.fixture
def package(tmp_path: Path) -> SmallPackage:
    return SmallPackage(tmp_path / "package")


def _names(store: EditorStore) -> set[str]:
    return {path.name for path in store.root.iterdir()} - {".lock"}


async def test_all_three_levels_are_installed_pruned_and_recorded(package: SmallPackage, tmp_path: Path) -> None:
    store = package.store(tmp_path)
    lines: list[str] = []
    editor = await store.install(progress=lines.append)
    modules = editor.vscode / "node_modules"
    assert (editor.root / "node_modules/level-1/package.json").is_file()
    assert (modules / "level-2/package.json").is_file()
    assert (editor.vscode / "extensions/node_modules/level-3/package.json").is_file()
    assert not (modules / "level-2/index.js.map").exists()
    assert not (editor.vscode / "extensions/node_modules/level-3/index.d.ts").exists()
    assert SCRIPT in (editor.root / WORKBENCH_PAGE).read_text(encoding="utf-8")
    assert subprocess.check_output([editor.node, "--version"], text=True).startswith("v24.")
    path = f"{editor.node.parent}:/usr/bin:/bin"
    assert subprocess.check_output([editor.node.parent / "npm", "--version"], env={"PATH": path})
    manifest = store.manifest(package.version)
    assert NODE.as_posix() in manifest.hashes
    assert manifest.files > 100
    assert store.verify(package.version) == []
    assert store.current() == editor
    assert lines[0].startswith(f"Installing the editor, code-server {package.version}")
    assert "MB on disk" in lines[-1]


async def test_again_is_at_once_and_repairs_when_asked(package: SmallPackage, tmp_path: Path) -> None:
    store = package.store(tmp_path)
    editor = await store.install(progress=print)
    lines: list[str] = []
    assert await store.install(progress=lines.append) == editor
    assert lines == []
    (editor.vscode / "node_modules/level-2/package.json").unlink()
    assert any("1 of its" in problem for problem in store.verify(package.version))
    await store.install(progress=print, again=True)
    assert store.verify(package.version) == []
    assert _names(store) == {package.version, "current"}


async def test_a_damaged_installation_is_replaced_without_being_asked(package: SmallPackage, tmp_path: Path) -> None:
    store = package.store(tmp_path)
    editor = await store.install(progress=print)
    editor.entry.unlink()
    assert (await store.install(progress=print)).entry.is_file()


async def test_a_second_version_comes_beside_the_first_and_is_not_used_yet(tmp_path: Path) -> None:
    package = SmallPackage(tmp_path / "package")
    store = package.store(tmp_path)
    await store.install(progress=print)
    package.version = "4.2.0"
    package.write()
    newer = await store.install(progress=print)
    current = store.current()
    assert current is not None
    assert (newer.version, current.version) == ("4.2.0", "4.1.0")
    store.use("4.2.0")
    store.remove("4.1.0")
    assert _names(store) == {"4.2.0", "current"}


@pytest.mark.parametrize("level", ["code-server", "level-1", "level-2", "level-3"])
async def test_a_tampered_package_is_refused_on_each_level(tmp_path: Path, level: str) -> None:
    package = SmallPackage(tmp_path / "package")
    package.write(wrong=level)
    store = package.store(tmp_path)
    with pytest.raises(EditorUnavailable, match="not what VibeCode pins") as refused:
        await store.install(progress=print)
    log = tmp_path / "logs/editor-install.log"
    assert str(log) in refused.value.detail
    assert "EINTEGRITY" in log.read_text(encoding="utf-8")
    assert _names(store) == set()
    assert store.current() is None


async def test_an_unexpected_page_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    package = SmallPackage(tmp_path / "package")
    package.write(page="<html></html>")
    store = package.store(tmp_path)
    with pytest.raises(EditorUnavailable, match="another start page"):
        await store.install(progress=print)
    assert _names(store) == set()


async def test_without_a_network_it_says_so_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    store = EditorStore(tmp_path / "editors")
    started = asyncio.get_running_loop().time()
    with pytest.raises(EditorUnavailable, match="can't be reached"):
        await store.install(progress=print)
    assert asyncio.get_running_loop().time() - started < 30
    assert _names(store) == set()


async def test_the_users_npmrc_decides_about_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    npmrc = tmp_path / "npmrc"
    npmrc.write_text(f"registry=http://127.0.0.1:{address[1]}/mirror/\nignore-scripts=false\n", encoding="utf-8")
    for name in [name for name in os.environ if name.lower().startswith("npm_config_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("npm_config_userconfig", str(npmrc))
    async with server:
        with pytest.raises(EditorUnavailable, match=r"refused access \(E403\)"):
            await EditorStore(tmp_path / "editors").install(progress=print)
    requests = [line for line in asked if line]
    assert requests
    assert all("/mirror/" in line for line in requests)


async def test_too_little_space_is_told_before_the_download(package: SmallPackage, tmp_path: Path) -> None:
    numbers = package.pins / package.version / "package.json"
    text = numbers.read_text(encoding="utf-8")
    numbers.write_text(text.replace('"diskBytes": 1000000', '"diskBytes": 1000000000000000'), encoding="utf-8")
    store = package.store(tmp_path)
    with pytest.raises(DataFolderUnusable, match=r"needs 1000000000 MB of free space .* has \d+ MB"):
        await store.install(progress=print)
    assert _names(store) == set()


def _mount_tmpfs(folder: Path, size: str) -> None:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        require("mount", f"a small disk can't be mounted here: {done.stderr.decode().strip()}")


@pytest.mark.parametrize("space", ["8m", "160m"])
async def test_a_disk_that_fills_up_is_one_sentence_and_leaves_nothing(tmp_path: Path, space: str) -> None:
    package = SmallPackage(tmp_path / "package", bytes_of_first=20_000_000)
    disk = tmp_path / "disk"
    _mount_tmpfs(disk, space)
    try:
        store = EditorStore(disk / "editors", pins=package.pins)
        with pytest.raises(DataFolderUnusable, match="is full"):
            await store.install(progress=print)
        assert _names(store) <= {".lock"}
        assert shutil.disk_usage(disk).free > 1_000_000
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def test_a_read_only_disk_is_one_sentence(package: SmallPackage, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    _mount_tmpfs(disk, "1m")
    try:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)
        with pytest.raises(DataFolderUnusable, match="can't be written to"):
            await package.store(disk).install(progress=print)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


_INSTALL = """
import asyncio, sys
from pathlib import Path
from vibecode.editor.store import EditorStore
store = EditorStore(Path(sys.argv[1]), pins=Path(sys.argv[2]))
asyncio.run(store.install(progress=lambda line: print(line, flush=True)))
"""


def _spawn(store: EditorStore, package: SmallPackage) -> subprocess.Popen[str]:
    source = str(Path(__file__).parents[3] / "src")
    return subprocess.Popen(
        [sys.executable, "-c", _INSTALL, str(store.root), str(package.pins)],
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_two_at_once_wait_for_each_other(package: SmallPackage, tmp_path: Path) -> None:
    store = package.store(tmp_path)
    lines: list[list[str]] = [[], []]
    with _spawn(store, package) as other:
        editors = await asyncio.gather(*(store.install(progress=heard.append) for heard in lines))
        assert other.wait(60) == 0
    assert editors[0] == editors[1]
    assert sum(any("MB on disk" in line for line in heard) for heard in lines) <= 1
    waited = [line for heard in lines for line in heard if "waiting for it" in line]
    assert waited, "at least one of three had to wait"
    assert _names(store) == {package.version, "current"}
    assert store.verify(package.version) == []


async def test_a_killed_installation_leaves_nothing_half_made(package: SmallPackage, tmp_path: Path) -> None:
    store = package.store(tmp_path)
    with _spawn(store, package) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
    assert store.installed() == []
    assert any(name.startswith(".installing-") for name in _names(store))
    await store.install(progress=print)
    assert _names(store) == {package.version, "current"}
    assert store.verify(package.version) == []


async def test_an_interrupted_installation_ends_npm_and_cleans_up(package: SmallPackage, tmp_path: Path) -> None:
    store = package.store(tmp_path)
    begun = asyncio.Event()
    task = asyncio.create_task(store.install(progress=lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _names(store) == set()
    await store.install(progress=print)
    assert [editor.version for editor in store.installed()] == [package.version]
