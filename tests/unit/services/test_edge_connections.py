from __future__ import annotations

from vibecode.domain.edges import Connection
from vibecode.services.edge_connections import EdgeConnections


def test_what_is_of_no_valid_session_or_no_running_workspace_ends() -> None:
    used: list[str] = []
    connections = EdgeConnections(
        session_is_valid={"s1", "s2"}.__contains__, may_stay={"w1"}.__contains__, on_input=used.append
    )
    good = Connection("s1", "w1")
    revoked = Connection("s3", "w1")
    stopped = Connection("s2", "w2")
    assert connections.review([good, revoked, stopped], ["w1", "w2"]) == [revoked, stopped]
    assert used == ["w1"]
