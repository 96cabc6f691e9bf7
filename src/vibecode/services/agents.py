"""Tokens by which the editor's extension reports for its workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from vibecode.domain.errors import InvalidInput
from vibecode.domain.secrets import agent_token_workspace, hash_secret, new_secret

_LEAST_KEY: Final = 32
"""Bytes: the length of the hash (RFC 2104, 3)."""


class TokenVerifier(Protocol):
    """Knows whose token is whose."""

    def workspace(self, token: str) -> str | None:
        """Return the id of the workspace that a token belongs to; None if it is nobody's."""


class AgentTokens:
    """Gives each workspace a token of its own, good until the server ends.

    The server writes it into the workspace's agent file at each start of either, so nothing has to be kept. A token
    only allows to report for that workspace, and to keep it running.
    """

    def __init__(self) -> None:
        self._workspaces: dict[str, str] = {}
        self._hashes: dict[str, str] = {}

    def issue(self, workspace_id: str) -> str:
        """Return a new token for a workspace; the one before it ends."""
        token = new_secret()
        hashed = hash_secret(token)
        earlier = self._hashes.pop(workspace_id, None)
        if earlier is not None:
            self._workspaces.pop(earlier, None)
        self._hashes[workspace_id] = hashed
        self._workspaces[hashed] = workspace_id
        return token

    def workspace(self, token: str) -> str | None:
        """Return the id of the workspace that a token belongs to."""
        return self._workspaces.get(hash_secret(token))


def read_agent_key(path: Path) -> bytes:
    """Return the key that operator and control plane share.

    Raises
    ------
    InvalidInput
        The file can't be read, or the key is too short to be safe.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The key file {path} can't be read ({error.strerror}).") from None
    if len(key) < _LEAST_KEY:
        raise InvalidInput(f"The key in {path} is too short: it needs {_LEAST_KEY} random bytes.")
    return key


class SignedAgentTokens:
    """Recognises the tokens that the operator signs: neither side keeps a list.

    Parameters
    ----------
    key
        Of :func:`read_agent_key`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def workspace(self, token: str) -> str | None:
        """Return the id of the workspace that a token belongs to; None if it is nobody's."""
        return agent_token_workspace(self._key, token)
