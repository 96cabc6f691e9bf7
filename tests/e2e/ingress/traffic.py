"""What has to get through whatever stands in front."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from tests.e2e.kubernetes.inhabitants import Listener
from tests.support.product_api import Answer

LARGE: Final = 64 << 20
"""Bytes: many times what ingress controllers take without being told (1 MiB with ingress-nginx)."""


def ask(program: Listener, session: str, method: str = "GET", path: str = "/", body: bytes | None = None) -> Answer:
    """Send a request to a program in a workspace as its page would."""
    headers = {"Cookie": session, "Origin": f"https://{program.host}"}
    return program.cluster.request(method, path, body, token="", host=program.host, headers=headers)


def assert_large_bodies_pass(program: Listener, session: str) -> None:
    """Send and fetch a large body."""
    data = os.urandom(LARGE)
    sent = ask(program, session, "POST", "/", data)
    assert (sent.status, sent.body.decode()) == (200, hashlib.sha256(data).hexdigest())
    fetched = ask(program, session, path=f"/bytes/{LARGE}")
    assert (fetched.status, fetched.body == bytes(LARGE)) == (200, True)
