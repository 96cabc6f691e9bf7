"""A local runtime over the helper editor, and what tests wait for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from tests.support.stores import MemoryStore
from vibecode.domain.errors import EditorUnavailable, TemplateNotFound
from vibecode.domain.workspace import Phase, Source, TemplateSource, Workspace, WorkspaceSpec
from vibecode.runtimes.local.context import Options
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.ports import Launch, TemplateExtras
from vibecode.runtimes.local.runtime import LocalRuntime
from vibecode.runtimes.local.store import WorkspaceStore

HELPER = Path(__file__).with_name("helper_editor.py")
LIMIT = 60.0
"""Seconds to wait for anything: much more than it takes, since the machine may be busy with something else."""
QUICK = Options(grace=5, ready_limit=LIMIT, back_off=0.05, max_back_off=0.1, sample_every=0.2, allow_local_sources=True)


class HelperEditor:
    """Provides the helper process as the editor."""

    def __init__(self) -> None:
        self.version: str | None = "1.0.0"
        self.extensions: Sequence[str] = ()
        self.failing_extensions: dict[str, str] = {}
        self.installed: list[str] = []

    def current_version(self) -> str | None:
        return self.version

    def launch(self, *, socket: Path, home: Path, folder: Path) -> Launch:
        if self.version is None:
            raise EditorUnavailable("No editor is installed: run vibecode editor install.")
        return Launch(version=self.version, argv=[sys.executable, "-I", "-S", str(HELPER), "--socket", str(socket)])

    def seed_home(self, home: Path, *, settings: Mapping[str, object]) -> None:
        (home / "seeded.json").write_text(json.dumps(dict(settings)))

    async def install_extensions(
        self, *, home: Path, extensions: Sequence[str], on_line: Callable[[str], None]
    ) -> Sequence[str]:
        self.installed += [name for name in extensions if name not in self.failing_extensions]
        return [self.failing_extensions[name] for name in extensions if name in self.failing_extensions]


class HelperProvisioner:
    """Has one template, ``hello``."""

    def check(self, source: TemplateSource) -> None:
        if source.name != "hello":
            raise TemplateNotFound(f"There is no template {source.name}.")

    def render(self, source: TemplateSource, into: Path) -> None:
        (into / "hello.txt").write_text(f"Hello {source.parameters.get('who', 'you')}")

    def extras(self, source: TemplateSource) -> TemplateExtras:
        return TemplateExtras(extensions=["sample.hello"], settings={"editor.tabSize": 3})


def build(
    root: Path,
    *,
    store: WorkspaceStore | None = None,
    editor: HelperEditor | None = None,
    options: Options = QUICK,
    max_parallel_starts: int | None = None,
) -> LocalRuntime:
    """Return a runtime that isn't open yet."""
    data = DataFolder(root)
    data.prepare()
    return LocalRuntime(
        data=data,
        store=MemoryStore() if store is None else store,
        editor=HelperEditor() if editor is None else editor,
        provisioner=HelperProvisioner(),
        agent_url=lambda: "http://127.0.0.1:8000",
        dashboard_url=lambda: "http://vibecode.localhost:8000/",
        token_for=lambda workspace_id: f"token-of-{workspace_id}",
        proxy_uri=lambda name: f"http://{{{{port}}}}--{name}.vibecode.localhost:8000/",
        max_parallel_starts=max_parallel_starts,
        options=options,
    )


@asynccontextmanager
async def opened(runtime: LocalRuntime) -> AsyncIterator[LocalRuntime]:
    """Open a runtime; afterwards delete its workspaces and close it."""
    await runtime.open()
    try:
        yield runtime
    finally:
        await asyncio.gather(
            *(runtime.delete(workspace.name, purge=True) for workspace in await runtime.list()), return_exceptions=True
        )
        await runtime.close()


def spec(name: str = "alice", *, owner: str = "u-alice", source: Source = None) -> WorkspaceSpec:
    """Return a spec."""
    return WorkspaceSpec(name=name, owner=owner, source=source)


async def running(runtime: LocalRuntime, name: str = "alice", *, source: Source = None) -> Workspace:
    """Create a workspace and wait until it runs."""
    await runtime.create(spec(name, source=source))
    ready = await runtime.wait_ready(name, timeout=LIMIT)
    workspace = await runtime.get(name)
    assert ready, workspace.reason
    return workspace


async def until(condition: Callable[[], bool | Awaitable[bool]], *, timeout: float = LIMIT) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(timeout):
        while True:
            result = condition()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.01)


async def reach(runtime: LocalRuntime, name: str, phase: Phase, *, timeout: float = LIMIT) -> Workspace:
    """Wait until a workspace is in a phase, without missing a short one."""
    changes = runtime.watch()
    workspace = await runtime.get(name)
    async with asyncio.timeout(timeout):
        while workspace.phase is not phase:
            change = await anext(changes)
            if change.name == name and change.workspace is not None:
                workspace = change.workspace
    return workspace


async def ask(socket: str | Path, target: str) -> str:
    """Send a request to a helper editor and return the body of its answer."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    return answer.partition(b"\r\n\r\n")[2].decode()


async def in_terminal(runtime: LocalRuntime, name: str, *command: str) -> int:
    """Start a command as a terminal would; return its pid."""
    upstream = await runtime.upstream(name)
    assert upstream is not None
    assert upstream.path is not None
    return int(await ask(upstream.path, f"/terminal?{quote(json.dumps(command))}"))
