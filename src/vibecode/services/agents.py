"""Tokens by which the editor's extension reports for its workspace."""

from __future__ import annotations

from vibecode.domain.secrets import hash_secret, new_secret


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
