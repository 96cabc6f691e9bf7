"""What a person reads in the status of a workspace that doesn't start."""

from __future__ import annotations

import pytest

from tests.integration.kubernetes.conftest import Places
from tests.support.operators import Surface, make_config, operating, wait_for
from vibecode.runtimes.kubernetes.resources import EVENTS, Object, Resource, Selection

QUOTAS = Resource("", "v1", "ResourceQuota", "resourcequotas")


def _message(item: Object) -> str:
    return str(item.get("status", {}).get("message") or "")


def _condition(item: Object, kind: str) -> Object:
    found: Object = next(part for part in item["status"]["conditions"] if part["type"] == kind)
    return found


@pytest.mark.usefixtures("operator")
async def test_an_image_that_is_not_there(user: Surface) -> None:
    await user.create(image="example.org/no/such:1")
    failed = await user.until_phase("Failed")
    assert _message(failed).startswith("The image example.org/no/such:1 is not on the node, and may not be pulled.")
    assert _condition(failed, "ImagePulled")["status"] == "False"
    # A new request with an image that is there needs nothing else.
    await user.change(image=None)
    await user.until_phase("Running")


async def test_an_image_that_cannot_be_pulled(user: Surface, places: Places) -> None:
    config = make_config(
        places.workspaces, places.platform, image="127.0.0.1:1/no/such:1", workspace={"imagePullPolicy": "IfNotPresent"}
    )
    async with operating(config):
        await user.create()
        seen = await user.until(lambda item: "can't be pulled" in _message(item))
    assert "127.0.0.1:1/no/such:1" in _message(seen)
    assert _condition(seen, "ImagePulled")["status"] == "False"


@pytest.mark.usefixtures("operator")
async def test_no_node_has_enough(user: Surface) -> None:
    await user.create(resources={"requests": {"cpu": "900"}, "limits": {"cpu": "900"}})
    pending = await user.until(lambda item: "No node has enough cpu" in _message(item))
    assert pending["status"]["phase"] == "Pending"
    assert "it asks for 900 of cpu" in _message(pending)
    assert _condition(pending, "Scheduled")["reason"] == "InsufficientCpu"
    # Nothing runs, so a smaller request is taken at once.
    await user.change(resources={"requests": {"cpu": "5m"}})
    await user.until_phase("Running")


@pytest.mark.usefixtures("operator")
async def test_crashing_ends_with_the_last_words(user: Surface) -> None:
    await user.create(source={"template": {"name": "crash"}})
    failed = await user.until_phase("Failed")
    assert "exit code 3" in _message(failed)
    assert "3 times in a row" in _message(failed)
    assert "boom: the last line" in _message(failed)
    # It isn't left looping.
    await user.gone_pods()
    still = await user.get()
    assert still["status"]["phase"] == "Failed"
    assert "boom: the last line" in _message(still)
    # A start is another try.
    await user.change(restartedAt="again")
    await user.until(lambda item: item["status"]["phase"] in ("Pending", "Starting"))
    # And one that is stopped is stopped, not failed.
    await user.change(running=False, stopReason="Stopped by alice.")
    assert _message(await user.until_phase("Stopped")) == "Stopped by alice."


@pytest.mark.usefixtures("operator")
async def test_a_source_that_is_not_there_is_tried_once(user: Surface) -> None:
    await user.create(source={"git": {"url": "https://example.org/absent.git"}})
    failed = await user.until_phase("Failed")
    assert _message(failed) == "The repository was not found."
    assert _condition(failed, "Ready")["reason"] == "SourceUnavailable"


@pytest.mark.usefixtures("operator")
async def test_a_quota_that_is_used_up(user: Surface) -> None:
    await _set_quota(user, {"limits.memory": "1Mi", "persistentvolumeclaims": "20"})
    await user.create()
    pending = await user.until(lambda item: "quota is used up" in _message(item))
    assert pending["status"]["phase"] == "Pending"
    assert "limits.memory" in _message(pending)
    await _set_quota(user, {"persistentvolumeclaims": "0"})
    await user.create("bob")
    refused = await user.until(lambda item: "quota is used up" in _message(item), name="bob")
    assert "persistentvolumeclaims" in _message(refused)


async def _set_quota(user: Surface, hard: dict[str, str]) -> None:
    """Set the namespace's quota, and wait until it is in force."""
    quota = {"metadata": {"name": "quota"}, "spec": {"hard": hard}}
    await user.client.apply(QUOTAS, quota, namespace=user.namespace)
    await wait_for(lambda: _in_force(user, hard))


async def _in_force(user: Surface, hard: dict[str, str]) -> bool:
    return bool((await user.get(QUOTAS, "quota")).get("status", {}).get("hard") == hard)


@pytest.mark.usefixtures("operator")
async def test_settings_that_the_cluster_refuses(user: Surface) -> None:
    await user.create(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})
    failed = await user.until_phase("Failed")
    assert "The cluster refuses its settings" in _message(failed)
    assert "must be less than or equal to cpu limit" in _message(failed)
    await user.change(resources=None)
    await user.until_phase("Running")


@pytest.mark.usefixtures("operator")
async def test_a_volume_that_does_not_come(user: Surface) -> None:
    await user.create(storageClassName="no-such-class")
    pending = await user.until(lambda item: "olume" in _message(item) and item["status"]["phase"] == "Pending")
    assert _condition(pending, "VolumesReady")["status"] == "False"
    told = await user.until(lambda item: "no-such-class" in _message(item))
    assert told["status"]["phase"] == "Pending"


@pytest.mark.timeout(600)
async def test_filling_the_nodes_disk_ends_with_a_sentence(user: Surface, places: Places, image: str) -> None:
    """The kubelet's own words are read here: it measures, and ends the pod."""
    disk = {"tmp": "4Mi", "request": "1Mi", "limit": "1Gi"}
    config = make_config(places.workspaces, places.platform, image=f"{image}:1", workspace={"ephemeralStorage": disk})
    sentence = "It was ended because it kept more than 4Mi in /tmp, which is empty again."
    async with operating(config):
        await user.create(source={"template": {"name": "fill"}})
        failed = await user.until_phase("Failed", timeout=500)
        assert _message(failed).startswith(f"{sentence} That happened 3 times in a row.")
        assert _condition(failed, "Ready")["reason"] == "Evicted"
        # Who looks later finds why it started again before, which the status tells for a moment alone.
        fields = "involvedObject.kind=Workspace,reason=Crashed"
        told = await user.client.list(Selection(resource=EVENTS, namespace=user.namespace, fields=fields))
        assert f"{sentence} It starts again." in {event["message"] for event in told}
        # It isn't left looping, and what was doesn't stop the next try.
        await user.change(restartedAt="again")
        await user.until(lambda item: item["status"]["phase"] in ("Pending", "Starting", "Running"))
