"""The control plane's check for the edge benchmark: ``python -m benchmarks.edge_server <port of the upstream>``.

It checks a session for each request, and prints its port once it listens.
"""

from __future__ import annotations

import socket
import sys

import uvicorn

from benchmarks.proxy_server import SessionRouter
from vibecode.domain.edges import Upstream
from vibecode.services.edge_connections import EdgeConnections
from vibecode.web.verify import create_verify_app


def main(argv: list[str]) -> None:
    router = SessionRouter(Upstream(host="127.0.0.1", port=int(argv[0])))
    connections = EdgeConnections(session_is_valid=bool, may_stay=bool, on_input=router.websocket_input)
    app = create_verify_app(router, connections=connections)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1:])
