"""The first hour on a cluster that somebody else runs: everything in a browser, through its ingress controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubernetes.inhabitants import Listener, listen
from tests.e2e.visitor import arrive, make_workspace
from tests.e2e.workbench import Workbench
from tests.support.browser import chromium
from tests.support.ingress import BehindIngress
from tests.support.product_api import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dashboard(cluster: BehindIngress) -> Iterator[Page]:
    """The dashboard, opened by the first admin's link as the page's command printed it."""
    with chromium(*cluster.flags) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(60_000)
        page = context.new_page()
        arrive(page, cluster.link)
        yield page
        context.close()


@pytest.fixture(scope="module")
def editor(cluster: BehindIngress, dashboard: Page) -> Workbench:
    """A workspace made in the dashboard, opened in a second tab."""
    link = make_workspace(dashboard, "first")
    cluster.wait_for("first", "running")
    with dashboard.context.expect_page() as opened:
        link.click()
    workbench = Workbench(opened.value)
    workbench.wait_ready()
    return workbench


@pytest.fixture(scope="module")
def preview(cluster: BehindIngress, editor: Workbench) -> Iterator[tuple[Page, Listener]]:
    """The page of a program that listens in it."""
    program = listen(cluster, "first", 18081, "seen-through-the-ingress")
    page = editor.page.context.new_page()
    page.goto(cluster.workspace_url("18081--first") + "/")
    yield page, program
    page.close()


def test_the_terminal_runs_a_command(cluster: BehindIngress, editor: Workbench) -> None:
    editor.terminal()
    editor.run('echo "$((40 + 2)) $VIBECODE_WORKSPACE $VSCODE_PROXY_URI" > made.txt')
    made = wait_until(lambda: cluster.files("first").read("made.txt"), "the terminal wrote")
    assert made == "42 first https://{{port}}--first.code.example.org/\n"


def test_a_port_has_a_preview(preview: tuple[Page, Listener]) -> None:
    page, program = preview
    page.get_by_text(program.word).wait_for()


@pytest.mark.parametrize("code", [1000, 1001, 4001])
def test_a_websocket_is_closed_with_the_code_that_either_side_gives(preview: tuple[Page, Listener], code: int) -> None:
    page, program = preview
    by_server = """code => new Promise(done => {
        const socket = new WebSocket(location.origin.replace('http', 'ws') + '/talk');
        socket.onopen = () => socket.send('close ' + code);
        socket.onclose = event => done([event.code, event.wasClean]);
    })"""
    assert page.evaluate(by_server, code) == [code, True]
    if code == 1001:
        return  # a page may not say that it leaves
    by_page = """code => new Promise(done => {
        const socket = new WebSocket(location.origin.replace('http', 'ws') + '/talk');
        socket.onopen = () => socket.close(code);
        socket.onclose = event => done([event.code, event.wasClean]);
    })"""
    before = program.requests().count(f"closed {code}")
    assert page.evaluate(by_page, code) == [code, True]
    assert program.requests().count(f"closed {code}") == before + 1


def test_it_stops_and_wakes_when_its_address_is_opened(cluster: BehindIngress, editor: Workbench) -> None:
    editor.page.goto("about:blank")
    cluster.api("POST", "/workspaces/first/stop")
    cluster.wait_for("first", "stopped")
    editor.page.goto(cluster.workspace_url("first") + "/")
    editor.wait_ready()
    assert cluster.files("first").read("made.txt")
    cluster.api("DELETE", "/workspaces/first?purge=true")
