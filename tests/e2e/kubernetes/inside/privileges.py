"""Tries what a container mustn't be able to do; runs inside a workspace, with nothing but Python's own library.

Prints a JSON object. What was tried is either ``"done"`` or the name of the error.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
SYSTEM_CALLS = {  # x86-64, then arm64 (asm-generic)
    "add_key": (248, 217, (b"user", b"x", b"x", 1, -4)),
    "bpf": (321, 280, (0, 0, 0)),
    "init_module": (175, 105, (b"", 0, b"")),
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "mount": (165, 40, (b"none", b"/tmp", b"tmpfs", 0, 0)),
    "open_by_handle_at": (304, 265, (-1, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "pivot_root": (155, 41, (b"/tmp", b"/tmp")),
    "setns": (308, 268, (0, 0)),
    "umount": (166, 39, (b"/workspace", 0)),
    "unshare the mounts": (272, 97, (0x00020000,)),
    "unshare the user": (272, 97, (0x10000000,)),
    "userfaultfd": (323, 282, (0,)),
}


def tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "done"


def system_call(name: str) -> str:
    x86, arm, arguments = SYSTEM_CALLS[name]
    number = arm if os.uname().machine == "aarch64" else x86
    ctypes.set_errno(0)
    if LIBC.syscall(number, *arguments) >= 0:
        return "done"
    return errno.errorcode[ctypes.get_errno()]


def statuses() -> dict[str, dict[str, str]]:
    """Return /proc/<pid>/status of all processes that are seen."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text().splitlines()
        except OSError:
            continue
        found[folder.name] = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return found


def files() -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything but what the kernel makes up."""
    for folder, folders, names in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys")]
        for name in ["", *names]:
            path = str(Path(folder, name))
            try:
                yield path, os.lstat(path)
            except OSError:
                continue


def can_write(folder: str) -> bool:
    try:
        handle, path = tempfile.mkstemp(dir=folder)
    except OSError:
        return False
    os.close(handle)
    Path(path).unlink()
    return True


def look() -> dict[str, object]:
    setuid, devices, open_files, folders = [], [], [], []
    for path, about in files():
        mode = about.st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            setuid.append(path)
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not path.startswith("/dev/pts/")):
            devices.append(path)
        if stat.S_ISDIR(mode) and can_write(path):
            folders.append(path)
        if stat.S_ISREG(mode) and about.st_uid != os.getuid() and os.access(path, os.W_OK):
            open_files.append(path)
    return {"setuid": setuid, "devices": devices, "writable folders": folders, "writable files": open_files}


ATTEMPTS: dict[str, Callable[[], object]] = {
    "become root": lambda: os.setresuid(0, 0, 0),
    "join the group of root": lambda: os.setgroups([0]),
    "change the root folder": lambda: os.chroot("/tmp"),
    "make a device": lambda: os.mknod("/tmp/device", stat.S_IFBLK | 0o600, os.makedev(8, 0)),
    "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "raw IP": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "a kernel setting": lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/tmp/x"),
    "restart the machine": lambda: Path("/proc/sysrq-trigger").write_text("b"),
    "a cgroup": lambda: Path("/sys/fs/cgroup/memory/release_agent").write_text("/tmp/x"),
    "a new cgroup": lambda: Path("/sys/fs/cgroup/memory/mine").mkdir(),
    "take somebody else's file": lambda: os.chown("/etc/passwd", os.getuid(), -1),
    "a clean passwd": lambda: Path("/etc/passwd").write_text("root::0:0::/:/bin/sh\n"),
}

TOKEN = re.compile(rb"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}|vcw_[\w-]{60,}")
"""A JSON Web Token, as service accounts have them, or one of ours."""


def tokens() -> dict[str, str]:
    """Return what looks like a token anywhere that a configuration or a secret may lie, by where it is."""
    found: dict[str, str] = {}
    places = [
        path for folder in ("/run", "/var/run", "/etc", "/home/coder", "/tmp") for path in Path(folder).rglob("*")
    ]
    places += Path("/proc").glob("[0-9]*/environ")
    for path in places:
        try:
            if path.is_file() and path.stat().st_size < 1 << 20:
                found |= {match.decode(): str(path) for match in TOKEN.findall(path.read_bytes())}
        except OSError:
            continue
    return found


print(
    json.dumps(
        {
            "uid": os.getresuid(),
            "groups": os.getgroups(),
            "statuses": statuses(),
            "programs": [name for name in ("sudo", "doas", "pkexec", "crictl", "ctr", "docker") if shutil.which(name)],
            "attempts": {name: tried(attempt) for name, attempt in ATTEMPTS.items()},
            "system calls": {name: system_call(name) for name in SYSTEM_CALLS},
            "environment": dict(os.environ),
            "tokens": tokens(),
            "sockets": [str(path) for path in Path("/run").rglob("*.sock")],
            **look(),
        }
    )
)
