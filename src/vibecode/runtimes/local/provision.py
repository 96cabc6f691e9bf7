"""Making the files of a new workspace: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vibecode.domain.workspace import GitSource, Source, TemplateSource
from vibecode.runtimes.finishing import in_thread
from vibecode.runtimes.local import git
from vibecode.runtimes.local.files import make_private_folder, remove_tree
from vibecode.runtimes.local.layout import WorkspacePaths
from vibecode.runtimes.local.ports import Provisioner


async def provision(
    source: Source,
    paths: WorkspacePaths,
    *,
    provisioner: Provisioner,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    allow_local: bool,
) -> None:
    """Make the workspace's files. If this is ended in the middle, by whatever, doing it again begins from nothing.

    Raises
    ------
    SourceUnavailable
        The repository can't be cloned.
    VibeCodeError
        The template can't be used.
    OSError
        The folder can't be written.
    """
    if paths.files.exists():
        # Complete: it got this name in one step, and only the note of that was lost.
        return
    part = paths.files_part
    await in_thread(remove_tree, part)
    if isinstance(source, GitSource):
        await git.clone(source, part, environment=environment, on_line=on_line, allow_local=allow_local)
        part.chmod(0o700)
    else:
        make_private_folder(part)
        if isinstance(source, TemplateSource):
            await in_thread(provisioner.render, source, part)
    part.rename(paths.files)
