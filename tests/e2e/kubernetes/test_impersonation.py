"""Attempts to pass for somebody else: at the API, at the port where workspaces report, and at the edge."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.e2e.kubernetes.edge import get, send, status
from tests.e2e.kubernetes.inhabitants import Listener, run_inside
from tests.e2e.kubernetes.network import AGENT_PORT, victim_address
from tests.integration.security.people import Person, enter, host_of
from tests.support.cluster import PATIENCE, PLATFORM, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until

AGENT: Final = f"http://control-plane.{PLATFORM}.svc:{AGENT_PORT}"


def test_nobody_creates_a_workspace_for_somebody_else(cluster: ClusterProduct, alice: Person, bob: Person) -> None:
    def create(body: dict[str, Any], **headers: str) -> int:
        sent = alice.headers(cluster) | headers
        return cluster.request("POST", "/api/v1/workspaces", body, token="", headers=sent).status

    assert create({"name": "forged", "owner": bob.name}) == 403
    extras: list[dict[str, Any]] = [
        {"userId": bob.name},
        {"spec": {"owner": bob.name}},
        {"labels": {"vibecode.dev/owner": bob.name}},
        {"image": "busybox"},
        {"storage": {"workspace": "1Ti"}},
        {"volumes": []},
    ]
    for extra in extras:
        assert create({"name": "forged", **extra}) == 422
    path = f"/api/v1/workspaces/{alice.name}"
    for change in ({"owner": bob.name}, {"idleTimeout": 600, "owner": bob.name}, {"idleTimeout": 600, "image": "x"}):
        assert cluster.request("PATCH", path, change, token="", headers=alice.headers(cluster)).status == 422
    found = cluster.run_kubectl("get", "workspace", "forged", "-n", WORKSPACES)
    assert "NotFound" in found.stderr


def test_the_agents_token_reports_for_its_own_workspace_alone(
    cluster: ClusterProduct, alice: Person, bob: Person, agent_token: str
) -> None:
    uids = {name: cluster.get("workspace", name, "-n", WORKSPACES)["metadata"]["uid"] for name in ("alice", "bob")}
    assert uids["alice"] in agent_token
    others = agent_token.replace(uids["alice"], uids["bob"])
    body: dict[str, Any] = {
        "sampledAt": "2026-01-01T00:00:00Z",
        "busyCommand": "forged by alice",
        "cpu": 7.5,
        "memory": 1,
        "storage": None,
        "ports": [],
        "editorVersion": "0.0.0",
    }
    url = f"{AGENT}/agent/v1/processes"

    def report(token: str, extra: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        return {"method": "POST", "url": url, "headers": headers, "body": body | extra}

    requests = [
        report(agent_token, {}),
        report(agent_token, {"workspace": "bob", "workspaceId": uids["bob"]}),
        report(others, {}),
        report(agent_token + "0", {}),
        report("", {}),
    ]
    answers = run_inside(cluster, alice.name, "ask", requests)
    # What a body says beside the report is nobody's business, so that older servers take newer reports.
    assert [answer[0] for answer in answers] == [200, 200, 401, 401, 401]

    def is_shown_as_alices() -> bool:
        run_inside(cluster, alice.name, "ask", requests[:1])  # again: her agent's own report may have come after it
        return bool(cluster.api("GET", f"/workspaces/{alice.name}")["resources"]["cpu"] == 7.5)

    wait_until(is_shown_as_alices, "what she reports is hers")
    shown = cluster.api("GET", f"/workspaces/{bob.name}")
    assert shown["resources"]["cpu"] != 7.5
    assert "forged by alice" not in json.dumps(shown)


def test_the_agents_port_has_the_agents_routes_alone(cluster: ClusterProduct, alice: Person, agent_token: str) -> None:
    """With a workspace's token; with any other, nothing is even looked for."""
    paths = (
        *("/", "/api/v1/workspaces", "/api/v1/me", "/api/v1/users", "/api/v1/openapi.json", "/openapi.json", "/docs"),
        *("/auth/verify", "/edge/v1/connections", "/.vibecode/status", "/metrics", "/agent/v1/../../api/v1/me"),
    )
    hosts = ("control-plane", host_of(cluster, "bob"), f"vibecode.localhost:{cluster.port}")
    ways = [*(("GET", host) for host in hosts), ("POST", hosts[0])]

    def requests(token: str) -> list[dict[str, Any]]:
        return [
            {"method": method, "url": AGENT + path, "headers": {"Authorization": f"Bearer {token}", "Host": host}}
            for method, host in ways
            for path in paths
        ]

    def statuses(token: str) -> set[int]:
        """Ask all; what is turned away because it came too early is sent again."""
        left, found = requests(token), set[int]()

        def are_all_answered() -> bool:
            nonlocal left
            answers = run_inside(cluster, alice.name, "ask", left)
            early = [status in (0, 429) for status, _ in answers]
            found.update(status for (status, _), is_early in zip(answers, early, strict=True) if not is_early)
            left = [request for request, is_early in zip(left, early, strict=True) if is_early]
            return not left

        wait_until(are_all_answered, "each request is answered", limit=PATIENCE)
        return found

    assert statuses(cluster.token) == {401}
    assert statuses(agent_token) <= {404, 405}


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/workspaces", "/agent/v1/processes", "/agent/v1/report"])
def test_the_agents_token_opens_nothing_at_the_edge(cluster: ClusterProduct, agent_token: str, path: str) -> None:
    method = "POST" if path.startswith("/agent") else "GET"
    body: dict[str, Any] | None = {} if method == "POST" else None
    answer = cluster.request(method, path, body, token=agent_token)
    assert answer.status in (401, 404, 405)


def test_bobs_preview_is_bobs(cluster: ClusterProduct, bob: Person, bobs: Listener) -> None:
    """What the next tests rest on: with his session, the canary is seen."""
    session = bobs.session(bob)
    answer = send(cluster, get(bobs.host, f"Cookie: {session}", target="/mine"))
    assert (status(answer), bobs.word.encode() in answer) == (200, True)
    assert any("/mine" in line for line in bobs.requests())


def test_alices_sessions_open_nothing_of_bobs(
    cluster: ClusterProduct, alice: Person, bob: Person, bobs: Listener
) -> None:
    """However the request names its target: the workspace comes from Host and session alone."""
    own = enter(cluster, alice.cookie, "alice")
    target = victim_address(cluster, bobs)
    preview, editor, port = bobs.host.partition(":")[0], "bob.vibecode.localhost", cluster.port
    hosts = [
        *(preview, f"{preview}:{port}", f"{preview}:1", preview.upper(), f"{preview}.", f"{preview}.:{port}"),
        *(editor, f"{editor}:{port}", editor.upper(), f"{editor}.", f"alice.vibecode.localhost.{preview}"),
        *(f"alice.{preview}", target, f"{target}:{bobs.port}", f"code-server-bob.{WORKSPACES}.svc", f"x@{preview}"),
    ]
    hers = host_of(cluster, "alice")
    claims = [
        f"X-Forwarded-Host: {bobs.host}",
        f"X-Original-Host: {bobs.host}",
        f"Forwarded: host={bobs.host}",
        f"X-Vibecode-Host: {bobs.host}",
        f"X-Vibecode-Upstream: {target}:{bobs.port}",
        f"X_Vibecode_Upstream: {target}:{bobs.port}",
        f"X-Vibecode-Uri: http://{bobs.host}/stolen",
        "X-Vibecode-Workspace: bob",
        f"X-Vibecode-Workspace-Id: {cluster.api('GET', '/workspaces/bob')['id']}",
        "X-Vibecode-User: bob",
        f"X-Original-URI: http://{bobs.host}/stolen",
        f"X-Original-URL: http://{bobs.host}/stolen",
        "X-Forwarded-User: bob",
        f"X-Accel-Redirect: http://{target}:{bobs.port}/stolen",
        f"Host: {bobs.host}",
    ]
    before = len(bobs.requests())
    for cookie in (own, alice.cookie, f"{alice.cookie}; {own}"):
        sent = f"Cookie: {cookie}"
        requests = [get(host, sent, target="/stolen") for host in hosts]
        requests += [get(hers, sent, claim, target="/stolen") for claim in claims]
        requests += [get(bobs.host, sent, claim, target="/stolen") for claim in (f"X-Forwarded-Host: {hers}",)]
        for absolute in (f"http://{bobs.host}/stolen", f"http://x@{bobs.host}/stolen", f"//{bobs.host}/stolen"):
            requests += [get(host, sent, target=absolute) for host in (hers, bobs.host)]
        for request in requests:
            answer = send(cluster, request)
            assert bobs.word.encode() not in answer, request
            assert answer == b"" or status(answer) != 200 or hers.encode() in request, request
    assert bobs.requests()[before:] == []


def test_alices_websocket_to_bobs_is_refused(
    cluster: ClusterProduct, alice: Person, bob: Person, bobs: Listener
) -> None:
    own = enter(cluster, alice.cookie, "alice")
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    before = len(bobs.requests())
    for cookie in (own, alice.cookie):
        request = get(bobs.host, f"Cookie: {cookie}", f"Origin: http://{bobs.host}", *upgrade, target="/stolen")
        assert status(send(cluster, request.replace(b"Connection: close", b"Connection: Upgrade"))) in (401, 404)
    assert bobs.requests()[before:] == []
