"""Telling the cluster that the editor answers, in the moment it does.

The kubelet asks once a second, so an editor that is there in between would be noticed up to a second late. Here its
question is held until the editor answers, or for some seconds.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Final

from vibecode.runtimes.kubernetes.ports import HOLD_SECONDS

_LOOK: Final = 0.02
_ANSWER_LIMIT: Final = 5.0
_HEAD_LIMIT: Final = 4096
_QUESTION: Final = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"
_READY: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_NOT_READY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def start(port: int, *, editor_port: int, hold: float = HOLD_SECONDS) -> None:
    """Answer questions in a thread of its own until the process ends, one after the other.

    Parameters
    ----------
    port
        Where to listen.
    editor_port
        Where the editor listens, or will listen, on this machine's loopback.
    hold
        Seconds that a question is held while the editor doesn't answer.

    Raises
    ------
    OSError
        The port is taken.
    """
    listener = socket.create_server(("", port), backlog=16)
    threading.Thread(target=_serve, args=(listener, editor_port, hold), name="readiness", daemon=True).start()


def _serve(listener: socket.socket, editor_port: int, hold: float) -> None:
    while True:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_ANSWER_LIMIT)
                # Who closes without having read sends a reset, which can overtake the answer.
                connection.recv(_HEAD_LIMIT)
                connection.sendall(_READY if becomes_ready(editor_port, within=hold) else _NOT_READY)


def becomes_ready(editor_port: int, *, within: float) -> bool:
    """Wait until the editor answers; False if it doesn't within some seconds."""
    until = time.monotonic() + within
    while not _answers(editor_port):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK)
    return True


def _answers(editor_port: int) -> bool:
    # By hand: an HTTP client would take longer to import than the editor to answer.
    with suppress(OSError), socket.create_connection(("127.0.0.1", editor_port), timeout=_ANSWER_LIMIT) as editor:
        editor.sendall(_QUESTION)
        status = editor.recv(_HEAD_LIMIT).split(b" ", 2)
        return status[1:2] == [b"200"]
    return False
