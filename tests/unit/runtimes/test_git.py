"""Cloning with the real Git: what works, and what goes wrong."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.local_runtime import LIMIT, build, opened, reach, running, spec, until
from tests.support.stores import MemoryStore
from vibecode.domain.errors import SourceUnavailable
from vibecode.domain.workspace import GitSource, Phase
from vibecode.runtimes.local.git import clone


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init")
    (folder / "README.md").write_text("Hello")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "First")
    git(folder, "switch", "-c", "other")
    (folder / "other.txt").write_text("Other")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "Other")
    git(folder, "switch", "main")
    return folder


@asynccontextmanager
async def http_server(status: str, *, silent: bool = False) -> AsyncIterator[str]:
    """Answer every request with one status, or with nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if silent:
                await reader.read()
            else:
                challenge = 'WWW-Authenticate: Basic realm="x"\r\n' if status.startswith("401") else ""
                head = f"HTTP/1.1 {status}\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_repository_and_a_branch_are_cloned_with_progress(repository: Path, tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path / "data", store=store)) as runtime:
        workspace = await running(runtime, source=GitSource(url=repository.as_uri(), branch="other"))
        files = tmp_path / "data" / "workspaces" / workspace.id / "files" / "alice"
        assert (files / "other.txt").read_text() == "Other"
        texts = [line.text async for line in runtime.logs("alice", follow=False)]
        assert f"Starting: cloning {repository.as_uri()}." in texts
        assert any(text.startswith("Receiving objects: 100%") for text in texts)
        assert any(event.kind == "cloned" for event in await runtime.events("alice"))


@pytest.mark.parametrize(
    ("url", "branch", "words"),
    [
        ("file:///does/not/exist.git", None, "is not a Git repository, or is private"),
        ("{plain}", None, "is not a Git repository, or is private"),
        ("{repository}", "missing", "has no branch or tag missing"),
        ("http://127.0.0.1:1/a.git", None, "can't be reached from this machine"),
        ("https://host.invalid/a.git", None, "can't be reached from this machine"),
        ("ssh://git@host.invalid/a.git", None, "can't be reached from this machine"),
    ],
)
async def test_failures_become_one_sentence(
    repository: Path, tmp_path: Path, url: str, branch: str | None, words: str
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    url = url.format(repository=repository.as_uri(), plain=plain.as_uri())
    async with opened(build(tmp_path / "data")) as runtime:
        await runtime.create(spec(source=GitSource(url=url, branch=branch)))
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert failed.reason.startswith(f"The repository {url} {words}")
        assert failed.reason.endswith(".")
        assert (await runtime.events("alice"))[0].message == failed.reason
        assert not (tmp_path / "data" / "workspaces" / failed.id / "files" / "alice").exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401 Unauthorized", "asks for a password or key"),
        ("403 Forbidden", "asks for a password or key"),
        ("404 Not Found", "is not a Git repository, or is private"),
        ("500 Internal Server Error", "can't be reached from this machine"),
    ],
)
async def test_what_a_host_answers_becomes_a_sentence_without_the_secret(
    tmp_path: Path, status: str, words: str
) -> None:
    store = MemoryStore()
    async with http_server(status) as address, opened(build(tmp_path, store=store)) as runtime:
        url = f"{address}/a.git".replace("http://", "http://me:S3CR3T@")
        await runtime.create(spec(source=GitSource(url=url)))
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert words in failed.reason
        said = [failed.reason, *(event.message for _, event in store.log)]
        said += [line.text async for line in runtime.logs("alice", follow=False)]
        assert not any("S3CR3T" in text for text in said)


async def test_a_start_tries_again(repository: Path, tmp_path: Path) -> None:
    away = repository.with_name("away")
    repository.rename(away)
    async with opened(build(tmp_path / "data")) as runtime:
        await runtime.create(spec(source=GitSource(url=repository.as_uri())))
        await reach(runtime, "alice", Phase.FAILED)
        away.rename(repository)
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        workspace = await runtime.get("alice")
        files = tmp_path / "data" / "workspaces" / workspace.id / "files" / "alice"
        assert (files / "README.md").read_text() == "Hello"


async def test_a_silent_host_is_given_up(tmp_path: Path) -> None:
    async with http_server("", silent=True) as address:
        with pytest.raises(SourceUnavailable, match="sent nothing for 0 s"):
            await clone(
                GitSource(url=f"{address}/a.git"),
                tmp_path / "into",
                environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                on_line=lambda line: None,
                no_progress_limit=0.3,
            )
    await until(lambda: not _clones(tmp_path))


@pytest.mark.parametrize("end", ["delete", "stop"])
async def test_a_clone_ends_when_nobody_wants_it(tmp_path: Path, end: str) -> None:
    async with http_server("", silent=True) as address, opened(build(tmp_path)) as runtime:
        created = await runtime.create(spec(source=GitSource(url=f"{address}/a.git")))
        await until(lambda: bool(_clones(tmp_path)))
        if end == "delete":
            await runtime.delete("alice", purge=False)
            assert list((tmp_path / "workspaces").iterdir()) == []
        else:
            await runtime.stop("alice", reason="Stopped by alice.")
            stopped = await reach(runtime, "alice", Phase.STOPPED)
            assert stopped.id == created.id
        await until(lambda: not _clones(tmp_path))


async def test_without_git_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Git is not installed"):
        await clone(
            GitSource(url="https://host/a"),
            tmp_path / "into",
            environment={"PATH": str(tmp_path)},
            on_line=lambda line: None,
        )


async def test_a_file_url_does_not_get_past_git_itself(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        await clone(
            GitSource(url=repository.as_uri()),
            tmp_path / "into",
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            on_line=lambda line: None,
        )


def _clones(root: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"].startswith("git") and any(str(root) in part for part in process.info["cmdline"] or ())
    ]
