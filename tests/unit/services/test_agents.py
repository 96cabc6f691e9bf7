"""The key behind the tokens by which workspaces in a cluster report."""

from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.errors import InvalidInput
from vibecode.domain.secrets import agent_token
from vibecode.services.agents import SignedAgentTokens, read_agent_key

KEY = bytes(range(32))


def test_a_token_is_its_workspaces_alone() -> None:
    tokens = SignedAgentTokens(KEY)
    token = agent_token(KEY, "b20f3cc3-2fef-41d2")
    assert tokens.workspace(token) == "b20f3cc3-2fef-41d2"
    assert tokens.workspace(token.replace("b20f3cc3", "b20f3cc4")) is None
    assert tokens.workspace(agent_token(KEY[::-1], "b20f3cc3-2fef-41d2")) is None
    assert tokens.workspace("") is None


def test_a_key_that_is_short_or_away_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(InvalidInput, match="can't be read"):
        read_agent_key(path)
    path.write_bytes(KEY[:31])
    with pytest.raises(InvalidInput, match="needs 32 random bytes"):
        read_agent_key(path)
    path.write_bytes(KEY)
    assert read_agent_key(path) == KEY
