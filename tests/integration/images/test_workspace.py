"""The workspace image, run as Kubernetes runs it."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.images.conftest import Container, until
from vibecode.images import catalog, docker

FOLDERS = ("/home/coder", "/workspace")
Run = Callable[..., Container]


def source(**value: object) -> tuple[str, str]:
    return "--env", f"VIBECODE_SOURCE={json.dumps(value)}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A repository, served over http as any web server can."""
    work = tmp_path / "work"
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin"}

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)

    git("init", "--initial-branch", "main", str(work))
    (work / "README.md").write_text("hello\n")
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "--message", "first")
    git("clone", "--bare", str(work), str(tmp_path / "repo.git"))
    git("-C", str(tmp_path / "repo.git"), "update-server-info")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

        def log_error(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), functools.partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{_gateway()}:{server.server_port}/repo.git"
    server.shutdown()
    server.server_close()


def test_the_editor_answers_as_an_ordinary_user_on_a_read_only_system(run: Run) -> None:
    container = run("workspace", folders=FOLDERS)
    until(container.answers)
    assert container.exec("id", "-u").strip() == "1000"
    assert "NoNewPrivs:\t1" in container.exec("cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in container.exec("cat", "/proc/1/status")
    until(lambda: container.state()["Health"]["Status"] == "healthy")


def test_a_terminal_finds_its_tools(run: Run) -> None:
    container = run("workspace", folders=FOLDERS)
    script = """
        set -e
        git --version; curl --version; wget --version; ssh -V; ps --version; less --version; nano --version
        python --version; python3 -m venv /tmp/venv; /tmp/venv/bin/pip --version
        node --version; npm --version; npx --version
        test "$LANG" = C.UTF-8; test "$HOME" = /home/coder; touch /workspace/x ~/y
    """
    container.exec("bash", "-c", script)
    # A login shell sets PATH anew.
    assert container.exec("bash", "-lc", "node --version").startswith("v24.")
    assert container.exec("npm", "config", "get", "prefix").strip() == "/home/coder/.local"


def test_a_repository_is_cloned(run: Run, served: str) -> None:
    container = run("workspace", options=source(git={"url": served}), folders=FOLDERS)
    until(container.answers)
    assert container.exec("cat", "/workspace/README.md") == "hello\n"
    # The folder is a volume's root, which belongs to root on a cluster: Git works there nevertheless.
    assert "first" in container.exec("git", "-C", "/workspace", "log", "--oneline")
    assert f"Starting: cloning {served}." in container.logs()


@pytest.fixture
def volumes() -> Iterator[list[str]]:
    """Names of a volume for each folder. To be asked for before containers: they go after those that have them."""
    names = [f"vibecode-test-{kind}-{secrets.token_hex(4)}" for kind in ("home", "workspace")]
    yield names
    for name in names:
        subprocess.run(["docker", "volume", "rm", "--force", name], capture_output=True)


def test_a_volume_whose_root_belongs_to_root_works_too(volumes: list[str], run: Run, served: str) -> None:
    options = [*source(git={"url": served})]
    for name, folder in zip(volumes, FOLDERS, strict=True):
        options += ["--mount", f"type=volume,source={name},target={folder},volume-nocopy"]
    image = catalog.image("workspace").reference
    mounts = options[2:]
    prepare = "for f in /home/coder /workspace; do mkdir -p $f/lost+found; chown root:1000 $f; chmod 2775 $f; done"
    docker.output("run", "--rm", "--user", "0:0", *mounts, "--entrypoint", "sh", image, "-c", prepare)
    container = run("workspace", options=tuple(options))
    until(container.answers)
    assert "first" in container.exec("git", "-C", "/workspace", "log", "--oneline")
    assert container.exec("sh", "-c", "test -f ~/.bashrc && echo there").strip() == "there"
    docker.output("rm", "--force", container.id)
    container = run("workspace", options=tuple(options))
    until(container.answers)
    assert "cloning" not in container.logs()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"git": {"url": "http://127.0.0.1:9/none.git"}}, "can't be reached from this machine"),
        ({"template": {"name": "none"}}, "There is no template none"),
    ],
)
def test_a_source_that_can_t_be_used_ends_it_with_a_sentence(
    run: Run, tmp_path: Path, value: dict[str, object], words: str
) -> None:
    message = tmp_path / "message"
    message.touch()
    message.chmod(0o666)
    mount = ("--mount", f"type=bind,source={message},target=/dev/termination-log")
    container = run("workspace", options=(*source(**value), *mount), folders=FOLDERS)
    assert container.exit_code() == 65
    assert words in message.read_text()
    assert f"Error: {message.read_text()}" in container.logs()


def test_a_template_makes_the_workspace(run: Run) -> None:
    container = run("workspace", options=source(template={"name": "web", "parameters": {}}), folders=FOLDERS)
    until(container.answers)
    assert "serve.py" in container.exec("ls", "-A", "/workspace").split()


def test_servers_inside_are_reached_by_host(run: Run) -> None:
    container = run("workspace", folders=FOLDERS)
    until(container.answers)
    for address, port in (("127.0.0.1", 3000), ("::1", 3001)):
        docker.output("exec", "--detach", container.id, "python3", "-m", "http.server", "--bind", address, str(port))
        until(functools.partial(container.answers, "/", port=20990, host=f"{port}--alice.example.org:8000"))
    assert not container.answers("/", port=20990, host="3002--alice.example.org")


def test_it_answers_to_its_own_name_alone(run: Run) -> None:
    container = run("workspace", options=("--env", "VIBECODE_WORKSPACE=alice"), folders=FOLDERS)
    until(container.answers)
    docker.output("exec", "--detach", container.id, "python3", "-m", "http.server", "--bind", "127.0.0.1", "3000")
    until(functools.partial(container.answers, "/", port=20990, host="3000--alice.example.org"))
    assert not container.answers("/", port=20990, host="3000--bob.example.org")
    # By its own address, as the edge comes to it.
    form = 'curl -sS -o /dev/null -w "%{http_code}" -H "Host: NAME.example.org:8000" "http://$(hostname -i):8080/"'
    assert container.exec("sh", "-c", form.replace("NAME", "alice")) == "302"
    assert container.exec("sh", "-c", form.replace("NAME", "bob")) == "421"


def test_it_ends_as_the_editor_does(run: Run) -> None:
    container = run("workspace", folders=FOLDERS)
    until(container.answers)
    container.exec("sh", "-c", "kill -9 $(pgrep -o -f entry.js)")
    assert container.exit_code() == 137


def test_a_stop_takes_terminals_along_and_orphans_leave_no_zombies(run: Run) -> None:
    container = run("workspace", folders=FOLDERS)
    until(container.answers)
    container.exec(
        "sh", "-c", "(sleep 0.1 &) ; (setsid sh -c 'trap : TERM; while :; do sleep 1; done' >/dev/null 2>&1 &)"
    )
    until(lambda: "Z" not in {line[:1] for line in container.exec("ps", "axo", "stat=").splitlines()})
    docker.output("stop", "--time", "10", container.id)
    state = container.state()
    # 137 would be Docker's own kill after 10 s; the editor ends by SIGTERM.
    assert state["ExitCode"] in (0, 143)


def test_the_first_process_is_small_and_quiet(run: Run) -> None:
    container = run("workspace", folders=FOLDERS)
    until(container.answers)
    status = dict(line.split(":", 1) for line in container.exec("cat", "/proc/1/status").splitlines())
    assert int(status["VmRSS"].split()[0]) < 40_000


def _gateway() -> str:
    """Return this machine's address as containers see it."""
    with contextlib.suppress(Exception):
        form = "{{range .IPAM.Config}}{{.Gateway}}{{end}}"
        if found := docker.output("network", "inspect", "bridge", "--format", form).strip():
            return found
    return "172.17.0.1"
