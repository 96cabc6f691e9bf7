"""The key behind the tokens by which workspaces in a cluster report."""

from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.errors import InvalidInput
from vibecode.domain.secrets import agent_token
from vibecode.services.agents import LOOK_EVERY, OVERLAP, SharedKey, SignedAgentTokens, read_agent_key

KEY = bytes(range(32))
OTHER = KEY[::-1]
WORKSPACE = "b20f3cc3-2fef-41d2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    return path


def test_a_token_is_its_workspaces_alone(path: Path) -> None:
    tokens = SignedAgentTokens(SharedKey(path))
    token = agent_token(KEY, WORKSPACE)
    assert tokens.workspace(token) == WORKSPACE
    assert tokens.workspace(token.replace("b20f3cc3", "b20f3cc4")) is None
    assert tokens.workspace(agent_token(OTHER, WORKSPACE)) is None
    assert tokens.workspace("") is None


def test_a_key_that_is_short_or_away_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(InvalidInput, match="can't be read"):
        read_agent_key(path)
    path.write_bytes(KEY[:31])
    with pytest.raises(InvalidInput, match="needs 32 random bytes"):
        SharedKey(path)
    path.write_bytes(KEY)
    assert read_agent_key(path) == KEY


def test_a_changed_key_is_taken_up_and_locks_nobody_out(path: Path, clock: Clock) -> None:
    tokens = SignedAgentTokens(SharedKey(path, now=clock))
    old, new = agent_token(KEY, WORKSPACE), agent_token(OTHER, WORKSPACE)
    path.write_bytes(OTHER)
    clock.now += LOOK_EVERY
    # Until each workspace has got its new token, the one of before is good.
    assert (tokens.workspace(new), tokens.workspace(old)) == (WORKSPACE, WORKSPACE)
    clock.now += OVERLAP - 1
    assert tokens.workspace(old) == WORKSPACE
    clock.now += 1
    assert (tokens.workspace(new), tokens.workspace(old)) == (WORKSPACE, None)


def test_a_key_that_came_back_stays(path: Path, clock: Clock) -> None:
    key = SharedKey(path, now=clock)
    for content in (OTHER, KEY):
        path.write_bytes(content)
        clock.now += LOOK_EVERY
        assert key.current == content
    assert key.accepted == [KEY, OTHER]
    clock.now += OVERLAP
    assert key.accepted == [KEY]


@pytest.mark.parametrize("content", [None, KEY[:5]], ids=["gone", "too short"])
def test_a_file_that_is_no_key_takes_nothing_away(path: Path, clock: Clock, content: bytes | None) -> None:
    key = SharedKey(path, now=clock)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    for _ in range(3):
        clock.now += OVERLAP
        assert key.accepted == [KEY]
    path.write_bytes(OTHER)
    clock.now += LOOK_EVERY
    assert key.accepted == [OTHER, KEY]


def test_the_file_is_not_read_for_each_token(path: Path, clock: Clock) -> None:
    key = SharedKey(path, now=clock)
    path.write_bytes(OTHER)
    clock.now += LOOK_EVERY / 2
    assert key.current == KEY
