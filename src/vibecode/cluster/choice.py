"""Which runtime ``vibecode up`` uses."""

from __future__ import annotations

from dataclasses import dataclass

from vibecode.cluster.state import RuntimeName
from vibecode.domain.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known before anything is started."""

    asked: RuntimeName | None
    """What the user named."""
    for_local_only: str = ""
    """An option that was given and that only the local runtime has; empty if none was."""
    local_server: bool
    """Whether a server of the local runtime uses the data folder."""
    remembered: RuntimeName | None
    """What was used last with the data folder."""
    cluster_runs: bool
    """Whether the data folder's cluster runs. Only looked at where it matters, see :func:`cluster_matters`."""
    local_workspaces: int
    """How many workspaces of the local runtime are in the data folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A runtime, and why it is this one."""

    runtime: RuntimeName
    why: str
    """Goes on after ``Runtime: local, `` and ends without a full stop."""


class RuntimeInUse(Conflict):
    """The data folder is in use by the other runtime."""

    code = "runtime_in_use"
    title = "The other runtime is in use"


def cluster_matters(asked: RuntimeName | None, for_local_only: str, remembered: RuntimeName | None) -> bool:
    """Tell whether the choice depends on whether the data folder's cluster runs."""
    return remembered == "kubernetes" and (asked == "local" or bool(for_local_only))


def choose(facts: Facts) -> Choice | None:
    """Choose a runtime by what the user says and what is in use; None if it is for the machine's tools to decide.

    Raises
    ------
    RuntimeInUse
        The user wants one while the other runs. Commands would not know which is meant.
    """
    wants_local = facts.asked == "local" or (facts.asked is None and bool(facts.for_local_only))
    if facts.asked == "kubernetes" and facts.local_server:
        raise RuntimeInUse("The local runtime is in use with this data folder: stop it first (`vibecode down`).")
    if wants_local and facts.cluster_runs and not facts.local_server:
        raise RuntimeInUse("The kubernetes runtime is in use with this data folder: stop it first (`vibecode down`).")
    if facts.asked is not None:
        return Choice(runtime=facts.asked, why="as --runtime says")
    if facts.local_server:
        return Choice(runtime="local", why="whose server runs already")
    if facts.for_local_only:
        return Choice(runtime="local", why=f"which {facts.for_local_only} is for")
    if facts.remembered is not None:
        other = "kubernetes" if facts.remembered == "local" else "local"
        return Choice(runtime=facts.remembered, why=f"as before with this data folder (--runtime {other} changes it)")
    if facts.local_workspaces:
        count = facts.local_workspaces
        return Choice(
            runtime="local",
            why=f"which this data folder's {count} workspace{'' if count == 1 else 's'} "
            f"{'is' if count == 1 else 'are'} of (--runtime kubernetes starts without)",
        )
    return None


def by_tools(problem: str | None) -> Choice:
    """Choose by the machine: kubernetes where everything for it is there.

    Parameters
    ----------
    problem
        What is missing, as a sentence; None if nothing is.
    """
    if problem is None:
        return Choice(runtime="kubernetes", why="because Docker answers, and kind, kubectl and helm are there")
    words = problem.split(":")[0].rstrip(".")
    return Choice(runtime="local", why=f"because for kubernetes something is missing: {words}")
