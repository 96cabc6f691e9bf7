"""Tokens by which the editor's extension reports for its workspace."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import structlog

from vibecode.domain.errors import InvalidInput
from vibecode.domain.secrets import agent_token_workspace, hash_secret, new_secret

_LEAST_KEY: Final = 32
"""Bytes: the length of the hash (RFC 2104, 3)."""

LOOK_EVERY: Final = 2.0
"""Seconds after which a key's file is looked at again."""

SETTLE: Final = 120.0
"""Seconds from a change of the key until the operator signs with it. A kubelet takes up to 90 to bring a changed Secret
to its pods, and the control plane has to know the key first."""

OVERLAP: Final = 600.0
"""Seconds for which a key is good after another took its place: until the operator has signed again, and each workspace
has got its new token."""

_log = structlog.get_logger(__name__)


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


class SharedKey:
    """The key that operator and control plane share, as its file has it now.

    Kubernetes changes the file when the Secret changes, and not in all pods at once. So a key is good for a while
    after another has taken its place.

    Parameters
    ----------
    path
        The file.
    now
        A clock in seconds that never goes back.

    Raises
    ------
    InvalidInput
        There is no usable key to begin with.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._key = read_agent_key(path)
        self._earlier: dict[bytes, float] = {}
        """Keys of before, and until when they are good."""
        self._looked_at = now()
        self._is_bad = False

    @property
    def current(self) -> bytes:
        """The key to sign with. One that can't be read any more, or is too short, takes no other's place."""
        now = self._now()
        if now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            self._look(now)
        return self._key

    @property
    def accepted(self) -> list[bytes]:
        """All keys that are good now, the current one first."""
        current, now = self.current, self._now()
        return [current, *(key for key, until in self._earlier.items() if now < until and key != current)]

    def _look(self, now: float) -> None:
        try:
            key = read_agent_key(self._path)
        except InvalidInput as error:
            if not self._is_bad:
                _log.error("the workspaces' key can't be read again, so the one of before stays", error=error.detail)
            self._is_bad = True
            return
        self._is_bad = False
        if key != self._key:
            self._earlier = {old: until for old, until in self._earlier.items() if now < until}
            self._earlier[self._key] = now + OVERLAP
            self._key = key
            _log.info("the workspaces' key has changed", earlier_good_for_seconds=OVERLAP)


class SignedAgentTokens:
    """Recognises the tokens that the operator signs: neither side keeps a list.

    Parameters
    ----------
    key
        Shared with the operator.
    """

    def __init__(self, key: SharedKey) -> None:
        self._key = key

    def workspace(self, token: str) -> str | None:
        """Return the id of the workspace that a token belongs to; None if it is nobody's."""
        for key in self._key.accepted:
            if (found := agent_token_workspace(key, token)) is not None:
                return found
        return None
