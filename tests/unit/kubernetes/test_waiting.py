"""What `helm --wait` and other tools that go by conditions (kstatus) make of a Workspace."""

from __future__ import annotations

from tests.unit.kubernetes.objects import NOW, workspace
from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.announce import news
from vibecode.runtimes.kubernetes.diagnosis import Seen, Verdict
from vibecode.runtimes.kubernetes.resources import Object
from vibecode.runtimes.kubernetes.status import Parts, build_status


def verdict(phase: Phase) -> Verdict:
    return Verdict(phase=phase, reason="Reason", message="Words.")


def status(phase: Phase, *, running: bool) -> Object:
    view = Seen(workspace=workspace(running=running), now=NOW, start="", pods=[], claims={}, resources={})
    return build_status(view, verdict(phase), Parts(url="", volumes={}))


def conditions(phase: Phase, *, running: bool) -> dict[str, str]:
    return {each["type"]: each["status"] for each in status(phase, running=running)["conditions"]}


def test_one_that_was_asked_to_stop_is_not_waited_for() -> None:
    assert "Ready" not in conditions(Phase.STOPPED, running=False)


def test_one_that_is_to_run_is_waited_for() -> None:
    assert conditions(Phase.STOPPED, running=True)["Ready"] == "False"
    assert conditions(Phase.STARTING, running=True)["Ready"] == "False"
    assert conditions(Phase.RUNNING, running=True)["Ready"] == "True"


def test_a_failure_ends_the_wait() -> None:
    assert conditions(Phase.FAILED, running=True)["Stalled"] == "True"
    assert "Stalled" not in conditions(Phase.RUNNING, running=True)


def test_a_stopped_one_is_no_news_again() -> None:
    assert news(status(Phase.STOPPED, running=False), verdict(Phase.STOPPED)) is None
