"""Files that may be open: many in the server, and in workspaces as before."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_runtime import build, opened, running
from vibecode.runtimes.local import limits

LOW = 512


@pytest.fixture
def hard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Begin with a low soft limit; the limits are put back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(limits, "original_nofile", None)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOW, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_server_may_open_more_files_and_knows_what_it_had(hard: int) -> None:
    raised = limits.raise_nofile()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (raised, hard)
    assert raised > LOW
    assert limits.raise_nofile() == raised
    assert limits.original_nofile == LOW


@pytest.mark.skipif(sys.platform != "linux", reason="other systems can't set a child's limit")
async def test_workspaces_get_what_the_server_was_started_with(tmp_path: Path, hard: int) -> None:
    limits.raise_nofile()
    async with opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        pid = json.loads((tmp_path / "workspaces" / workspace.id / "run" / "process.json").read_text())["pid"]
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (LOW, hard)
