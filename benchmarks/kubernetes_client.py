"""Asks the editors, from a pod in the cluster: so all sides are asked from the same place, in the same way.

Runs in the pod by itself, with the standard library alone. Orders come by standard input and answers go to standard
output, one line of JSON each.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from typing import Any

CONNECT_WITHIN = 0.3
"""Seconds for a connection where another attempt follows: what is not there yet may not answer at all."""
ANSWER_WITHIN = 300.0
PAUSE = 0.01
"""Seconds between two attempts."""


def ask(order: dict[str, Any], *, connect_within: float = 30.0) -> dict[str, Any]:
    """Send one request; return its answer."""
    connection = http.client.HTTPConnection(order["address"], order.get("port", 80), timeout=connect_within)
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER_WITHIN)
        body = order.get("body")
        headers = order.get("headers") or {}
        connection.request(order["method"], order["path"], None if body is None else body.encode(), headers)
        answer = connection.getresponse()
        fields = [[name.lower(), value] for name, value in answer.getheaders()]
        return {"status": answer.status, "headers": fields, "body": answer.read().decode(errors="replace")}
    finally:
        connection.close()


def ask_until_ok(order: dict[str, Any]) -> dict[str, Any]:
    """Send a request again and again until the answer is 200."""
    began, attempts = time.monotonic(), 0
    statuses: set[int] = set()
    while time.monotonic() - began < ANSWER_WITHIN:
        attempts += 1
        try:
            status = ask(order, connect_within=CONNECT_WITHIN)["status"]
        except (OSError, http.client.HTTPException):
            status = 0
        if status == 200:
            return {"attempts": attempts, "others": sorted(statuses)}
        statuses.add(status)
        time.sleep(PAUSE)
    return {"error": f"no 200 within {ANSWER_WITHIN:.0f} s, but {sorted(statuses)}"}


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = ask_until_ok(order) if order.get("until_ok") else ask(order)
        except (OSError, http.client.HTTPException) as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
