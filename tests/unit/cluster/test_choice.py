"""Which runtime `up` uses."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.cluster import choice
from vibecode.cluster.choice import Facts, RuntimeInUse
from vibecode.cluster.state import RuntimeName

RUNTIMES = get_args(RuntimeName)


def facts(**changes: Any) -> Facts:
    plain: dict[str, Any] = {
        "asked": None,
        "local_server": False,
        "remembered": None,
        "cluster_runs": False,
        "local_workspaces": 0,
    }
    return Facts(**{**plain, **changes})


ANY = st.builds(
    Facts,
    asked=st.sampled_from([None, *RUNTIMES]),
    for_local_only=st.sampled_from(["", "--port"]),
    local_server=st.booleans(),
    remembered=st.sampled_from([None, *RUNTIMES]),
    cluster_runs=st.booleans(),
    local_workspaces=st.integers(0, 3),
)


@pytest.mark.parametrize(
    ("changes", "runtime", "why"),
    [
        ({"asked": "local"}, "local", "as --runtime says"),
        ({"asked": "kubernetes"}, "kubernetes", "as --runtime says"),
        ({"local_server": True}, "local", "whose server runs already"),
        ({"local_server": True, "remembered": "kubernetes"}, "local", "whose server runs already"),
        ({"for_local_only": "--port"}, "local", "which --port is for"),
        ({"remembered": "local"}, "local", "as before"),
        ({"remembered": "kubernetes", "local_workspaces": 3}, "kubernetes", "as before"),
        ({"local_workspaces": 1}, "local", "1 workspace is of"),
        ({"local_workspaces": 2}, "local", "2 workspaces are of"),
    ],
)
def test_what_is_in_use_stays_in_use(changes: dict[str, Any], runtime: str, why: str) -> None:
    chosen = choice.choose(facts(**changes))
    assert chosen is not None
    assert chosen.runtime == runtime
    assert why in chosen.why


def test_an_unused_folder_leaves_it_to_the_tools() -> None:
    assert choice.choose(facts()) is None
    assert choice.by_tools(None).runtime == "kubernetes"
    without = choice.by_tools("kind is not installed, 0.29 or later: one file.")
    assert without.runtime == "local"
    assert without.why.endswith("kind is not installed, 0.29 or later")


@pytest.mark.parametrize(
    "changes",
    [
        {"asked": "kubernetes", "local_server": True},
        {"asked": "local", "remembered": "kubernetes", "cluster_runs": True},
        {"for_local_only": "--port", "remembered": "kubernetes", "cluster_runs": True},
    ],
)
def test_two_runtimes_of_one_folder_never_run_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(RuntimeInUse, match="vibecode down"):
        choice.choose(facts(**changes))


@given(ANY)
def test_a_running_server_is_never_left_for_a_cluster(known: Facts) -> None:
    try:
        chosen = choice.choose(known)
    except RuntimeInUse:
        return
    if known.local_server:
        assert chosen is not None
        assert chosen.runtime == "local"


@given(ANY)
def test_what_was_asked_for_is_chosen_or_refused(known: Facts) -> None:
    try:
        chosen = choice.choose(known)
    except RuntimeInUse:
        return
    if known.asked is not None:
        assert chosen is not None
        assert chosen.runtime == known.asked
    elif known.for_local_only:
        assert chosen is not None
        assert chosen.runtime == "local"


@given(ANY)
def test_docker_is_asked_only_where_the_answer_matters(known: Facts) -> None:
    """Without a cluster that could be in the way, its state changes nothing."""
    if choice.cluster_matters(known.asked, known.for_local_only, known.remembered) or known.cluster_runs is False:
        return
    if known.remembered == "kubernetes":
        assert known.asked != "local"
        assert not known.for_local_only
