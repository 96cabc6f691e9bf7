"""WebSockets at the edge: which of them have to end, and who uses a workspace through them.

In a cluster a WebSocket runs through the edge's own process, which knows neither sessions nor workspaces. So it reports
every few seconds what it carries, and is told what has to end. While the control plane is away nothing ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """Whose WebSockets: all that one session holds to one workspace."""

    session: str
    """Id of the session's record."""
    workspace: str
    """Id of the workspace."""


class EdgeConnections:
    """Judges what an edge reports.

    Parameters
    ----------
    session_is_valid
        Tells by a session's id whether it is neither revoked nor expired.
    workspace_runs
        Tells by a workspace's id whether it runs: another workspace of the same name has another id.
    on_input
        Is called with the id of each workspace that somebody uses; the id may be of one that is gone.
    """

    def __init__(
        self,
        *,
        session_is_valid: Callable[[str], bool],
        workspace_runs: Callable[[str], bool],
        on_input: Callable[[str], None],
    ) -> None:
        self._session_is_valid = session_is_valid
        self._workspace_runs = workspace_runs
        self._on_input = on_input

    def review(self, connections: Sequence[Connection], used: Sequence[str]) -> list[Connection]:
        """Return those of ``connections`` that have to end, and note that the workspaces in ``used`` are in use."""
        for workspace in used:
            if self._workspace_runs(workspace):
                self._on_input(workspace)
        return [
            connection
            for connection in connections
            if not (self._session_is_valid(connection.session) and self._workspace_runs(connection.workspace))
        ]
