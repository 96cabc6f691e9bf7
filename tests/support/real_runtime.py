"""A local runtime wired as in the server: code-server, database, templates. Also a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.local_runtime import running
from vibecode.database.engine import open_database
from vibecode.database.workspaces import WorkspaceRepository
from vibecode.editor.store import EditorStore
from vibecode.runtimes.local.context import Options
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.runtime import LocalRuntime
from vibecode.server.adapters import LibraryProvisioner, StoreEditors
from vibecode.templates import library

OPTIONS = Options(grace=5, back_off=0.1, sample_every=0.5, allow_local_sources=True)


@asynccontextmanager
async def real_runtime(root: Path, editors: EditorStore, *, keep: bool = False) -> AsyncIterator[LocalRuntime]:
    """Open a runtime; afterwards delete its workspaces (unless ``keep``) and close it."""
    data = DataFolder(root)
    data.prepare()
    database = open_database(root / "vibecode.db")
    runtime = LocalRuntime(
        data=data,
        store=WorkspaceRepository(database),
        editor=StoreEditors(editors, extensions=()),
        provisioner=LibraryProvisioner(library.TemplateLibrary(library.BUILTIN, root / "templates")),
        agent_url=lambda: "http://127.0.0.1:9",
        dashboard_url=lambda: "http://127.0.0.1:9/",
        token_for=lambda workspace_id: f"token-of-{workspace_id}",
        proxy_uri=lambda name: f"http://{{{{port}}}}--{name}.vibecode.localhost:8000/",
        options=OPTIONS,
    )
    await runtime.open()
    try:
        yield runtime
    finally:
        if not keep:
            for workspace in await runtime.list():
                await runtime.delete(workspace.name, purge=True)
        await runtime.close()
        await database.close()


async def main() -> None:
    root, editors = Path(sys.argv[1]), EditorStore(Path(sys.argv[2]))
    async with real_runtime(root, editors, keep=True) as runtime:
        workspace = await running(runtime)
        print(workspace.id, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
