"""The API as programs use it, with the real editor behind it."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.product import Product, wait_until


def test_a_workspace_from_creation_to_deletion(product: Product) -> None:
    created = product.request("POST", "/api/v1/workspaces", {"name": "life"})
    assert created.status == 201
    assert created.headers["location"] == "/api/v1/workspaces/life"
    workspace = created.json
    assert workspace["status"] == "pending"
    assert workspace["userId"] == workspace["owner"]
    assert workspace["url"] == product.workspace_url("life") + "/"
    assert workspace["idleTimeout"] == 1800
    assert set(workspace["resources"]) == {"cpu", "memory", "storage"}

    running = product.wait_for("life", "running")
    assert running["editorVersion"]
    assert running["startedAt"]
    # It writes by way of a process of its own, and answers meanwhile.
    wait_until(lambda: _says(product, "life", "listening"), "the editor's own words are in the log")
    kinds = [event["kind"] for event in product.api("GET", "/workspaces/life/events")["items"]]
    assert kinds[-1] == "created"
    assert "running" in kinds

    product.api("POST", "/workspaces/life/stop")
    stopped = product.wait_for("life", "stopped")
    assert stopped["reason"].startswith("Stopped by ")
    product.api("POST", "/workspaces/life/start")
    product.wait_for("life", "running")
    assert product.request("DELETE", "/api/v1/workspaces/life?purge=true").status == 204
    assert product.request("GET", "/api/v1/workspaces/life").status == 404


def _says(product: Product, name: str, words: str) -> bool:
    return any(words in line["text"] for line in product.api("GET", f"/workspaces/{name}/logs")["items"])


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"name": ""}, 422, "invalid_name", "name"),
        ({"name": "x" * 41}, 422, "invalid_name", "name"),
        ({"name": "Upper"}, 422, "invalid_name", "name"),
        ({"name": "a--b"}, 422, "invalid_name", "name"),
        ({"name": "api"}, 422, "invalid_name", "name"),
        ({"name": "аlice"}, 422, "invalid_name", "name"),
        ({}, 422, "invalid_input", "name"),
        ({"name": "ok", "unknown": 1}, 422, "invalid_input", "unknown"),
        ({"name": "ok", "idleTimeout": 5}, 422, "invalid_input", "idleTimeout"),
        ({"name": "ok", "source": {"type": "template", "name": "nope"}}, 404, "template_not_found", "source.name"),
        ({"name": "ok", "source": {"type": "template", "name": "../../etc"}}, 404, "template_not_found", "source.name"),
        ({"name": "ok", "owner": "nobody"}, 404, "not_found", None),
    ],
)
def test_what_cannot_be_created_is_refused_with_a_reason(
    product: Product, body: dict[str, object], status: int, code: str, field: str | None
) -> None:
    answer = product.request("POST", "/api/v1/workspaces", body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert (answer.status, problem["code"], problem.get("field")) == (status, code, field)
    assert problem["status"] == status
    assert problem["detail"].endswith(".")
    assert product.request("GET", "/api/v1/workspaces/ok").status == 404


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=/bin/sh",
        "ext::sh -c id",
        "https://git.example.org/x.git; id",
        "$(id)",
        "file:///etc/passwd\n",
        "",
    ],
)
def test_a_git_url_that_is_none_is_refused_at_once(product: Product, url: str) -> None:
    answer = product.request("POST", "/api/v1/workspaces", {"name": "git", "source": {"type": "git", "url": url}})
    assert answer.status == 422, answer.body
    assert product.request("GET", "/api/v1/workspaces/git").status == 404


def test_of_two_creates_at_once_one_wins(product: Product) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: product.request("POST", "/api/v1/workspaces", {"name": "race"}), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {a.json["code"] for a in answers if a.status == 409} == {"name_taken"}
    product.api("DELETE", "/workspaces/race?purge=true")


def test_an_idempotency_key_makes_a_repeated_create_harmless(product: Product) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = product.request("POST", "/api/v1/workspaces", {"name": "once"}, headers=headers)
    again = product.request("POST", "/api/v1/workspaces", {"name": "once"}, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert first.json["id"] == again.json["id"]
    other = product.request("POST", "/api/v1/workspaces", {"name": "twice"}, headers=headers)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    product.api("DELETE", "/workspaces/once?purge=true")
    # A key whose request failed is free again.
    headers = {"Idempotency-Key": "k-2"}
    assert product.request("POST", "/api/v1/workspaces", {"name": "Bad"}, headers=headers).status == 422
    assert product.request("POST", "/api/v1/workspaces", {"name": "good"}, headers=headers).status == 201
    product.api("DELETE", "/workspaces/good?purge=true")


def test_no_update_is_lost(product: Product) -> None:
    product.api("POST", "/workspaces", {"name": "etag"})
    etag = product.request("GET", "/api/v1/workspaces/etag").headers["etag"]
    path = "/api/v1/workspaces/etag"
    assert product.request("PATCH", path, {"idleTimeout": 600}).status == 428
    changed = product.request("PATCH", path, {"idleTimeout": 600}, headers={"If-Match": etag})
    assert changed.status == 200
    assert changed.json["idleTimeout"] == 600
    lost = product.request("PATCH", path, {"idleTimeout": 900}, headers={"If-Match": etag})
    assert (lost.status, lost.json["code"]) == (412, "revision_mismatch")
    off = product.request("PATCH", path, {"idleTimeout": None}, headers={"If-Match": changed.headers["etag"]})
    assert off.json["idleTimeout"] is None
    product.api("DELETE", "/workspaces/etag?purge=true")


def test_pages_of_a_list(product: Product) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        product.api("POST", "/workspaces", {"name": name})
    seen: list[str] = []
    cursor = ""
    while True:
        page = product.api("GET", f"/workspaces?limit=2{cursor and '&cursor='}{cursor}")
        seen += [item["name"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = page["nextCursor"]
    assert seen == names
    assert product.request("GET", "/api/v1/workspaces?cursor=rubbish!").status == 422
    assert product.request("GET", "/api/v1/workspaces?limit=0").status == 422
    for name in names:
        product.api("DELETE", f"/workspaces/{name}?purge=true")


def test_delete_while_it_starts(product: Product) -> None:
    product.api("POST", "/workspaces", {"name": "hasty"})
    assert product.request("DELETE", "/api/v1/workspaces/hasty?purge=true").status == 204
    product.create("hasty")
    product.api("DELETE", "/workspaces/hasty?purge=true")


def test_files_are_kept_for_their_owner_unless_purged(product: Product) -> None:
    product.create("kept", source={"type": "template", "name": "web", "parameters": {}})
    product.api("DELETE", "/workspaces/kept")
    assert product.request("GET", "/api/v1/workspaces/kept").status == 404
    product.create("kept")
    folders = list((product.data_dir / "workspaces").glob("*/files/kept/**/index.html"))
    assert len(folders) == 1
    product.api("DELETE", "/workspaces/kept?purge=true")
    assert not list((product.data_dir / "workspaces").glob("*/files/**/index.html"))


def test_kept_files_are_listed_keep_their_owner_from_being_removed_and_can_be_purged(product: Product) -> None:
    product.api("POST", "/users", {"id": "kim"})
    names = ["left-1", "left-2"]
    for name in names:
        product.create(name, owner="kim")
        product.api("DELETE", f"/workspaces/{name}")
    first = product.api("GET", "/workspaces?kept=true&limit=1&owner=kim")
    rest = product.api("GET", f"/workspaces?kept=true&owner=kim&cursor={first['nextCursor']}")
    kept = [*first["items"], *rest["items"]]
    assert [(item["name"], item["owner"], item["status"]) for item in kept] == [(n, "kim", "stopped") for n in names]
    assert all("kept" in item["reason"] for item in kept)
    refused = product.request("DELETE", "/api/v1/users/kim")
    assert refused.status == 409
    assert "left-1, left-2" in refused.json["detail"]
    for name in names:
        product.api("DELETE", f"/workspaces/{name}?purge=true")
    assert product.request("DELETE", "/api/v1/workspaces/left-1?purge=true").status == 404
    assert product.request("DELETE", "/api/v1/users/kim").status == 204


def test_changes_are_streamed(product: Product) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{product.port}/api/v1/events",
        headers={"Host": f"vibecode.localhost:{product.port}", "Authorization": f"Bearer {product.token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        product.api("POST", "/workspaces", {"name": "live"})
        statuses: list[str] = []
        event = ""
        for raw in stream:
            line = raw.decode().rstrip()
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            if line.startswith("data: ") and event == "workspace":
                workspace = json.loads(line.removeprefix("data: "))
                if workspace["name"] == "live":
                    statuses.append(workspace["status"])
                    assert "userId" in workspace
                if (workspace["name"], workspace["status"]) == ("live", "running"):
                    break
    assert statuses[-1] == "running"
    assert "starting" in statuses
    product.api("DELETE", "/workspaces/live?purge=true")


def test_every_route_is_described_with_its_failures(product: Product) -> None:
    document = product.request("GET", "/api/v1/openapi.json", token="").json
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path}"
            assert operation.get("description"), f"{method} {path}"
            if path.startswith("/api/v1"):
                assert "application/problem+json" in operation["responses"]["401"]["content"]


def test_an_unknown_path_of_the_api_is_a_problem_document(product: Product) -> None:
    answer = product.request("GET", "/api/v1/nothing")
    assert answer.status == 404
    assert answer.json["code"] == "not_found"


def test_health_needs_no_sign_in(product: Product) -> None:
    assert product.request("GET", "/healthz", token="").json == {"status": "ok"}
    assert product.request("GET", "/healthz", token="", host="127.0.0.1").status == 200


def test_the_ports_of_a_workspace_are_found(product: Product) -> None:
    product.create("ports")
    assert product.api("GET", "/workspaces/ports/ports")["items"] == []
    workspace = product.api("GET", "/workspaces/ports")
    assert wait_until(lambda: product.api("GET", "/workspaces/ports")["resources"]["memory"] > 0, "memory is sampled")
    assert workspace["status"] == "running"
    product.api("DELETE", "/workspaces/ports?purge=true")
