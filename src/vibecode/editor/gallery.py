"""Installing extensions into a workspace's home, from Open VSX or from .vsix files."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vibecode.editor import additions
from vibecode.editor.launch import environment, extensions_folder, user_data
from vibecode.editor.model import Editor

TIMEOUT: Final = 180.0
"""Seconds after which an installation is given up."""

_ID: Final = re.compile(r"(?P<id>[A-Za-z0-9][\w-]*\.[A-Za-z0-9][\w-]*)(?:@(?P<version>[\w.+-]+))?")
_NO_NETWORK: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ECONNRESET|fetch failed|socket hang up"
)
_NOISE: Final = re.compile(
    r"^\s+at |^Installing extensions|^\s*(code|name): |^[{}]|^Error while installing extensions:"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    given: str
    """As it was named."""
    argument: str
    """What code-server is told."""
    id: str
    """In lower case."""
    version: str | None


async def install_extensions(
    editor: Editor,
    *,
    home: Path,
    extensions: Sequence[str],
    on_line: Callable[[str], None],
    timeout: float = TIMEOUT,
) -> list[str]:
    """Install what is missing of ``extensions`` into a workspace's home.

    Parameters
    ----------
    editor
        The version that the workspace uses; VibeCode's own extension in it is brought up to date as well.
    home
        The workspace's home.
    extensions
        Ids as on Open VSX (``publisher.name``, or ``publisher.name@1.2.3``) or absolute paths of .vsix files. Those
        that are installed already cost nothing.
    on_line
        Is told in plain words how it goes on.
    timeout
        Seconds after which it is given up.

    Returns
    -------
    list
        Sentences about what could not be installed; the others are.
    """
    await asyncio.to_thread(additions.ensure, editor)
    failures: list[str] = []
    wanted: list[_Wanted] = []
    for given in dict.fromkeys(extensions):
        try:
            wanted.append(await asyncio.to_thread(_understand, given))
        except ValueError as error:
            failures.append(str(error))
    missing = [item for item in wanted if not _is_installed(item, installed_extensions(home))]
    files = [item for item in missing if item.argument.endswith(".vsix")]
    ids = [item for item in missing if not item.argument.endswith(".vsix")]
    # Ids go in one run, which asks Open VSX once; files in one each, because their errors don't name the file.
    for batch in [*([item] for item in files), *([ids] if ids else [])]:
        names = ", ".join(item.given for item in batch)
        on_line(f"Installing {'extension' if len(batch) == 1 else 'extensions'} {names} …")
        output = await _run(editor, home, [item.argument for item in batch], timeout)
        present = installed_extensions(home)
        for item in batch:
            if _is_installed(item, present):
                on_line(f"Extension {item.given} is installed.")
            else:
                failures.append(_why(item, output))
    for sentence in failures:
        on_line(sentence)
    return failures


def installed_extensions(home: Path) -> dict[str, str]:
    """Return the extensions in a workspace's home: their ids in lower case, and their versions."""
    folder = extensions_folder(home)
    try:
        entries = json.loads((folder / "extensions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    result: dict[str, str] = {}
    for entry in entries if isinstance(entries, list) else ():
        with suppress(KeyError, TypeError):
            if (folder / entry["relativeLocation"] / "package.json").is_file():
                result[str(entry["identifier"]["id"]).lower()] = str(entry["version"])
    return result


def _understand(given: str) -> _Wanted:
    if given.endswith(".vsix"):
        return _understand_file(given)
    match = _ID.fullmatch(given)
    if match is None:
        raise ValueError(
            f"{given!r} is not an extension: name one as on Open VSX, such as ms-python.python, or give the path of a "
            ".vsix file."
        )
    return _Wanted(given=given, argument=given, id=match["id"].lower(), version=match["version"])


def _understand_file(given: str) -> _Wanted:
    path = Path(given).expanduser()
    if not path.is_absolute():
        raise ValueError(f"The path of an extension must be absolute, and {given} is not.")
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(archive.read("extension/package.json"))
        identity, version = f"{described['publisher']}.{described['name']}", str(described["version"])
    except FileNotFoundError:
        raise ValueError(f"There is no extension file {given}.") from None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise ValueError(f"{given} is not an extension (.vsix), or it is damaged.") from None
    return _Wanted(given=path.name, argument=str(path), id=identity.lower(), version=version)


def _is_installed(item: _Wanted, present: dict[str, str]) -> bool:
    version = present.get(item.id)
    return version is not None and item.version in {None, version}


def _why(item: _Wanted, output: Sequence[str]) -> str:
    text = "\n".join(output)
    about = [line for line in output if item.id in line.lower() and "successfully" not in line]
    if about:
        reason = about[0].removeprefix("Error: ")
    elif _NO_NETWORK.search(text):
        return f"Extension {item.given} was not installed: Open VSX can't be reached from this machine."
    else:
        told = [line.removeprefix("Error: ") for line in output if line.strip() and not _NOISE.search(line)]
        reason = told[-1] if told else "the editor gave no reason"
    return f"Extension {item.given} was not installed: {reason.strip().rstrip('.')}."


async def _run(editor: Editor, home: Path, arguments: Sequence[str], timeout: float) -> list[str]:
    command = [
        *(str(editor.node), str(editor.entry), "--config", os.devnull),
        *("--user-data-dir", str(user_data(home)), "--extensions-dir", str(extensions_folder(home))),
    ]
    for argument in arguments:
        command += ["--install-extension", argument]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env=environment(editor, home=home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError:
        _end_group(process.pid)
        await process.wait()
        return [f"it took longer than {timeout:.0f} s"]
    except BaseException:
        _end_group(process.pid)
        await asyncio.shield(process.wait())
        raise
    return output.decode("utf-8", "replace").splitlines()


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
