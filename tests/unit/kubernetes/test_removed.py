"""Workspaces that went with their volumes are remembered until these are gone, and no longer."""

from __future__ import annotations

from tests.unit.kubernetes.objects import claim, workspace
from vibecode.runtimes.kubernetes.naming import USER_ANNOTATION
from vibecode.runtimes.kubernetes.removed import SETTLED, RemovedWorkspaces
from vibecode.runtimes.kubernetes.resources import Object


class Replica:
    """One that only looks on while another deletes."""

    def __init__(self) -> None:
        self.claims: dict[str, Object] = {}
        self.time = 0.0
        self.removed = RemovedWorkspaces(self.claims, now=lambda: self.time)

    def gone(self, name: str, uid: str) -> None:
        item = workspace(name)
        item["metadata"] = {**item["metadata"], "uid": uid}
        self.removed.add(item)

    def has_claim(self, name: str, uid: str, *, volume: str = "home", owner: str = "alice") -> None:
        item = claim(f"{volume}-{name}", workspace=name, owner=owner)
        item["metadata"]["annotations"] = {USER_ANNOTATION: uid}
        self.claims[f"{volume}-{name}"] = item


def test_a_replica_that_stands_by_forgets_what_the_leader_did() -> None:
    replica = Replica()
    for number in range(1000):
        name, uid = f"w{number}", f"uid-{number}"
        replica.has_claim(name, uid)
        replica.gone(name, uid)
        replica.claims.clear()  # by the leader
        replica.time += 10
    assert len(replica.removed) <= 2 * SETTLED / 10 + 2


def test_what_nobody_has_seen_to_is_kept() -> None:
    replica = Replica()
    replica.has_claim("alice", "one")
    replica.gone("alice", "one")
    replica.time += 100 * SETTLED
    replica.gone("bob", "two")
    assert replica.removed.names() == {"alice", "bob"}
    (alice,) = replica.removed.of("alice")
    assert replica.removed.claims(alice).keys() == {"home-alice"}
    replica.removed.done(alice)
    assert replica.removed.names() == {"bob"}


def test_a_claim_that_is_not_known_yet_is_waited_for() -> None:
    replica = Replica()
    replica.gone("alice", "one")
    replica.time += SETTLED
    replica.gone("bob", "two")
    replica.has_claim("alice", "one")
    (alice,) = replica.removed.of("alice")
    assert replica.removed.claims(alice)


def test_one_of_a_name_does_not_hide_another() -> None:
    replica = Replica()
    replica.has_claim("alice", "one", volume="home")
    replica.gone("alice", "one")
    replica.has_claim("alice", "two", volume="workspace")
    replica.gone("alice", "two")
    found = {removed.uid: list(replica.removed.claims(removed)) for removed in replica.removed.of("alice")}
    assert found == {"one": ["home-alice"], "two": ["workspace-alice"]}


def test_what_another_has_taken_over_or_never_was_its_own_stays() -> None:
    replica = Replica()
    replica.gone("alice", "one")
    replica.has_claim("alice", "two", volume="home")
    replica.has_claim("alice", "one", volume="workspace", owner="mallory")
    (removed,) = replica.removed.of("alice")
    assert replica.removed.claims(removed) == {}


def test_what_goes_with_its_owner_is_left_to_the_garbage_collector() -> None:
    replica = Replica()
    replica.has_claim("alice", "one", volume="home")
    replica.has_claim("alice", "one", volume="workspace")
    replica.claims["home-alice"]["metadata"]["ownerReferences"] = [{"uid": "one"}]
    replica.gone("alice", "one")
    (removed,) = replica.removed.of("alice")
    assert replica.removed.claims(removed).keys() == {"workspace-alice"}
