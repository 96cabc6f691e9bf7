"""What an installation does not need: more than half of what npm unpacks.

code-server's packages carry binaries for every platform, debug symbols, C++ sources, source maps and type declarations.
None of that is read at run time. Licences and notices always stay. Inside ``node_modules`` files are judged by their
kind; outside it, where VS Code's own files and extensions are, only source maps and other platforms' binaries go: some
extensions read their own Markdown and TypeScript files (Copilot's prompts, TypeScript's libraries).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PLATFORM_FOLDER: Final = re.compile(
    r"(?:prebuild-)?(?P<os>linux|darwin|win32|freebsd|openbsd|sunos|aix|android|musl|openharmony|wasm32)"
    r"[-_](?P<cpu>x64|arm64|arm|armv7|ia32|ppc64|ppc64le|s390x|riscv64|riscv64d|loong64|mips64el|universal|wasi)"
    r"(?:-(?P<libc>glibc|gnu|musl|gnueabihf|musleabihf|msvc))?"
)
_CPU_FOLDER: Final = frozenset({"x64", "arm64", "ia32", "arm"})

# VS Code's own files and extensions, as opposed to the packages that they need.
_OWN: Final = re.compile(r"/code-server/(?!.*node_modules/)")

_KEEP: Final = re.compile(r"licen[cs]e|notice|copying|third.?party|patents", re.IGNORECASE)
_WINDOWS_FILES: Final = re.compile(r"\.(exe|dll|pdb|lib|exp|obj|ilk|iobj|ipdb|tlog|winmd)$")
_BUILD_FILES: Final = re.compile(
    r"\.(c|cc|cpp|cxx|h|hh|hpp|o|a|gyp|gypi|mk|vcxproj|filters|tar\.gz|tsbuildinfo|flow)$|^(Makefile|binding\.gyp)$"
)
_DECLARATIONS: Final = re.compile(r"\.[mc]?ts$")
_DOCUMENTS: Final = re.compile(r"^(readme|changelog|changes|history|contributing|security|code_of_conduct)\b", re.I)
# The compiler's own parts that VS Code never loads; the list is code-server's (lib/vscode/extensions/postinstall.mjs).
_TYPESCRIPT_UNUSED: Final = frozenset(
    {"tsc.js", "_tsc.js", "tsc6.js", "_tsc6.js", "typescriptServices.js", "_typescriptServices.js"}
)
_TYPESCRIPT_KEPT: Final = re.compile(r"^(lib(\..*)?|protocol|typescript)\.d\.ts$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform in Node's words."""

    os: str
    """``linux``, ``darwin`` or ``win32``."""
    cpu: str
    """``x64``, ``arm64``, …"""
    musl: bool = False
    """Whether the C library is musl."""

    def __str__(self) -> str:
        return f"{self.os}-{self.cpu}{'-musl' if self.musl else ''}"


@dataclass(slots=True)
class Size:
    """Files and bytes of a folder."""

    files: int = 0
    bytes: int = 0


def this_platform() -> Platform:
    """Return the platform of this process."""
    machine = platform.machine().lower()
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "i686": "ia32", "armv7l": "arm"}.get(machine, machine)
    return Platform(
        os="win32" if sys.platform == "win32" else "darwin" if sys.platform == "darwin" else "linux",
        cpu=cpu,
        musl=sys.platform.startswith("linux") and platform.libc_ver()[0] != "glibc",
    )


def is_needed_folder(name: str, parent: str, target: Platform) -> bool:
    """Tell whether a folder may be needed on ``target``.

    Parameters
    ----------
    name
        Name of the folder.
    parent
        Its parent's path relative to the installation, with slashes.
    target
        The platform that the installation is for.
    """
    match = _PLATFORM_FOLDER.fullmatch(name) or _PLATFORM_FOLDER.search(name) if "node_modules" in parent else None
    if match is not None and match.end() == len(name):
        return _fits(match, target)
    if name in _CPU_FOLDER and parent.endswith("/bin"):
        return name == target.cpu
    if target.os != "win32" and parent.endswith("node_modules/@vscode") and name.startswith("windows-"):
        return False
    if name == "conpty" and parent.endswith("node-pty/third_party"):
        return target.os == "win32"
    # Sources of native modules, and what their build left behind.
    return not (parent.endswith("@vscode/sqlite3") and name == "deps")


def is_needed_file(name: str, parent: str, target: Platform) -> bool:
    """Tell whether a file may be needed on ``target``; the parameters are those of :func:`is_needed_folder`."""
    if name.endswith(".map"):
        return False
    if target.os != "win32" and _WINDOWS_FILES.search(name):
        return False
    if target.os != "win32" and re.search(r"\.win32-\w+-msvc-\w+\.node$", name):
        return False
    if "node_modules" not in parent or _KEEP.search(name):
        return True
    if parent.endswith("node_modules/typescript/lib"):
        return name not in _TYPESCRIPT_UNUSED and (not name.endswith(".d.ts") or bool(_TYPESCRIPT_KEPT.match(name)))
    if _OWN.search(f"{parent}/"):
        return True
    return not (
        _DECLARATIONS.search(name)
        or _BUILD_FILES.search(name)
        or (_DOCUMENTS.match(name) and name.lower().endswith((".md", ".markdown", ".txt", ".rst")))
    )


def prune(root: Path, target: Platform) -> tuple[Size, Size]:
    """Remove below ``root`` what ``target`` does not need.

    Links are left alone and not followed.

    Returns
    -------
    tuple
        The size before and after.
    """
    before, after = Size(), Size()
    _prune(root, "", target, before, after)
    return before, after


def measure(folder: Path, *, skip: Path | None = None) -> Size:
    """Return files and bytes below ``folder``, without those below ``skip``; links count as nothing."""
    size = Size()
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if skip is None or Path(entry.path) != skip:
                        pending.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    size.files += 1
                    size.bytes += entry.stat(follow_symlinks=False).st_size
    return size


def _prune(folder: Path, relative: str, target: Platform, before: Size, after: Size) -> None:
    with os.scandir(folder) as entries:
        for entry in list(entries):
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if is_needed_folder(entry.name, relative, target):
                    _prune(path, f"{relative}/{entry.name}", target, before, after)
                else:
                    dropped = measure(path)
                    before.files += dropped.files
                    before.bytes += dropped.bytes
                    shutil.rmtree(path)
            elif entry.is_file(follow_symlinks=False):
                length = entry.stat(follow_symlinks=False).st_size
                before.files += 1
                before.bytes += length
                if is_needed_file(entry.name, relative, target):
                    after.files += 1
                    after.bytes += length
                else:
                    path.unlink()


def _fits(match: re.Match[str], target: Platform) -> bool:
    system, cpu, libc = match["os"], match["cpu"], match["libc"] or ""
    if system == "musl":
        return target.musl and cpu == target.cpu
    if system != target.os or cpu not in {target.cpu, "universal"}:
        return False
    return target.os != "linux" or ("musl" in libc) == target.musl or not libc
