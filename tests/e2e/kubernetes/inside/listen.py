"""A program that listens on a port of a workspace; runs inside it, with nothing but Python's own library.

Takes the port and a word. Over TCP it answers HTTP with the word, and as a WebSocket (RFC 6455) sends back what it
gets; so it does over UDP. Each request is a line on standard output, and so is the code by which a WebSocket is closed.

GET /headers answers with what arrived, GET /bytes/N with that many bytes, and POST with the SHA-256 of what it got. A
WebSocket that says "close N" is closed with that code.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
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
        elif self.path == "/headers":
            self._answer(json.dumps({name.lower(): value for name, value in self.headers.items()}).encode())
        elif self.path.startswith("/bytes/"):
            self._answer(bytes(int(self.path.removeprefix("/bytes/"))))
        else:
            self._answer(WORD)

    def do_POST(self) -> None:
        print(self.command, self.path, self.headers.get("Host"), flush=True)
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left and (data := self.rfile.read(min(left, 1 << 20))):
            digest.update(data)
            left -= len(data)
        self._answer(digest.hexdigest().encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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
            text = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
            if head[0] & 0x0F == 8:
                print("closed", int.from_bytes(text[:2], "big"), flush=True)
            elif text.startswith(b"close "):
                head, text = b"\x88", int(text[6:]).to_bytes(2, "big")
            self.wfile.write(bytes([head[0], len(text)]) + text)
            if head[0] & 0x0F == 8:
                return

    def log_message(self, *_: object) -> None:
        pass


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, connection = self.request
        connection.sendto(data, self.client_address)


datagrams = socketserver.ThreadingUDPServer(("0.0.0.0", PORT), Datagrams)
threading.Thread(target=datagrams.serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
