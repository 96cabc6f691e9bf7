"""What must be refused: forged hosts, sessions, origins and tickets."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.integration.security.people import cookie_of, sign_in
from tests.support.product import Product


@pytest.fixture(scope="module")
def alice(product: Product) -> str:
    product.api("POST", "/users", {"id": "alice"})
    cookie = sign_in(product, "alice")
    product.request("POST", "/api/v1/workspaces", {"name": "alice"}, token="", headers=own(product, cookie))
    product.wait_for("alice", "running")
    return cookie


@pytest.fixture(scope="module")
def mallory(product: Product) -> str:
    product.api("POST", "/users", {"id": "mallory"})
    cookie = sign_in(product, "mallory")
    product.request("POST", "/api/v1/workspaces", {"name": "mallory"}, token="", headers=own(product, cookie))
    product.wait_for("mallory", "running")
    return cookie


def own(product: Product, cookie: str) -> dict[str, str]:
    return {"Cookie": cookie, "Origin": product.url}


def host(product: Product, name: str) -> str:
    return f"{name}.vibecode.localhost:{product.port}"


def follow(product: Product, cookie: str, name: str) -> tuple[str, str, str]:
    """Go from a workspace's address to its ticket; return the ticket's path, the state cookie and the ticket."""
    first = product.request("GET", "/", token="", host=host(product, name), headers={"Accept": "text/html"})
    assert first.status == 303
    state = re.search(r"^__Host-vibecode-state=[^;]+", first.headers["set-cookie"], re.MULTILINE)
    assert state
    location = urlsplit(first.headers["location"])
    answer = product.request("GET", f"{location.path}?{location.query}", token="", headers={"Cookie": cookie})
    assert answer.status == 303, answer.body
    way_in = urlsplit(answer.headers["location"])
    ticket = parse_qs(way_in.query)["ticket"][0]
    return f"{way_in.path}?{way_in.query}", state[0], ticket


def enter(product: Product, cookie: str, name: str) -> str:
    path, state, _ = follow(product, cookie, name)
    answer = product.request("GET", path, token="", host=host(product, name), headers={"Cookie": state})
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    return cookie_of(answer)


def test_nothing_without_a_session(product: Product) -> None:
    for path in ("/api/v1/me", "/api/v1/workspaces", "/api/v1/events", "/api/v1/users", "/api/v1/system"):
        answer = product.request("GET", path, token="")
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated"), path
    for token in ("x", "A" * 43, product.token[:-1]):
        assert product.request("GET", "/api/v1/me", token=token).status == 401


@pytest.mark.parametrize(
    "forged", ["evil.example", "vibecode.localhost.evil.example", "10.0.0.1:8000", "a.b.vibecode.localhost"]
)
def test_a_forged_host_gets_nothing(product: Product, forged: str) -> None:
    answer = product.request("GET", "/api/v1/me", host=forged)
    assert (answer.status, answer.json["code"]) == (421, "unknown_host")


def test_a_sign_in_link_works_once(product: Product) -> None:
    token = product.login_link().partition("#")[2]
    headers = {"Origin": product.url}
    assert product.request("POST", "/api/v1/session", {"token": token}, token="", headers=headers).status == 200
    again = product.request("POST", "/api/v1/session", {"token": token}, token="", headers=headers)
    assert (again.status, again.json["code"]) == (410, "link_expired")


def test_another_origin_cannot_sign_a_browser_in(product: Product) -> None:
    token = product.login_link().partition("#")[2]
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": product.workspace_url("mallory")},
        {"Origin": "null"},
    ):
        answer = product.request("POST", "/api/v1/session", {"token": token}, token="", headers=headers)
        assert answer.status == 403


def test_changes_with_a_cookie_need_the_dashboards_origin(product: Product, alice: str) -> None:
    for origin in (
        None,
        "https://evil.example",
        "null",
        product.workspace_url("alice"),
        product.workspace_url("mallory"),
    ):
        headers = {"Cookie": alice} | ({} if origin is None else {"Origin": origin})
        for method, path in (
            ("POST", "/workspaces/alice/stop"),
            ("DELETE", "/workspaces/alice"),
            ("DELETE", "/session"),
        ):
            answer = product.request(method, f"/api/v1{path}", token="", headers=headers)
            assert (answer.status, answer.json["code"]) == (403, "request_refused"), (origin, method, path)
    assert product.api("GET", "/workspaces/alice")["status"] == "running"


def test_nothing_of_the_api_is_readable_from_another_origin(product: Product, alice: str) -> None:
    headers = {"Cookie": alice, "Origin": product.workspace_url("mallory")}
    answer = product.request("GET", "/api/v1/me", token="", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    preflight = product.request("OPTIONS", "/api/v1/workspaces", token="", headers=headers)
    assert "access-control-allow-origin" not in preflight.headers


def test_users_see_their_own_alone(product: Product, alice: str, mallory: str) -> None:
    seen = product.request("GET", "/api/v1/workspaces", token="", headers={"Cookie": mallory}).json["items"]
    assert [workspace["name"] for workspace in seen] == ["mallory"]
    for method, path in (
        ("GET", "/workspaces/alice"),
        ("GET", "/workspaces/alice/logs"),
        ("GET", "/workspaces/alice/ports"),
        ("POST", "/workspaces/alice/stop"),
        ("DELETE", "/workspaces/alice?purge=true"),
    ):
        answer = product.request(method, f"/api/v1{path}", token="", headers=own(product, mallory))
        nothing = product.request(
            method, f"/api/v1{path.replace('alice', 'nobody')}", token="", headers=own(product, mallory)
        )
        assert answer.status == nothing.status == 404
        assert answer.json["code"] == nothing.json["code"]
    for method, path, body in (
        ("GET", "/users", None),
        ("POST", "/users", {"id": "eve"}),
        ("DELETE", "/users/alice", None),
        ("POST", "/users/alice/login-links", None),
        ("GET", "/workspaces?owner=alice", None),
        ("POST", "/workspaces", {"name": "gift", "owner": "alice"}),
    ):
        answer = product.request(method, f"/api/v1{path}", body, token="", headers=own(product, mallory))
        assert answer.status == 403, (method, path)
    link = product.request("POST", "/api/v1/login-links", {"user": "alice"}, token="", headers=own(product, mallory))
    assert link.status == 404
    everybody = {workspace["name"] for workspace in product.api("GET", "/workspaces")["items"]}
    assert everybody >= {"alice", "mallory"}


def test_a_workspace_is_entered_by_a_ticket(product: Product, alice: str) -> None:
    session = enter(product, alice, "alice")
    page = product.request(
        "GET", "/", token="", host=host(product, "alice"), headers={"Cookie": session, "Accept": "text/html"}
    )
    assert page.status in (200, 302)
    health = product.request("GET", "/healthz", token="", host=host(product, "alice"), headers={"Cookie": session})
    assert health.status == 200


def test_a_ticket_is_good_once_for_its_address_and_browser(product: Product, alice: str) -> None:
    path, state, _ = follow(product, alice, "alice")
    for headers in ({}, {"Cookie": "__Host-vibecode-state=" + "A" * 43}):
        answer = product.request("GET", path, token="", host=host(product, "alice"), headers=headers)
        assert not re.search(r"^__Host-vibecode=", answer.headers.get("set-cookie", ""), re.MULTILINE)
        path, state, _ = follow(product, alice, "alice")
    elsewhere = product.request("GET", path, token="", host=host(product, "mallory"), headers={"Cookie": state})
    assert not re.search(r"^__Host-vibecode=", elsewhere.headers.get("set-cookie", ""), re.MULTILINE)
    path, state, _ = follow(product, alice, "alice")
    assert product.request("GET", path, token="", host=host(product, "alice"), headers={"Cookie": state}).status == 303
    replay = product.request("GET", path, token="", host=host(product, "alice"), headers={"Cookie": state})
    assert not re.search(r"^__Host-vibecode=", replay.headers.get("set-cookie", ""), re.MULTILINE)


def test_the_way_in_leads_nowhere_else(product: Product, alice: str) -> None:
    for target in (
        "//evil.example/",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/a\r\nX-Evil: 1",
    ):
        _, state, ticket = follow(product, alice, "alice")
        answer = product.request(
            "GET",
            f"/.vibecode/enter?ticket={ticket}&to={quote(target, safe='')}",
            token="",
            host=host(product, "alice"),
            headers={"Cookie": state},
        )
        assert answer.status == 303
        assert answer.headers["location"] == "/"
        assert "x-evil" not in answer.headers


def test_a_ticket_for_anothers_workspace_is_not_given(product: Product, alice: str, mallory: str) -> None:
    first = product.request("GET", "/", token="", host=host(product, "alice"), headers={"Accept": "text/html"})
    location = urlsplit(first.headers["location"])
    answer = product.request("GET", f"{location.path}?{location.query}", token="", headers={"Cookie": mallory})
    assert answer.status == 404
    assert b"alice" in answer.body


def test_one_workspaces_session_opens_no_other(product: Product, alice: str, mallory: str) -> None:
    session = enter(product, mallory, "mallory")
    for name in ("alice", "3000--mallory", "3000--alice"):
        answer = product.request("GET", "/healthz", token="", host=host(product, name), headers={"Cookie": session})
        assert answer.status == 401, name
    assert product.request("GET", "/api/v1/me", token="", headers={"Cookie": session}).status == 401
    assert (
        product.request("GET", "/healthz", token="", host=host(product, "alice"), headers={"Cookie": mallory}).status
        == 401
    )


def test_the_dashboards_token_opens_no_workspace(product: Product, alice: str) -> None:
    answer = product.request("GET", "/healthz", host=host(product, "alice"))
    assert answer.status == 401


def test_starting_needs_a_page_of_the_same_workspace(product: Product, alice: str) -> None:
    session = enter(product, alice, "alice")
    for origin in ("https://evil.example", product.workspace_url("mallory"), "null", ""):
        headers = {"Cookie": session} | ({"Origin": origin} if origin else {})
        answer = product.request("POST", "/.vibecode/start", token="", host=host(product, "alice"), headers=headers)
        assert answer.status == 403, origin
    good = {"Cookie": session, "Origin": product.workspace_url("alice")}
    assert (
        product.request("POST", "/.vibecode/start", token="", host=host(product, "alice"), headers=good).status == 202
    )


def test_signing_out_ends_the_workspaces_sessions_too(product: Product) -> None:
    product.api("POST", "/users", {"id": "carol"})
    cookie = sign_in(product, "carol")
    product.request("POST", "/api/v1/workspaces", {"name": "carol"}, token="", headers=own(product, cookie))
    product.wait_for("carol", "running")
    session = enter(product, cookie, "carol")
    assert product.request("DELETE", "/api/v1/session", token="", headers=own(product, cookie)).status == 204
    assert product.request("GET", "/api/v1/me", token="", headers={"Cookie": cookie}).status == 401
    assert (
        product.request("GET", "/healthz", token="", host=host(product, "carol"), headers={"Cookie": session}).status
        == 401
    )


def test_an_agents_token_is_for_reports_alone(product: Product, alice: str) -> None:
    import json

    files = list((product.data_dir / "workspaces").glob("*/run/agent.json"))
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    tokens = [json.loads(file.read_text())["token"] for file in files]
    assert len(set(tokens)) == len(tokens)
    for token in tokens:
        assert product.request("GET", "/api/v1/me", token=token).status == 401
        answer = product.request("POST", "/agent/v1/report", {}, token=token, host=f"127.0.0.1:{product.port}")
        assert answer.status == 200
        assert answer.json["reason"]
    assert product.request("POST", "/agent/v1/report", {}, host=f"127.0.0.1:{product.port}").status == 401


def test_no_secret_reaches_the_log(product: Product, alice: str, mallory: str) -> None:
    log = product.log()
    for secret in (product.token, alice.partition("=")[2], mallory.partition("=")[2]):
        assert secret not in log


def test_pages_forbid_scripts_and_frames_of_others(product: Product) -> None:
    for name in ("/", "/sign-in"):
        policy = product.request("GET", name, token="", headers={"Accept": "text/html"}).headers[
            "content-security-policy"
        ]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
