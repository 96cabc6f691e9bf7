"""Which versions running workspaces use, as the system's own process table shows it.

So that it can be told without a server: workspaces run on when the server is stopped.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from vibecode.editor.model import ENTRY, NODE


def versions_in_use(root: Path) -> Counter[str]:
    """Return how many workspaces run each version that is installed below ``root``, by the process table."""
    import psutil

    counts: Counter[str] = Counter()
    root = root.resolve()
    seen: dict[int, str] = {}
    for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
        command = process.info["cmdline"] or []
        version = _version(command, root)
        if version is not None:
            seen[process.info["pid"]] = version
    # A workspace's editor is a process that starts a second one of the same kind.
    parents = {process.info["pid"]: process.info["ppid"] for process in psutil.process_iter(["pid", "ppid"])}
    for pid, version in seen.items():
        if parents.get(pid) not in seen:
            counts[version] += 1
    return counts


def _version(command: list[str], root: Path) -> str | None:
    if not command:
        return None
    try:
        relative = Path(command[0]).relative_to(root)
    except ValueError:
        return None
    version = relative.parts[0] if relative.parts else ""
    if relative != Path(version) / NODE or len(command) < 2:
        return None
    entry = root / version / ENTRY
    return version if command[1] in {str(entry), str(entry.with_suffix(""))} else None
