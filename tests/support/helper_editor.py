"""A small real process in the place of code-server, where supervision is tested and not the editor.

It serves ``/healthz`` on a Unix socket as code-server does, and has a child ``--type=ptyHost`` that starts what
terminals would: each in a session of its own. What a file ``behave`` in HOME says changes how it behaves.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from urllib.parse import unquote


def main() -> None:
    path = sys.argv[sys.argv.index("--socket") + 1]
    behave = ""
    try:
        descriptor = os.open(os.environ["HOME"] + "/behave", os.O_RDONLY)
        behave = os.read(descriptor, 100).decode().strip()
    except FileNotFoundError:
        pass
    if behave.startswith("crash"):
        print("Cannot find module 'heart'\nhelper gives up", flush=True)
        os._exit(int(behave.removeprefix("crash ") or 1))
    if behave == "never ready":
        print("thinking about it", flush=True)
        while True:
            time.sleep(60)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    host: subprocess.Popen[str] | None = None
    print("helper is listening", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(65536).split(b" ", 2)
            if len(request) < 3:
                continue
            target = request[1].decode()
            body = ""
            if target.startswith("/terminal?"):
                if host is None:
                    host = subprocess.Popen(
                        [sys.executable, "-I", "-S", __file__, "--type=ptyHost"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                assert host.stdin is not None
                assert host.stdout is not None
                host.stdin.write(unquote(target.removeprefix("/terminal?")) + "\n")
                host.stdin.flush()
                body = host.stdout.readline()
            elif target.startswith("/exit?"):
                os._exit(int(target.removeprefix("/exit?")))
            elif target.startswith("/say?"):
                print(unquote(target.removeprefix("/say?")), flush=True)
            try:
                connection.sendall(
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
                )
            except OSError:
                continue


def pty_host() -> None:
    started = []
    for line in sys.stdin:
        started.append(subprocess.Popen(json.loads(line), start_new_session=True, stdin=subprocess.PIPE, stdout=2))
        print(started[-1].pid, flush=True)


if __name__ == "__main__":
    pty_host() if "--type=ptyHost" in sys.argv else main()
