"""Running tools, and what their failures become."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import wait_until
from tests.support.programs import program
from vibecode.cluster import docker
from vibecode.cluster.commands import reason, run
from vibecode.cluster.errors import ClusterUnavailable, CommandFailed


def test_a_tool_gets_its_input_and_variables(tmp_path: Path) -> None:
    path = program(tmp_path, "tool", 'cat; echo "$EXTRA" >&2')
    result = run([str(path)], text="in", environment={"EXTRA": "more"})
    assert (result.code, result.stdout, result.stderr) == (0, "in", "more\n")
    lines: list[str] = []
    run([str(path)], text="one\ntwo\n", environment={"EXTRA": "three"}, on_line=lines.append)
    assert sorted(lines) == ["one\n", "three\n", "two\n"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "start Docker"),
        ("permission denied while trying to connect to the Docker daemon socket at unix:///x", "group docker"),
        ("write /x: no space left on device", "disk is full"),
        ("fork/exec: cannot allocate memory", "out of memory"),
        ("failed to create fsnotify watcher: too many open files", "max_user_instances"),
        ("The connection to the server 127.0.0.1:1 was refused - did you", "API server doesn't answer"),
        ("first\nError: the last one that counts\nmore words", "failed: the last one that counts."),
        ("", "failed: it did not say why."),
    ],
)
def test_a_failure_is_a_sentence_with_what_to_do(tmp_path: Path, said: str, words: str) -> None:
    path = program(tmp_path, "tool", f"cat <<'END' >&2\n{said}\nEND\nexit 3")
    with pytest.raises(CommandFailed) as caught:
        run([str(path), "do", "--secret=x"])
    assert words in caught.value.detail
    assert "\n" not in caught.value.detail
    assert "secret" not in caught.value.detail


def test_one_that_hangs_or_is_missing_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match=r"`tool` did not end within 0 s"):
        run([str(program(tmp_path, "tool", "exec sleep 600"))], limit=0.2)
    with pytest.raises(ClusterUnavailable, match=r"can't be started \(No such file"):
        run([str(tmp_path / "missing")])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whatever started the tests may ignore Ctrl-C, as shells do for what runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_ends_the_tool(tmp_path: Path, interruptible: None) -> None:
    path = program(tmp_path, "tool", f"echo $$ >{tmp_path}/pid; exec sleep 600")

    def interrupt() -> None:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the tool runs")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run([str(path)])
    thread.join()
    assert not Path(f"/proc/{int((tmp_path / 'pid').read_text())}").exists()


def test_an_interruption_in_the_midst_of_its_start_ends_the_tool_too(
    tmp_path: Path, interruptible: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, started = program(tmp_path, "tool", "exec sleep 600"), []

    class Interrupted(subprocess.Popen[str]):
        """It runs, and whoever wants it does not know it yet."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self.pid)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run([str(path)])
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def test_the_telling_line_of_an_output() -> None:
    assert reason("Error response from daemon: no such thing") == "no such thing."
    assert reason("a\n\x1b[1mb\x1b[0m\n\n") == "b."


INFO = '{"ServerVersion":"28.0","MemTotal":%d,"CgroupVersion":"2",'
INFO += '"SecurityOptions":["name=rootless"],"DockerRootDir":"%s"}'


def test_what_docker_says_of_itself(tmp_path: Path) -> None:
    path = program(tmp_path, "docker", f"echo '{INFO % (8 << 30, tmp_path)}'")
    found = docker.facts(str(path))
    assert (found.version, found.memory, found.cgroup, found.rootless) == ("28.0", 8 << 30, "2", True)
    assert found.free is not None
    assert docker.facts(str(program(tmp_path, "docker", f"echo '{INFO % (1, '/not/here')}'"))).free is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo \'{"ServerErrors":["Cannot connect to the Docker daemon"]}\'', "daemon doesn't answer"),
        ("echo 'permission denied while trying to connect to the Docker API' >&2; exit 1", "may not use Docker"),
        ('echo \'{"host":{"os":"linux"},"version":{}}\'', "is Podman"),
        ("echo hello", "does not speak as Docker"),
    ],
)
def test_a_docker_that_cant_be_used(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(ClusterUnavailable, match=words):
        docker.facts(str(program(tmp_path, "docker", script)))


def facts(**changes: object) -> docker.Facts:
    plain: dict[str, object] = {
        "version": "28",
        "memory": 8 << 30,
        "cgroup": "2",
        "rootless": False,
        "free": 90 << 30,
        "remote": "",
    }
    return docker.Facts(**{**plain, **changes})  # type: ignore[arg-type]


def test_a_machine_with_room_has_no_problem() -> None:
    assert docker.room_problem(facts()) is None
    assert docker.room_problem(facts(memory=0, free=None)) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"memory": 2 << 30}, "only 2.0 GiB of memory"),
        ({"free": 1 << 30}, "Only 1.0 GiB are free"),
        ({"remote": "tcp://10.0.0.1:2375"}, "DOCKER_HOST=tcp://10.0.0.1:2375"),
    ],
)
def test_a_cluster_is_not_begun_where_it_would_not_fit(changes: dict[str, object], words: str) -> None:
    assert words in (docker.room_problem(facts(**changes)) or "")


@pytest.mark.parametrize(
    ("host", "remote"), [("", ""), ("unix:///run/user/1000/docker.sock", ""), ("ssh://me@host", "ssh://me@host")]
)
def test_where_docker_is(host: str, remote: str) -> None:
    assert docker.remote_host({"DOCKER_HOST": host}) == remote
