"""Installing the extensions that a workspace shall have.

The first time it is waited for, so that they are there when the editor opens. What failed then is tried again at later
starts, beside the running editor: being offline must not make every start slow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from vibecode.domain.errors import VibeCodeError
from vibecode.runtimes.local.files import write_atomic
from vibecode.runtimes.local.ports import TemplateExtras

if TYPE_CHECKING:
    from vibecode.runtimes.local.supervisor import Supervisor

_log = structlog.get_logger(__name__)


async def install_first(supervisor: Supervisor, extras: TemplateExtras) -> bool:
    """Install the extensions of a workspace that never had any installed; return whether it was one."""
    if (supervisor.paths.root / "extensions.json").exists():
        return False
    wanted = _wanted(supervisor, extras)
    if wanted:
        supervisor.show(supervisor.phase, "Starting: installing extensions.")
    await _install(supervisor, wanted)
    return True


async def install_again(supervisor: Supervisor, extras: TemplateExtras) -> None:
    """Install what is missing since the list changed or an earlier try failed."""
    wanted = _wanted(supervisor, extras)
    try:
        state = json.loads((supervisor.paths.root / "extensions.json").read_text(encoding="utf-8"))
        complete = state == {"extensions": wanted, "complete": True}
    except (OSError, ValueError):
        complete = not wanted
    if not complete:
        await _install(supervisor, wanted)


def _wanted(supervisor: Supervisor, extras: TemplateExtras) -> list[str]:
    return sorted({*supervisor.context.editor.extensions, *extras.extensions})


async def _install(supervisor: Supervisor, wanted: Sequence[str]) -> None:
    failures: Sequence[str] = ()
    if wanted:
        supervisor.log.write(f"Installing extensions: {', '.join(wanted)}.")
        try:
            failures = await supervisor.context.editor.install_extensions(
                home=supervisor.paths.home, extensions=wanted, on_line=supervisor.log.write
            )
        except (VibeCodeError, OSError) as error:
            failures = [f"Extensions could not be installed: {error}"]
    for failure in failures:
        supervisor.log.write(failure)
        supervisor.context.journal.note(supervisor.record.id, "extension_failed", failure)
    text = json.dumps({"extensions": list(wanted), "complete": not failures})
    try:
        await asyncio.to_thread(write_atomic, supervisor.paths.root / "extensions.json", text + "\n")
    except OSError as error:
        _log.warning("list of extensions not written", workspace=supervisor.record.spec.name, error=str(error))
