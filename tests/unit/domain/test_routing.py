"""The routing decision: who may pass, and what happens to who may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.addresses import Addresses, DashboardHost, LoopbackHost, UnknownHost, WorkspaceHost, parse_host
from vibecode.domain.edges import EdgeRequest
from vibecode.domain.routing import (
    Decision,
    ForwardToControlPlane,
    ForwardToEditor,
    ForwardToPort,
    Hold,
    Refuse,
    SessionView,
    WorkspaceView,
    counts_as_use,
    decide,
)
from vibecode.domain.workspace import Phase

ADDRESSES = Addresses(scheme="http", domain="vibecode.localhost", workspace_domain="vibecode.localhost", port=8000)
HOST = "alice.vibecode.localhost:8000"
OWN = "http://alice.vibecode.localhost:8000"
PREVIEW = "3000--alice.vibecode.localhost:8000"
PREVIEW_ORIGIN = "http://3000--alice.vibecode.localhost:8000"
ALICE = SessionView(id="s-1", user="alice", is_admin=False)
BOB = SessionView(id="s-2", user="bob", is_admin=False)
ADMIN = SessionView(id="s-3", user="root", is_admin=True)


def view(phase: Phase = Phase.RUNNING) -> WorkspaceView:
    return WorkspaceView(id="w-1", owner="alice", phase=phase)


def page(host: str = HOST, path: str = "/", **headers: str) -> EdgeRequest:
    return EdgeRequest(method="GET", host=host, path=path, fetch_mode="navigate", fetch_site="none", **headers)


def fetch(host: str = HOST, method: str = "GET", fetch_site: str = "", **headers: str) -> EdgeRequest:
    return EdgeRequest(method=method, host=host, path="/x", fetch_site=fetch_site, **headers)


def websocket(host: str = HOST, origin: str = OWN) -> EdgeRequest:
    return EdgeRequest(method="GET", host=host, path="/", upgrade="websocket", origin=origin)


def ask(request: EdgeRequest, session: SessionView | None, workspace: WorkspaceView | None) -> Decision:
    return decide(request, parse_host(request.host, ADDRESSES), session, workspace, ADDRESSES)


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("vibecode.localhost:8000", DashboardHost()),
        ("VibeCode.LocalHost", DashboardHost()),
        ("vibecode.localhost:9999", DashboardHost()),
        ("127.0.0.1:8000", LoopbackHost()),
        ("localhost", LoopbackHost()),
        ("[::1]:8000", LoopbackHost()),
        ("192.0.2.1:8000", UnknownHost()),
        ("alice.vibecode.localhost:8000", WorkspaceHost(name="alice")),
        ("3000--alice.vibecode.localhost", WorkspaceHost(name="alice", port=3000)),
        ("65535--a-b.vibecode.localhost", WorkspaceHost(name="a-b", port=65535)),
        ("65536--alice.vibecode.localhost", UnknownHost()),
        ("0--alice.vibecode.localhost", UnknownHost()),
        ("03000--alice.vibecode.localhost", UnknownHost()),
        ("3000--api.vibecode.localhost", UnknownHost()),
        ("api.vibecode.localhost", UnknownHost()),
        ("a--b.vibecode.localhost", UnknownHost()),
        ("x.alice.vibecode.localhost", UnknownHost()),
        ("vibecode.localhost.evil.example", UnknownHost()),
        ("alice.vibecode.localhost.", UnknownHost()),
        ("evil.example", UnknownHost()),
        ("evilvibecode.localhost", UnknownHost()),
        ("", UnknownHost()),
        ("alice.vibecode.localhost:8000:1", UnknownHost()),
        ("alice@vibecode.localhost", UnknownHost()),
        ("10.0.0.1", UnknownHost()),
    ],
)
def test_host_names(host: str, target: object) -> None:
    assert parse_host(host, ADDRESSES) == target


@given(st.text(max_size=80))
def test_any_host_is_parsed_without_failing(host: str) -> None:
    target = parse_host(host, ADDRESSES)
    if isinstance(target, WorkspaceHost):
        assert host.lower().partition(":")[0].endswith(".vibecode.localhost")


def test_production_keeps_workspaces_on_a_domain_of_their_own() -> None:
    addresses = Addresses(scheme="https", domain="code.example.org", workspace_domain="ws.example.net", port=443)
    assert addresses.dashboard == "https://code.example.org"
    assert addresses.workspace("alice", port=3000) == "https://3000--alice.ws.example.net"
    assert parse_host("alice.code.example.org", addresses) == UnknownHost()
    assert parse_host("alice.ws.example.net", addresses) == WorkspaceHost(name="alice")


@pytest.mark.parametrize("session", [ALICE, ADMIN])
@pytest.mark.parametrize("request_", [page(), fetch(), websocket(), fetch(method="POST", origin=OWN)])
def test_owner_and_admin_pass(session: SessionView, request_: EdgeRequest) -> None:
    assert ask(request_, session, view()) == ForwardToEditor(workspace="alice", workspace_id="w-1", session=session.id)


def test_a_port_is_a_way_of_its_own() -> None:
    decision = ask(page(host="3000--alice.vibecode.localhost:8000"), ALICE, view())
    assert decision == ForwardToPort(workspace="alice", workspace_id="w-1", port=3000, session="s-1")


@pytest.mark.parametrize("phase", list(Phase))
def test_nobody_passes_without_a_session(phase: Phase) -> None:
    assert ask(page(), None, view(phase)) == ForwardToControlPlane()
    for request in (fetch(), websocket()):
        decision = ask(request, None, view(phase))
        assert isinstance(decision, Refuse)
        assert decision.status == 401


@pytest.mark.parametrize("phase", list(Phase))
def test_anothers_workspace_looks_like_none(phase: Phase) -> None:
    for request in (page(), fetch(), websocket()):
        assert ask(request, BOB, view(phase)) == ask(request, BOB, None)
    refused = ask(fetch(), BOB, view(phase))
    assert isinstance(refused, Refuse)
    assert refused.status == 404


def test_an_unknown_host_is_refused_whoever_asks() -> None:
    decision = ask(page(host="evil.example"), ADMIN, view())
    assert isinstance(decision, Refuse)
    assert decision.status == 421


@pytest.mark.parametrize(
    "origin", ["http://bob.vibecode.localhost:8000", "http://vibecode.localhost:8000", "null", "x"]
)
def test_a_websocket_from_another_page_is_refused(origin: str) -> None:
    for host in (HOST, PREVIEW):
        decision = ask(websocket(host=host, origin=origin), ALICE, view())
        assert isinstance(decision, Refuse)
        assert decision.code == "cross_origin"


@pytest.mark.parametrize("host", [HOST, PREVIEW])
def test_what_has_no_origin_of_its_own_is_nobodys(host: str) -> None:
    """Sandboxed frames and data: pages send ``null``, whoever made them."""
    for request in (
        websocket(host=host, origin="null"),
        fetch(host=host, method="POST", origin="null"),
        fetch(host=host, method="POST", origin="null", fetch_site="same-origin"),
        fetch(host=host, origin="null", fetch_site="cross-site"),
    ):
        decision = ask(request, ALICE, view())
        assert isinstance(decision, Refuse)
        assert decision.code == "cross_origin"


@pytest.mark.parametrize(
    "request_",
    [
        fetch(method="POST", origin="http://bob.vibecode.localhost:8000", fetch_site="same-site"),
        fetch(origin="http://bob.vibecode.localhost:8000", fetch_site="same-site"),
        fetch(method="POST", origin="null", fetch_site="cross-site"),
        fetch(fetch_site="same-site"),
        fetch(fetch_site="cross-site"),
        EdgeRequest(
            method="GET", host=HOST, path="/", fetch_mode="navigate", fetch_site="same-site", fetch_dest="iframe"
        ),
    ],
)
def test_another_workspaces_page_cannot_use_the_editor(request_: EdgeRequest) -> None:
    decision = ask(request_, ALICE, view())
    assert isinstance(decision, Refuse)
    assert decision.code == "cross_origin"


def test_a_link_on_another_page_opens_the_editor() -> None:
    request = EdgeRequest(
        method="GET", host=HOST, path="/", fetch_mode="navigate", fetch_site="cross-site", fetch_dest="document"
    )
    assert isinstance(ask(request, ALICE, view()), ForwardToEditor)


def test_previews_of_one_workspace_may_call_each_other() -> None:
    host = "8000--alice.vibecode.localhost:8000"
    for origin in ("http://3000--alice.vibecode.localhost:8000", OWN):
        request = fetch(host=host, method="POST", origin=origin, fetch_site="same-site")
        assert isinstance(ask(request, ALICE, view()), ForwardToPort)
    stranger = fetch(
        host=host, method="POST", origin="http://3000--bob.vibecode.localhost:8000", fetch_site="same-site"
    )
    assert isinstance(ask(stranger, ALICE, view()), Refuse)


@pytest.mark.parametrize("origin", [PREVIEW_ORIGIN, "http://alice.vibecode.localhost:9999", "ftp" + OWN[4:]])
def test_the_editor_takes_no_orders_from_previews_or_other_tcp_ports(origin: str) -> None:
    for request in (
        websocket(origin=origin),
        fetch(method="POST", origin=origin, fetch_site="same-site"),
    ):
        decision = ask(request, ALICE, view())
        assert isinstance(decision, Refuse)
        assert decision.code == "cross_origin"


@pytest.mark.parametrize(
    ("host", "origin", "passes"),
    [
        (PREVIEW, "http://8000--alice.vibecode.localhost:8000", True),
        (PREVIEW, "http://8000--alice.vibecode.localhost:9999", False),
        (PREVIEW, "http://8000--alice.vibecode.localhost", False),
        (PREVIEW, "ftp://8000--alice.vibecode.localhost:8000", False),
        ("3000--alice.vibecode.localhost:18000", "http://alice.vibecode.localhost:18000", True),
        ("3000--alice.vibecode.localhost", "http://alice.vibecode.localhost", True),
        ("3000--alice.vibecode.localhost", "https://alice.vibecode.localhost", True),
    ],
)
def test_a_preview_takes_orders_from_its_workspace_at_the_same_tcp_port(host: str, origin: str, passes: bool) -> None:
    for request in (
        websocket(host=host, origin=origin),
        fetch(host=host, method="POST", origin=origin, fetch_site="same-site"),
        fetch(host=host, fetch_site="same-site", referer=origin + "/"),
    ):
        assert isinstance(ask(request, ALICE, view()), ForwardToPort if passes else Refuse)


def embedded(dest: str, referer: str, *, mode: str = "no-cors", site: str = "same-site") -> EdgeRequest:
    return EdgeRequest(
        method="GET", host=PREVIEW, path="/", fetch_mode=mode, fetch_site=site, fetch_dest=dest, referer=referer
    )


@pytest.mark.parametrize(("mode", "dest"), [("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe")])
def test_only_pages_of_its_workspace_embed_a_preview(mode: str, dest: str) -> None:
    for referer in (OWN + "/", OWN, "http://8000--alice.vibecode.localhost:8000/a?b"):
        assert isinstance(ask(embedded(dest, referer, mode=mode), ALICE, view()), ForwardToPort)
    for site in ("same-site", "cross-site"):
        for referer in (
            "",
            "http://bob.vibecode.localhost:8000/",
            "http://vibecode.localhost:8000/",
            "http://evil.example/" + OWN,
            OWN + "@evil.example/",
            "about:blank",
        ):
            decision = ask(embedded(dest, referer, mode=mode, site=site), ALICE, view())
            assert isinstance(decision, Refuse)
            assert decision.code == "cross_origin"


@pytest.mark.parametrize("site", ["none", "same-origin", "same-site", "cross-site"])
def test_a_link_anywhere_opens_a_preview(site: str) -> None:
    assert isinstance(ask(embedded("document", "", mode="navigate", site=site), ALICE, view()), ForwardToPort)


@pytest.mark.parametrize("path", ["/sw.js", "/.vibecode/tab.js"])
@pytest.mark.parametrize("session", [None, ALICE])
def test_a_preview_has_no_service_worker(session: SessionView | None, path: str) -> None:
    for header in ({"service_worker": "script"}, {"fetch_dest": "serviceworker"}):
        request = EdgeRequest(method="GET", host=PREVIEW, path=path, fetch_site="same-origin", **header)
        decision = ask(request, session, view())
        assert isinstance(decision, Refuse)
        assert (decision.status, decision.code) == (403, "service_worker_refused")


@pytest.mark.parametrize(
    ("path", "passes"),
    [
        ("/_static/out/browser/serviceWorker.js", True),
        ("/stable-53c2f3253bcf/static/out/vs/workbench/contrib/webview/browser/pre/service-worker.js", True),
        ("/stable-53c2f3253bcf/vscode-remote-resource", False),
        ("/vscode-remote-resource/static/service-worker.js", False),
        ("/.vibecode/tab.js", False),
        ("/sw.js", False),
    ],
)
def test_the_editor_has_its_own_service_workers_alone(path: str, passes: bool) -> None:
    for site in ("same-origin", "same-site"):
        request = EdgeRequest(method="GET", host=HOST, path=path, fetch_site=site, service_worker="script")
        allowed = passes and site == "same-origin"
        assert isinstance(ask(request, ALICE, view()), ForwardToEditor if allowed else Refuse)


def test_behind_a_port_forward_origin_matches_host() -> None:
    request = websocket(host="alice.vibecode.localhost:18000", origin="http://alice.vibecode.localhost:18000")
    assert isinstance(ask(request, ALICE, view()), ForwardToEditor)


@pytest.mark.parametrize("phase", [p for p in Phase if p is not Phase.RUNNING])
def test_a_page_of_what_does_not_run_gets_a_page(phase: Phase) -> None:
    assert ask(page(), ALICE, view(phase)) == ForwardToControlPlane()


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.STARTING])
def test_other_requests_are_held_while_it_starts(phase: Phase) -> None:
    for request in (fetch(), websocket(), fetch(fetch_site="same-origin")):
        assert ask(request, ALICE, view(phase)) == Hold(workspace="alice", wake=False)


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.STOPPING])
def test_a_program_wakes_it_but_a_forgotten_tab_does_not(phase: Phase) -> None:
    assert ask(fetch(), ALICE, view(phase)) == Hold(workspace="alice", wake=True)
    for request in (websocket(), fetch(fetch_site="same-origin"), fetch(method="POST", origin=OWN)):
        decision = ask(request, ALICE, view(phase))
        assert isinstance(decision, Refuse)
        assert (decision.status, decision.code) == (503, "workspace_stopped")
        assert decision.retry_after


def test_a_failed_workspace_is_not_woken_by_programs() -> None:
    decision = ask(fetch(), ALICE, view(Phase.FAILED))
    assert isinstance(decision, Refuse)
    assert decision.code == "workspace_failed"


def test_paths_of_the_control_plane_stay_out_of_the_workspace() -> None:
    for session in (None, ALICE, BOB):
        assert ask(page(path="/.vibecode/enter"), session, view()) == ForwardToControlPlane()
    # Only below the prefix: a workspace may have a file of a similar name.
    assert isinstance(ask(page(path="/.vibecode"), ALICE, view()), ForwardToEditor)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    host=st.sampled_from([HOST, "3000--alice.vibecode.localhost:8000"]),
    origin=st.sampled_from(["", OWN, "null", "http://bob.vibecode.localhost:8000", "https://evil.example"]),
    upgrade=st.sampled_from(["", "websocket", "WebSocket", "h2c"]),
    fetch_mode=st.sampled_from(["", "navigate", "cors", "no-cors", "websocket"]),
    fetch_site=st.sampled_from(["", "none", "same-origin", "same-site", "cross-site"]),
    session=st.sampled_from([None, ALICE, BOB, ADMIN]),
    phase=st.sampled_from([None, *Phase]),
)
def test_only_the_entitled_reach_a_running_workspace(
    method: str,
    host: str,
    origin: str,
    upgrade: str,
    fetch_mode: str,
    fetch_site: str,
    session: SessionView | None,
    phase: Phase | None,
) -> None:
    request = EdgeRequest(
        method=method,
        host=host,
        path="/",
        origin=origin,
        upgrade=upgrade,
        fetch_mode=fetch_mode,
        fetch_site=fetch_site,
    )
    decision = ask(request, session, None if phase is None else view(phase))
    if isinstance(decision, ForwardToEditor | ForwardToPort | Hold):
        assert session in (ALICE, ADMIN)
        assert origin not in ("http://bob.vibecode.localhost:8000", "https://evil.example")
        assert phase is not None
    if isinstance(decision, ForwardToEditor | ForwardToPort):
        assert phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("request_", "use"),
    [
        (page(), True),
        (EdgeRequest(method="GET", host=HOST, path="/", accept="text/html,*/*"), True),
        (fetch(), True),
        (fetch(fetch_site="same-origin"), False),
        (fetch(method="POST", origin=OWN, fetch_site="same-origin"), True),
        (websocket(), False),
    ],
)
def test_what_counts_as_use(request_: EdgeRequest, use: bool) -> None:
    assert counts_as_use(request_) is use
