"""Sends HTTP requests; runs inside a workspace, with nothing but Python's own library.

Takes a JSON list of ``{"method", "url", "headers"?, "body"?}`` and prints a JSON list of ``[status, body]``; the status
is 0 where no answer came. Certificates aren't checked: an attacker doesn't care.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

LIMIT = 10.0


def answer(request: dict[str, Any]) -> tuple[int, str]:
    url = urlsplit(request["url"])
    host, port = url.hostname or "", url.port
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=LIMIT, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=LIMIT)
    try:
        body = json.dumps(request["body"]) if "body" in request else None
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(request["method"], target, body, headers | request.get("headers", {}))
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


print(json.dumps([answer(request) for request in json.loads(sys.argv[1])]))
