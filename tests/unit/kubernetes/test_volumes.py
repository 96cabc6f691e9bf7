"""Whose a volume is, how it is kept, and how it grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kubernetes.objects import claim, config, workspace
from vibecode.runtimes.kubernetes.naming import claim_name_for_owner
from vibecode.runtimes.kubernetes.quantities import bytes_of
from vibecode.runtimes.kubernetes.resources import Object
from vibecode.runtimes.kubernetes.volumes import (
    ClaimTaken,
    belongs_to,
    find_claims,
    growth_patch,
    tie_patch,
)
from vibecode.runtimes.kubernetes.volumes import claim as claim_manifest

CLAIM_SETS = st.dictionaries(
    st.sampled_from(
        [
            *("workspace-alice", "home-alice"),
            *(claim_name_for_owner(volume, "alice", "alice") for volume in ("workspace", "home")),
        ]
    ),
    st.builds(
        claim, st.just("x"), workspace=st.sampled_from(["alice", "bob"]), owner=st.sampled_from(["alice", "mallory"])
    ),
)


@given(CLAIM_SETS, st.booleans())
def test_no_workspace_gets_what_is_not_its_own(claims: dict[str, Object], strip: bool) -> None:
    if strip:
        for item in claims.values():
            item["metadata"]["labels"].pop("app.kubernetes.io/managed-by")
    try:
        found = find_claims("alice", "alice", claims)
    except ClaimTaken:
        return
    for name in found.values():
        assert name not in claims or belongs_to(claims[name], workspace="alice", owner="alice")
    owned = {name for name, item in claims.items() if belongs_to(item, workspace="alice", owner="alice")}
    for volume, name in found.items():
        mine = {other for other in owned if other.startswith(volume)}
        assert not mine or name in mine


def test_both_names_taken_is_said() -> None:
    claims = {
        name: claim(name, owner="mallory")
        for name in ("workspace-alice", claim_name_for_owner("workspace", "alice", "alice"))
    }
    with pytest.raises(ClaimTaken, match="workspace-alice and workspace-alice-"):
        find_claims("alice", "alice", claims)


def test_claims_are_tied_only_to_be_deleted() -> None:
    kept = claim_manifest("home-alice", "home", workspace(), config())
    assert "ownerReferences" not in kept["metadata"]
    assert kept["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
    going = claim_manifest("home-alice", "home", workspace(deletionPolicy="Delete"), config())
    (reference,) = going["metadata"]["ownerReferences"]
    assert reference["uid"] == workspace()["metadata"]["uid"]
    assert reference["blockOwnerDeletion"] is False

    existing = claim("home-alice")
    assert tie_patch(existing, workspace()) is None
    tied = tie_patch(existing, workspace(deletionPolicy="Delete"))
    assert tied is not None
    assert tied["metadata"]["resourceVersion"] == "3"
    existing["metadata"]["ownerReferences"] = [{"uid": workspace()["metadata"]["uid"]}]
    untied = tie_patch(existing, workspace())
    assert untied is not None
    assert untied["metadata"]["ownerReferences"] is None


def test_volumes_grow_and_never_shrink() -> None:
    existing = claim("home-alice", size="2Gi")
    assert growth_patch(existing, "2Gi") is None
    assert growth_patch(existing, "2048Mi") is None
    assert growth_patch(existing, "1Gi") is None
    grown = growth_patch(existing, "2049Mi")
    assert grown is not None
    assert grown["spec"]["resources"]["requests"]["storage"] == "2049Mi"


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("1", 1), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 1610612736), ("1e3", 1000), ("2E", 2 * 10**18), ("100m", 0.1)],
)
def test_quantities(quantity: str, value: float) -> None:
    assert float(bytes_of(quantity)) == value


@pytest.mark.parametrize("quantity", ["", "x", "1KiB", "Gi"])
def test_no_quantities(quantity: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        bytes_of(quantity)
