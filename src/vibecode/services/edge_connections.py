"""WebSockets at the edge: which of them have to end, and who uses a workspace through them.

In a cluster a WebSocket runs through the edge's own process, which knows neither sessions nor workspaces. So it reports
every few seconds what it carries, and is told what has to end. While the control plane is away nothing ends. Nothing
of a report is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from vibecode.domain.edges import Connection

MOST_ENTRIES: Final = 20_000
"""Of a kind in one report: twice as many as an edge carries WebSockets. One that says more is refused as a whole, and
then nothing of it ends; so this is for an edge that has gone mad, and not a limit to live with."""

_LONGEST_ID: Final = 64
"""Characters: a UID of Kubernetes has 36."""


def read_report(document: Any) -> tuple[Sequence[Connection], Sequence[str]]:
    """Return the connections, and the ids of the workspaces in use, that an edge's report names.

    Raises
    ------
    ValueError
        It is none, or says more than an edge can have to say.
    """
    try:
        connections, used = document["connections"], document["input"]
        if not isinstance(connections, list) or not isinstance(used, list):
            raise ValueError("they are no lists")
        if max(len(connections), len(used)) > MOST_ENTRIES:
            raise ValueError(f"it has more than {MOST_ENTRIES} entries")
        found = [Connection(_id(entry["session"]), _id(entry["workspace"])) for entry in connections]
        return found, [_id(workspace) for workspace in used]
    except (KeyError, TypeError) as error:
        raise ValueError("a part is missing") from error


def _id(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        raise ValueError("an id is none")
    return value


class EdgeConnections:
    """Judges what an edge reports.

    Parameters
    ----------
    session_is_valid
        Tells by a session's id whether it is neither revoked nor expired.
    may_stay
        Tells by a workspace's id whether what is connected to it may stay so: another one of its name has another id.
    on_input
        Is called with the id of each workspace that somebody uses.
    """

    def __init__(
        self,
        *,
        session_is_valid: Callable[[str], bool],
        may_stay: Callable[[str], bool],
        on_input: Callable[[str], None],
    ) -> None:
        self._session_is_valid = session_is_valid
        self._may_stay = may_stay
        self._on_input = on_input

    def review(self, connections: Sequence[Connection], used: Sequence[str]) -> list[Connection]:
        """Return those of ``connections`` that have to end, and note that the workspaces in ``used`` are in use."""
        for workspace in used:
            if self._may_stay(workspace):
                self._on_input(workspace)
        return [
            connection
            for connection in connections
            if not (self._session_is_valid(connection.session) and self._may_stay(connection.workspace))
        ]
