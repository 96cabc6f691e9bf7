"""A program that listens on a port of a workspace; runs inside it, with nothing but Python's own library.

Takes the port and a word. Over TCP it answers HTTP with the word, and as a WebSocket (RFC 6455) sends back what it
gets; so it does over UDP. Each request is a line on standard output.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import socketserver
import sys
import threading

PORT, WORD = int(sys.argv[1]), sys.argv[2].encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        print(self.command, self.path, self.headers.get("Host"), flush=True)
        if "Sec-WebSocket-Key" in self.headers:
            self._talk()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(WORD)))
        self.end_headers()
        self.wfile.write(WORD)

    def _talk(self) -> None:
        proof = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(proof.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2:
            size = head[1] & 0x7F  # short messages only
            mask, data = self.rfile.read(4), self.rfile.read(size)
            if head[0] & 0x0F == 8:
                return
            self.wfile.write(bytes([head[0], size]) + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def log_message(self, *_: object) -> None:
        pass


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, connection = self.request
        connection.sendto(data, self.client_address)


datagrams = socketserver.ThreadingUDPServer(("0.0.0.0", PORT), Datagrams)
threading.Thread(target=datagrams.serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
