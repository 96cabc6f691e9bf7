"""From the start of a workspace's container to its end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from vibecode.agent import filling, prepared, readiness
from vibecode.agent.config import BadConfiguration, Config, for_the_editor
from vibecode.agent.processes import Processes, exit_words
from vibecode.editor.home import seed_home
from vibecode.editor.launch import command_on_port, environment
from vibecode.editor.model import Editor

EXIT_UNUSABLE: Final = 65
"""Exit code when there is nothing to start an editor in (EX_DATAERR of sysexits(3))."""

_EDITOR_GRACE: Final = 4.0
_ALL_GRACE: Final = 4.0
"""Seconds for the editor to end, then for the rest: together less than Kubernetes waits before it kills, 10 s here."""
_AFTER_CRASH: Final = 2.0
_READY_LIMIT: Final = 60.0
_UMASK: Final = 0o022
_BACKLOG: Final = 128


def main() -> int:
    """Run; return the exit code, which is the editor's (128 and its number for a signal) once there was one."""
    os.umask(_UMASK)
    processes = Processes()
    try:
        config = Config.read(os.environ)
    except BadConfiguration as error:
        print(f"Error: {error}", flush=True)
        return EXIT_UNUSABLE
    try:
        readiness.start(config.ready_port, editor_port=config.editor_port)
    except OSError as error:
        return _fail(config, f"Port {config.ready_port} is taken: {error.strerror or error}. The cluster asks there.")
    # An earlier start could not install all extensions: this one doesn't wait for them again.
    tries_again = prepared.state(config) == "incomplete"
    code = _prepare(config, processes)
    if code is None and not processes.asked_to_stop:
        code = _run_editor(config, processes, tries_again=tries_again)
    processes.end_all(grace=_ALL_GRACE if processes.asked_to_stop else _AFTER_CRASH)
    if code is None or (code == 0 and processes.asked_to_stop):
        # Not 0: the kubelet forgets why it ended a pod, such as for filling its node's disk, once all of its containers
        # have succeeded (generateAPIPodStatus in its kubelet_pods.go).
        code = -signal.SIGTERM
    return code if code >= 0 else 128 - code


def _prepare(config: Config, processes: Processes) -> int | None:
    """Make home and files ready; return None if they are, else the exit code."""
    try:
        fills = config.source is not None and filling.is_wanting(config.folder)
        if not fills and prepared.state(config) != "new":
            seed_home(config.home, links_may_leave=True)
            return None
    except OSError as error:
        return _fail(
            config,
            f"{error.filename or config.home} can't be used ({error.strerror or error}): "
            f"the volume must be writable for user {os.getuid()}.",
        )
    code = processes.run(_preparing(), variables=os.environ)
    return None if code == 0 else code


def _preparing(*arguments: str) -> list[str]:
    # Isolated as this process is: no package of the user's.
    return [sys.executable, "-I", "-m", "vibecode.agent.prepare", *arguments]


def _run_editor(config: Config, processes: Processes, *, tries_again: bool) -> int:
    root = config.editor.resolve()
    editor = Editor.at(root, root.name)
    run = Path("/tmp/vibecode")  # noqa: S108 - a container of one user, which has nothing else to write to
    run.mkdir(mode=0o700, exist_ok=True)
    command = command_on_port(
        editor,
        address=f"0.0.0.0:{config.editor_port}",
        session_socket=run / "session.sock",
        home=config.home,
        folder=config.folder,
    )
    given = {name: value for name, value in for_the_editor(os.environ).items() if name != "PATH"}
    variables = environment(editor, home=config.home, extra=given)
    try:
        pid = processes.start(command, folder=config.folder, variables=variables)
    except OSError as error:
        return _fail(config, f"The editor can't be started: {error.strerror or error}. Is the image damaged?")
    print(f"Started code-server {editor.version}.", flush=True)
    listener = _listen(config)
    threading.Thread(target=_report, args=(config, pid, editor.version), name="reports", daemon=True).start()
    if tries_again:
        processes.start(_preparing("--extensions"), variables=os.environ)
    # The relay takes memory, and is started for the first who wants it.
    waiting = [] if listener is None else [listener]
    while processes.ended(pid) is None and not processes.asked_to_stop:
        if processes.wait(3600, also=[one.fileno() for one in waiting]):
            from vibecode.agent import relay

            refused = {config.editor_port, config.relay_port, config.ready_port}
            relay.start(waiting.pop(), workspace=config.host, refused=refused)
    if processes.asked_to_stop:
        print("Stopping: it was asked for.", flush=True)
        processes.end(pid, grace=_EDITOR_GRACE)
    code = processes.ended(pid)
    if code is not None and code != 0 and not processes.asked_to_stop:
        _tell(config, f"The editor ended by itself ({exit_words(code)}).")
    return -signal.SIGKILL if code is None else code


def _report(config: Config, editor: int, version: str) -> None:
    """Report what runs here, once the editor answers: until then it has more use for the processor."""
    began = time.monotonic()
    if readiness.becomes_ready(config.editor_port, within=_READY_LIMIT):
        print(f"Ready after {time.monotonic() - began:.2f} s.", flush=True)

    from vibecode.agent.reporting import Reporter

    Reporter(config, editor=editor, version=version).start()


def _listen(config: Config) -> socket.socket | None:
    """Listen where the edge reaches the ports inside; None if that port is taken: the editor is there without."""
    try:
        if socket.has_dualstack_ipv6():
            with suppress(OSError):
                address = ("::", config.relay_port)
                return socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
        return socket.create_server(("", config.relay_port), backlog=_BACKLOG)
    except OSError as error:
        print(f"Ports inside can't be reached from outside: port {config.relay_port}: {error.strerror}.", flush=True)
        return None


def _fail(config: Config, sentence: str) -> int:
    print(f"Error: {sentence}", flush=True)
    _tell(config, sentence)
    return EXIT_UNUSABLE


def _tell(config: Config, sentence: str) -> None:
    """Leave a message for whoever asks the cluster why the container ended."""
    with suppress(OSError):
        config.termination_log.write_text(f"{sentence}\n", encoding="utf-8")
