"""What is done before the editor starts, in a process that ends with its memory: ``python -m vibecode.agent.prepare``.

prepare                 home, files, and extensions, which are there when the editor opens
prepare --extensions    extensions again that could not be installed before, beside the running editor
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

import structlog

from vibecode.agent import filling, prepared
from vibecode.agent.config import BadConfiguration, Config, for_the_editor
from vibecode.domain.errors import SourceUnavailable, VibeCodeError
from vibecode.domain.text import printable
from vibecode.domain.workspace import GitSource, TemplateSource
from vibecode.editor.gallery import install_extensions
from vibecode.editor.home import seed_home
from vibecode.editor.launch import environment
from vibecode.editor.model import Editor
from vibecode.runtimes.local import git
from vibecode.runtimes.local.files import is_out_of_space
from vibecode.runtimes.sources import check_source, describe
from vibecode.templates.library import BUILTIN, Template, TemplateLibrary

EXIT_FAILED = 65
"""Exit code when the workspace can't be made from its source (EX_DATAERR of sysexits(3))."""


def main() -> int:
    """Prepare; return the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        config = Config.read(os.environ)
    except BadConfiguration as error:
        print(f"Error: {error}", flush=True)
        return EXIT_FAILED
    try:
        asyncio.run(_prepare(config, only_extensions="--extensions" in sys.argv[1:]))
    except VibeCodeError as error:
        return _fail(config, error.detail)
    except OSError as error:
        return _fail(config, _explain(error))
    return 0


def say(text: str) -> None:
    """Print a line to the container's log."""
    print(printable(text), flush=True)


async def _prepare(config: Config, *, only_extensions: bool) -> None:
    library = _Library()
    template = library.find(config.source)
    if not only_extensions:
        settings = None if template is None else template.settings
        seed_home(config.home, settings=settings, links_may_leave=True)
        if config.source is not None and filling.is_wanting(config.folder):
            await _fill(config, library)
    wanted = sorted({*config.extensions, *([] if template is None else template.installable_extensions())})
    complete = True
    if wanted:
        say(f"Installing extensions: {', '.join(Path(name).name for name in wanted)}.")
        failures = await install_extensions(_editor(config), home=config.home, extensions=wanted, on_line=say)
        complete = not failures
    try:
        prepared.write(config, complete=complete)
    except OSError as error:
        say(f"The list of installed extensions can't be written: {error}.")


class _Library:
    """The templates as preparing wants them."""

    def __init__(self) -> None:
        self._library = TemplateLibrary(BUILTIN, Path("/etc/vibecode/templates"))

    def check(self, source: TemplateSource) -> None:
        self._library.get(source.name).check(source.parameters)

    def render(self, source: TemplateSource, into: Path) -> None:
        self._library.get(source.name).render(source.parameters, into)

    def find(self, source: object) -> Template | None:
        """Return the template of a source; None also for one that has gone: it keeps nothing from starting."""
        if isinstance(source, TemplateSource):
            with suppress(VibeCodeError):
                return self._library.get(source.name)
        return None


async def _fill(config: Config, library: _Library) -> None:
    source = config.source
    check_source(source, library, allow_local=False)
    part = filling.begin(config.folder)
    if part is not None:
        say(f"Starting: {describe(source)}.")
        if isinstance(source, GitSource):
            variables = environment(_editor(config), home=config.home, extra=_without_path(for_the_editor(os.environ)))
            try:
                await git.clone(source, part, environment=variables, on_line=say)
            except SourceUnavailable:
                filling.abandon(config.folder)
                raise
        elif isinstance(source, TemplateSource):
            library.render(source, part)
    filling.finish(config.folder)


def _editor(config: Config) -> Editor:
    root = config.editor.resolve()
    return Editor.at(root, root.name)


def _without_path(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name != "PATH"}


def _explain(error: OSError) -> str:
    where = error.filename or "the workspace's volume"
    if is_out_of_space(error):
        return f"The disk of {where} is full: make the volume larger, then start the workspace again."
    return f"{where} can't be used ({error.strerror or error}): the volume must be writable for user {os.getuid()}."


def _fail(config: Config, sentence: str) -> int:
    sentence = printable(sentence)
    print(f"Error: {sentence}", flush=True)
    with suppress(OSError):
        config.termination_log.write_text(f"{sentence}\n", encoding="utf-8")
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
