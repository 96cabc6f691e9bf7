"""Tries to reach addresses; runs inside a workspace, with nothing but Python's own library.

Takes a JSON list of ``[protocol, host, port]`` and prints a JSON list of what became of each.
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

LIMIT = 3.0
"""Seconds: what may be reached answers at once."""


def outcome(target: list[str]) -> str:
    """Say ``open`` if something answers, else why not."""
    protocol, host, port = target
    try:
        if protocol == "tcp":
            with socket.create_connection((host, int(port)), timeout=LIMIT):
                return "open"
        family, kind, number, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, number) as connection:
            connection.settimeout(LIMIT)
            connection.connect(address)
            connection.send(b"hello")
            return "open" if connection.recv(100) == b"hello" else "another answer"
    except TimeoutError:
        return "silent"
    except OSError as error:
        return str(error.strerror or error)


with ThreadPoolExecutor(64) as pool:
    print(json.dumps(list(pool.map(outcome, json.loads(sys.argv[1])))))
