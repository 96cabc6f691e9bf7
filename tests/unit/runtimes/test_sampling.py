"""What counts as busy, and what the numbers are, on made-up processes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.sampling import Sample, Sampler, short_command
from vibecode.runtimes.local.table import Process, ProcessTable, Snapshot

INTERVAL = 5.0
HOST, SHELL = 1_000_010, 1_000_011
"""Pids that no system gives, so that nothing real is read."""


class Commands(ProcessTable):
    """Knows command lines without a system."""

    def __init__(self, commands: dict[int, tuple[str, ...]]) -> None:
        super().__init__()
        self._made_up = commands

    def command(self, process: Process) -> tuple[str, ...]:
        return self._made_up.get(process.pid, (process.name,))


@dataclass
class Terminal:
    """A pty host, a shell below it, and whatever is put there."""

    def __post_init__(self) -> None:
        self.commands: dict[int, tuple[str, ...]] = {HOST: ("node", "bootstrap-fork", "--type=ptyHost")}
        self.sampler = Sampler(Commands(self.commands))
        self.now = 0.0

    def look(self, *processes: Process) -> Sample:
        self.now += INTERVAL
        everything = [process(HOST, 1, "node"), *processes]
        snapshot = Snapshot({p.pid: p for p in everything}, {"w": everything})
        return self.sampler.sample(snapshot, ["w"], now=self.now)["w"]


def process(pid: int, parent: int, name: str, *, own: float = 0.0, waited: float = 0.0, age: float = 100.0) -> Process:
    return Process(
        id=ProcessId(pid, "s"), parent=parent, session=pid, name=name, age=age, own=own, waited=waited, resident=1000
    )


def test_a_command_that_uses_cpu_is_busy() -> None:
    terminal = Terminal()
    terminal.commands[20] = ("npm test",)
    shell = process(SHELL, HOST, "bash")
    terminal.look(shell, process(20, SHELL, "npm test"), process(21, 20, "node"))
    sample = terminal.look(shell, process(20, SHELL, "npm test"), process(21, 20, "node", own=4.0))
    assert sample.busy_command == "npm test"
    assert sample.cpu == pytest.approx(0.8)


@pytest.mark.parametrize("used", [0.0, 0.05])
def test_a_dev_server_that_waits_is_not_busy(used: float) -> None:
    terminal = Terminal()
    shell = process(SHELL, HOST, "bash")
    terminal.look(shell, process(20, SHELL, "vite", own=10.0))
    assert terminal.look(shell, process(20, SHELL, "vite", own=10.0 + used)).busy_command is None


def test_a_prompt_is_not_busy_but_a_loop_of_the_shell_is() -> None:
    terminal = Terminal()
    terminal.look(process(SHELL, HOST, "bash", own=1.0))
    assert terminal.look(process(SHELL, HOST, "bash", own=1.2)).busy_command is None
    assert terminal.look(process(SHELL, HOST, "bash", own=5.2)).busy_command == "bash"


def test_a_loop_of_short_commands_is_busy() -> None:
    terminal = Terminal()
    terminal.commands[SHELL] = ("/usr/bin/bash", "--init-file", "/a/long/path")
    terminal.look(process(SHELL, HOST, "bash"))
    sample = terminal.look(process(SHELL, HOST, "bash", own=0.2, waited=2.0), process(30, SHELL, "ls", age=0.01))
    assert sample.busy_command == "bash"


def test_a_command_without_a_shell_is_busy() -> None:
    terminal = Terminal()
    terminal.commands[SHELL] = ("/usr/bin/make", "all")
    terminal.look(process(SHELL, HOST, "make"))
    assert terminal.look(process(SHELL, HOST, "make", waited=3.0)).busy_command == "make all"


def test_what_started_since_the_last_look_counts_and_what_is_older_does_not() -> None:
    terminal = Terminal()
    shell = process(SHELL, HOST, "bash")
    terminal.look(shell)
    assert terminal.look(shell, process(20, SHELL, "old", own=9.0, age=60)).busy_command is None
    assert terminal.look(shell, process(21, SHELL, "new", own=2.0, age=3)).busy_command == "new"


def test_an_ended_child_is_not_counted_twice() -> None:
    terminal = Terminal()
    shell = process(SHELL, HOST, "bash")
    terminal.look(shell, process(20, SHELL, "cc", own=100.0))
    terminal.look(shell, process(20, SHELL, "cc", own=105.0))
    sample = terminal.look(process(SHELL, HOST, "bash", waited=106.0))
    assert sample.cpu == pytest.approx(0.2)


def test_the_first_look_knows_no_rate() -> None:
    sample = Terminal().look(process(SHELL, HOST, "bash"), process(20, SHELL, "cc", own=100.0, age=1))
    assert (sample.cpu, sample.busy_command) == (0.0, None)
    assert sample.memory == 3000


def test_a_clock_that_stands_still_is_survived() -> None:
    terminal = Terminal()
    terminal.look(process(SHELL, HOST, "bash"))
    terminal.now -= INTERVAL
    assert terminal.look(process(SHELL, HOST, "bash", own=3.0)).cpu == 0.0


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["/usr/bin/python3", "train.py", "--epochs", "3"], "python3 train.py --epochs 3"),
        (["npm test"], "npm test"),
        (["a\x1b[31m\nb", "c"], "a b c"),
        (["x" * 80], "x" * 59 + "…"),
    ],
)
def test_commands_are_shown_short_and_on_one_line(arguments: list[str], shown: str) -> None:
    assert short_command(arguments) == shown
