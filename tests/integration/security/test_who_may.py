"""Who may call what: every route of the API, by everybody who could try."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import pytest

from tests.integration.security.people import Person, enter, host_of, sign_in, status_of
from tests.support.product import Product


class For(Enum):
    """Whom a route is for."""

    SIGNED_IN = "whoever is signed in"
    OWNER = "the owner of what it names, and admins"
    ADMIN = "admins"
    AGENT = "the extension in a workspace"
    ANYBODY = "whoever has a sign-in link"


@dataclass(frozen=True)
class Route:
    """What is known of a route."""

    whom: For
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: int | None = 200
    """Status for those that it is for; None where trying would destroy what the other cases need."""
    stranger: int | None = None
    """Status for another user, where it is not the usual one of :attr:`whom`."""
    streams: bool = False
    """Whether it may find out only in its stream that another user may not see it; that has a test of its own."""


ROUTES: Final = {
    "POST /agent/v1/keep-running": Route(For.AGENT),
    "POST /agent/v1/report": Route(For.AGENT, body={}),
    # A local server looks at processes itself, so it takes no report of them, from whomever.
    "POST /agent/v1/processes": Route(For.AGENT, body={}, answer=404),
    "GET /api/v1/events": Route(For.SIGNED_IN),
    "POST /api/v1/login-links": Route(For.SIGNED_IN, body={"user": "alice"}, answer=201, stranger=404),
    "GET /api/v1/me": Route(For.SIGNED_IN),
    "DELETE /api/v1/session": Route(For.SIGNED_IN, answer=None),
    "POST /api/v1/session": Route(For.ANYBODY, body={"token": "A" * 43}),
    "GET /api/v1/sessions": Route(For.SIGNED_IN),
    "DELETE /api/v1/sessions/{session_id}": Route(For.OWNER, answer=None),
    "GET /api/v1/system": Route(For.SIGNED_IN),
    "GET /api/v1/templates": Route(For.SIGNED_IN),
    "GET /api/v1/users": Route(For.ADMIN),
    "POST /api/v1/users": Route(For.ADMIN, body={"id": "alice"}, answer=409),
    "DELETE /api/v1/users/{user_id}": Route(For.ADMIN, answer=409),
    "POST /api/v1/users/{user_id}/login-links": Route(For.ADMIN, answer=201),
    "GET /api/v1/workspaces": Route(For.SIGNED_IN),
    "POST /api/v1/workspaces": Route(For.SIGNED_IN, body={"name": "alice", "owner": "alice"}, answer=409, stranger=403),
    "DELETE /api/v1/workspaces/{name}": Route(For.OWNER, answer=None),
    "GET /api/v1/workspaces/{name}": Route(For.OWNER),
    "PATCH /api/v1/workspaces/{name}": Route(
        For.OWNER, body={"idleTimeout": 600}, headers={"If-Match": '"0"'}, answer=412
    ),
    "GET /api/v1/workspaces/{name}/events": Route(For.OWNER),
    "POST /api/v1/workspaces/{name}/keep-running": Route(For.OWNER, answer=202),
    "GET /api/v1/workspaces/{name}/logs": Route(For.OWNER),
    "GET /api/v1/workspaces/{name}/logs/stream": Route(For.OWNER, streams=True),
    "GET /api/v1/workspaces/{name}/ports": Route(For.OWNER),
    "POST /api/v1/workspaces/{name}/restart": Route(For.OWNER, answer=None),
    "POST /api/v1/workspaces/{name}/start": Route(For.OWNER, answer=202),
    "POST /api/v1/workspaces/{name}/stop": Route(For.OWNER, answer=None),
}

_STRANGER: Final = {For.OWNER: 404, For.ADMIN: 403, For.AGENT: 401}


@pytest.fixture(scope="module")
def agent(product: Product, alice: Person) -> str:
    """The token of the extension in alice's workspace."""
    folder = product.data_dir / "workspaces" / product.api("GET", "/workspaces/alice")["id"]
    token: str = json.loads((folder / "run" / "agent.json").read_text())["token"]
    return token


@pytest.fixture(scope="module")
def session_id(product: Product, alice: Person) -> str:
    answer = product.request("GET", "/api/v1/me", token="", headers={"Cookie": alice.cookie})
    found: str = answer.json["session"]["id"]
    return found


def test_the_table_has_every_route(product: Product) -> None:
    document = product.request("GET", "/api/v1/openapi.json").json
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == set(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_is_for_those_whom_it_is_for(
    product: Product, alice: Person, mallory: Person, agent: str, session_id: str, name: str
) -> None:
    route = ROUTES[name]
    method, _, template = name.partition(" ")
    path = template.format(name="alice", user_id="alice", session_id=session_id)
    changes = method != "GET"

    def status(headers: dict[str, str]) -> int:
        return status_of(product, method, path, {**route.headers, **headers}, route.body)[0]

    origin = {"Origin": product.url}
    nobody = 410 if route.whom is For.ANYBODY else 401
    assert status(origin) == nobody
    assert status(origin | {"Authorization": "Bearer " + "A" * 43}) == nobody
    assert status(origin | {"Authorization": f"Basic {product.token}"}) == nobody
    # A workspace's own session is not one of the dashboard.
    assert status(origin | {"Cookie": enter(product, alice.cookie, "alice")}) == nobody
    for elsewhere in ({}, {"Origin": "null"}, {"Origin": product.workspace_url("alice")}):
        if route.whom is For.ANYBODY or (changes and route.whom is not For.AGENT):
            assert status({"Cookie": alice.cookie} | elsewhere) == 403
    if route.whom is For.AGENT:
        assert status({"Authorization": f"Bearer {product.token}"}) == 401
        assert status(alice.headers(product)) == 401
        assert status({"Authorization": f"Bearer {agent}"}) == route.answer
        return
    assert status({"Authorization": f"Bearer {agent}"} | origin) == nobody
    if route.whom is For.ANYBODY:
        return
    expected = route.stranger or _STRANGER.get(route.whom) or route.answer
    if expected is not None and not route.streams:
        assert status(mallory.headers(product)) == expected
    if route.answer is not None:
        if route.whom is not For.ADMIN:
            assert status(alice.headers(product)) == route.answer
        assert status({"Authorization": f"Bearer {product.token}"}) == route.answer


def test_a_stream_of_anothers_workspace_says_nothing(product: Product, alice: Person, mallory: Person) -> None:
    for path, host, cookie in (
        ("/api/v1/workspaces/alice/logs/stream", None, mallory.cookie),
        ("/.vibecode/events", host_of(product, "alice"), enter(product, mallory.cookie, "mallory")),
        ("/.vibecode/events", host_of(product, "alice"), mallory.cookie),
    ):
        try:
            said = product.request("GET", path, token="", host=host, headers={"Cookie": cookie}).body
        except http.client.IncompleteRead as error:
            said = error.partial
        except ConnectionResetError:
            said = b""
        assert b"event:" not in said


def test_nothing_of_it_had_an_effect(product: Product, alice: Person, mallory: Person) -> None:
    """Runs after the table, and sees that what was refused was not done all the same."""
    workspace = product.api("GET", "/workspaces/alice")
    assert (workspace["status"], workspace["revision"]) == ("running", 1)
    assert {user["id"] for user in product.api("GET", "/users")["items"]} >= {"alice", "mallory"}
    assert product.request("GET", "/api/v1/me", token="", headers={"Cookie": alice.cookie}).status == 200


def test_no_route_of_the_api_answers_at_a_workspaces_address(product: Product, alice: Person) -> None:
    session = enter(product, alice.cookie, "alice")
    for name in ROUTES:
        method, _, template = name.partition(" ")
        path = template.format(name="alice", user_id="alice", session_id="s-0")
        headers = {"Cookie": session, "Authorization": f"Bearer {product.token}"}
        _, media = status_of(product, method, path, headers, host=host_of(product, "alice"))
        assert media not in {"application/json", "application/problem+json", "text/event-stream"}, name


def test_an_idempotency_key_is_its_users_own(product: Product, alice: Person, mallory: Person) -> None:
    key = {"Idempotency-Key": "the-same"}
    first = product.request(
        "POST", "/api/v1/workspaces", {"name": "alice-2"}, token="", headers=alice.headers(product) | key
    )
    assert first.status == 201
    for body in ({"name": "alice-2"}, {"name": "alice-2", "owner": "alice"}):
        other = product.request("POST", "/api/v1/workspaces", body, token="", headers=mallory.headers(product) | key)
        assert other.status in (403, 409)
        assert first.json["id"] not in other.body.decode()
    product.api("DELETE", "/workspaces/alice-2?purge=true")


def test_a_cursor_of_another_user_shows_nothing_of_theirs(product: Product, alice: Person, mallory: Person) -> None:
    product.api("POST", "/workspaces", {"name": "aaa", "owner": "alice"})
    cursor = product.request("GET", "/api/v1/workspaces?limit=1", token="", headers={"Cookie": alice.cookie}).json[
        "nextCursor"
    ]
    page = product.request(
        "GET", f"/api/v1/workspaces?cursor={cursor}", token="", headers={"Cookie": mallory.cookie}
    ).json
    assert [workspace["name"] for workspace in page["items"]] == ["mallory"]
    product.api("DELETE", "/workspaces/aaa?purge=true")


def test_a_link_of_a_removed_user_signs_nobody_in(product: Product) -> None:
    product.api("POST", "/users", {"id": "carol"})
    token = product.login_link("carol").partition("#")[2]
    cookie = sign_in(product, "carol")
    product.api("DELETE", "/users/carol")
    product.api("POST", "/users", {"id": "carol"})
    answer = product.request("POST", "/api/v1/session", {"token": token}, token="", headers={"Origin": product.url})
    assert answer.status == 410
    assert product.request("GET", "/api/v1/me", token="", headers={"Cookie": cookie}).status == 401
