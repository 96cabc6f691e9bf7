"""How a workspace's editor is started: its command line and its environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from vibecode.editor.model import Editor

_PASSED_ON: Final = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TZ|USER|LOGNAME|SHELL|EXTENSIONS_GALLERY|"
    # Companies reach the internet through these; a workspace's git, npm and pip need them as much as the server.
    r"(https?|ftp|all|no)_proxy|(HTTPS?|FTP|ALL|NO)_PROXY|"
    r"SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|PIP_CERT|"
    # Libraries and locales on systems where they are not in the usual places (NixOS).
    r"LD_LIBRARY_PATH|NIX_LD|NIX_LD_LIBRARY_PATH|LOCALE_ARCHIVE"
)


_OWN_HOST: Final = Path(__file__).parent / "shims/own_host.js"
"""Has an editor on a port answer for its own workspace alone."""


def user_data(home: Path) -> Path:
    """Return code-server's user data folder in a workspace's home."""
    return home / ".local/share/code-server"


def extensions_folder(home: Path) -> Path:
    """Return the folder of a workspace's own extensions."""
    return user_data(home) / "extensions"


def command(editor: Editor, *, socket: Path, home: Path, folder: Path) -> list[str]:
    """Return the command line of a workspace's editor that listens on a Unix socket.

    Parameters
    ----------
    editor
        The version to start.
    socket
        Unix socket to listen on, at most 107 bytes long. Its folder is 0700: there is no password behind it.
    home
        The workspace's home.
    folder
        The folder that is opened.
    """
    listen = ("--socket", str(socket), "--socket-mode", "600")
    return _command(editor, listen, session_socket=socket.with_name("session.sock"), home=home, folder=folder)


def command_on_port(editor: Editor, *, address: str, session_socket: Path, home: Path, folder: Path) -> list[str]:
    """Return the command line of a workspace's editor that listens on a TCP port, in a container of its own.

    If VIBECODE_WORKSPACE names the workspace, requests from elsewhere whose Host is another's are refused.

    Parameters
    ----------
    editor
        The version to start.
    address
        Address and port to listen on, such as ``0.0.0.0:8080``. Whoever reaches it is let in.
    session_socket
        Unix socket by which a terminal's ``code-server`` finds this editor.
    home
        The workspace's home.
    folder
        The folder that is opened.
    """
    node = ("--require", str(_OWN_HOST))
    listen = ("--bind-addr", address)
    return _command(editor, listen, node=node, session_socket=session_socket, home=home, folder=folder)


def _command(
    editor: Editor,
    listen: Sequence[str],
    *,
    node: Sequence[str] = (),
    session_socket: Path,
    home: Path,
    folder: Path,
) -> list[str]:
    return [
        *(str(editor.node), *node, str(editor.entry)),
        *("--auth", "none", *listen),
        # The session socket's default lies deep in the home, where it would often be too long for a socket.
        *("--session-socket", str(session_socket)),
        # A config.yaml in the home could set another address or certificate; an empty one sets nothing.
        *("--config", os.devnull),
        *("--user-data-dir", str(user_data(home)), "--extensions-dir", str(extensions_folder(home))),
        *("--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"),
        *("--disable-getting-started-override", "--ignore-last-opened"),
        # Ports are reached by host names of their own, through the control plane.
        "--disable-proxy",
        *("--app-name", "VibeCode"),
        str(folder),
    ]


def environment(
    editor: Editor,
    *,
    home: Path,
    extra: Mapping[str, str] | None = None,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment of a workspace's editor, which its terminals inherit.

    Only what is known to be of use is taken from the server's own environment: the rest may hold the operator's
    secrets, which are nobody else's.

    Parameters
    ----------
    editor
        The version to start. Its node and npm come last in PATH: for those who have no other.
    home
        The workspace's home.
    extra
        Further variables, such as VSCODE_PROXY_URI; they win.
    base
        The environment to take from; this process's if not given.
    """
    source = os.environ if base is None else base
    result = {name: value for name, value in source.items() if _PASSED_ON.fullmatch(name)}
    result["HOME"] = str(home)
    result.setdefault("SHELL", "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh")
    if not any(name in result for name in ("LANG", "LC_ALL", "LC_CTYPE")):
        result["LANG"] = "C.UTF-8"
    result["PATH"] = _path(result.get("PATH", os.defpath), home, editor)
    result.update(extra or {})
    return result


def _path(path: str, home: Path, editor: Editor) -> str:
    """Return PATH for a workspace: its own programs first, never VibeCode's own Python environment."""
    own = {Path(sys.prefix) / "bin"} if sys.prefix != sys.base_prefix else set()
    parts = [part for part in path.split(os.pathsep) if part and Path(part) not in own]
    return os.pathsep.join([str(home / ".local/bin"), *parts, str(editor.node.parent)])
