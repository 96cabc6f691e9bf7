"""The steps from a workspace that is wanted to one that runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vibecode.domain.errors import StartFailed, VibeCodeError
from vibecode.domain.giturl import without_secrets
from vibecode.domain.workspace import GitSource, Phase, TemplateSource
from vibecode.runtimes.finishing import in_thread
from vibecode.runtimes.local import extensions
from vibecode.runtimes.local.editor_process import (
    EditorProcess,
    environment,
    is_ready,
    mark_ready,
    spawn,
    wait_until_ready,
    warm_up,
)
from vibecode.runtimes.local.files import refuse_link, write_atomic
from vibecode.runtimes.local.ports import TemplateExtras
from vibecode.runtimes.local.provision import provision
from vibecode.runtimes.local.table import Process
from vibecode.runtimes.sources import describe

if TYPE_CHECKING:
    from vibecode.runtimes.local.supervisor import Supervisor


async def bring_up(supervisor: Supervisor) -> None:
    """Do what is missing until the editor is ready, or has gone (the supervisor sees that).

    Raises
    ------
    VibeCodeError
        It can't be started; the sentence says why.
    OSError
        The data folder can't be written.
    """
    if supervisor.process is None:
        await _prepare(supervisor)
    else:
        write_agent_file(supervisor)
        await _become_ready(supervisor, supervisor.process, waited_from=None)


async def _prepare(supervisor: Supervisor) -> None:
    record, context, paths = supervisor.record, supervisor.context, supervisor.paths
    loop = asyncio.get_running_loop()
    paths.make()
    supervisor.log.begin()
    words = f"Starting: {supervisor.begin_words()}."
    supervisor.log.write(words)
    context.journal.note(record.id, "starting", words)
    variables = environment(
        paths, workspace_id=record.id, name=record.spec.name, proxy_uri=context.proxy_uri(record.spec.name)
    )
    extras = await _extras(supervisor)
    supervisor.show(supervisor.starting_phase, words)
    await in_thread(context.editor.seed_home, paths.home, settings=extras.settings)
    if not record.provisioned:
        await _make_files(supervisor, variables)
    supervisor.extensions_tried = await extensions.install_first(supervisor, extras)

    def waiting(before: int) -> None:
        supervisor.show(Phase.STARTING, f"Starting: waiting for {before} other start{'s' if before != 1 else ''}.")

    async with context.starts.enter(waiting):
        began = loop.time()
        supervisor.show(Phase.STARTING, "Starting: waiting until its editor answers.")
        launch = context.editor.launch(socket=paths.socket, home=paths.home, folder=paths.files)
        write_agent_file(supervisor)
        process = spawn(launch, paths, variables, supervisor.log.editor_path)
        supervisor.attach(process)
        supervisor.extras = extras
        supervisor.log.write(f"Started code-server {launch.version}, pid {process.id.pid}.")
        await _become_ready(supervisor, process, waited_from=began)


async def _become_ready(supervisor: Supervisor, process: EditorProcess, *, waited_from: float | None) -> None:
    limit = supervisor.context.options.ready_limit
    ready = asyncio.ensure_future(wait_until_ready(process, limit=limit))
    exited = asyncio.ensure_future(supervisor.exited.wait())
    try:
        await asyncio.wait({ready, exited}, return_when=asyncio.FIRST_COMPLETED)
        if exited.done():
            return
        if not ready.result():
            said = supervisor.log.last_words()
            raise StartFailed(
                f"The editor did not answer within {limit:.0f} s; start it again."
                + (f" Its last words: {said}" if said else " It said nothing.")
            )
    finally:
        for task in (ready, exited):
            task.cancel()
        await asyncio.gather(ready, exited, return_exceptions=True)
    _running(supervisor, process, waited_from)


def _running(supervisor: Supervisor, process: EditorProcess, waited_from: float | None) -> None:
    supervisor.process = mark_ready(process, supervisor.paths)
    now = datetime.now(UTC)
    took = "" if waited_from is None else f" after {asyncio.get_running_loop().time() - waited_from:.2f} s"
    supervisor.log.write(f"Ready{took}.")
    supervisor.show(Phase.RUNNING, f"Running since {now:%H:%M} UTC.")
    supervisor.context.journal.note(supervisor.record.id, "running", f"Ready{took}.")
    supervisor.storage_due = True
    # The server of VS Code is loaded by the first page: 0.3 s that the person who started it need not wait for.
    supervisor.in_background(warm_up(process.socket))
    if not supervisor.extensions_tried:
        supervisor.in_background(extensions.install_again(supervisor, supervisor.extras))


async def resume(supervisor: Supervisor) -> None:
    """Take up an editor that another server started: at once if it answers, else it is waited for later."""
    process = supervisor.process
    if process is None or not await is_ready(process.socket):
        return
    with contextlib.suppress(OSError):
        write_agent_file(supervisor)
    supervisor.process = process = mark_ready(process, supervisor.paths)
    since = process.ready_at or datetime.now(UTC)
    supervisor.show(Phase.RUNNING, f"Running since {since:%Y-%m-%d %H:%M} UTC.")


def find_editor(supervisor: Supervisor, members: list[Process]) -> EditorProcess | None:
    """Find an editor that a server started but could not write down before it ended."""
    table, socket = supervisor.context.table, str(supervisor.paths.socket)
    for process in members:
        if process.session == process.pid and any(socket in part for part in table.command(process)):
            version = supervisor.context.current_version or "unknown"
            return EditorProcess(process.id, version, supervisor.paths.socket)
    return None


def write_agent_file(supervisor: Supervisor) -> None:
    """Tell the extension inside where control plane and dashboard are, and give it this workspace's token.

    Raises
    ------
    OSError
        It can't be written.
    """
    context = supervisor.context
    refuse_link(supervisor.paths.run)
    content = {
        "url": context.agent_url(),
        "dashboardUrl": context.dashboard_url(),
        "token": context.token_for(supervisor.record.id),
    }
    write_atomic(supervisor.paths.agent_file, json.dumps(content) + "\n")


async def _make_files(supervisor: Supervisor, variables: dict[str, str]) -> None:
    record, context = supervisor.record, supervisor.context
    source = record.spec.source

    def waiting(before: int) -> None:
        supervisor.show(Phase.PENDING, f"Starting: waiting for {before} other clone{'s' if before != 1 else ''}.")

    async with context.clones.enter(waiting):
        supervisor.show(Phase.PENDING, f"Starting: {describe(source)}.")
        await provision(
            source,
            supervisor.paths,
            provisioner=context.provisioner,
            environment=variables,
            on_line=supervisor.log.write,
            allow_local=context.options.allow_local_sources,
        )
    if isinstance(source, GitSource):
        context.journal.note(record.id, "cloned", f"Cloned {source.url}.")
        # What is kept of it needs no password any more. Git has its own note, in the clone.
        source = GitSource(url=without_secrets(source.url), branch=source.branch)
    await supervisor.save_provisioned(source)


async def _extras(supervisor: Supervisor) -> TemplateExtras:
    source = supervisor.record.spec.source
    if not isinstance(source, TemplateSource):
        return TemplateExtras()
    try:
        return await asyncio.to_thread(supervisor.context.provisioner.extras, source)
    except VibeCodeError as error:
        # A template that was removed must not keep a workspace from starting that was made from it long ago.
        supervisor.log.write(f"The template's extensions and settings are left out: {error.detail}")
        return TemplateExtras()
