"""Opening the public port."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.support.ports import free_port
from vibecode.domain.errors import PortTaken
from vibecode.proxy import listen


def test_a_free_port_is_free_at_both_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else has the first one that was found, at the other address."""
    open_, taken = listen._open, list[int]()

    def taken_at_first(address: str, port: int) -> socket.socket:
        if address == "::1" and not taken:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "in use")
        return open_(address, port)

    monkeypatch.setattr(listen, "_open", taken_at_first)
    opened = listen.open_sockets("localhost", 0)
    assert len({listener.getsockname()[1] for listener in opened}) == 1
    assert len(taken) == 1
    for listener in opened:
        listener.close()


def test_a_taken_port_is_an_error_that_says_so() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is in use"),
    ):
        listen.open_sockets("localhost", port)
