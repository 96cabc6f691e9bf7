"""A user's day: sign in, make a workspace, work in VS Code, stop, come back, and lose the server in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.visitor import arrive, make_workspace
from tests.e2e.workbench import Workbench, make_vsix
from tests.support.browser import chromium
from tests.support.product_api import ProductApi, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.editor,
    pytest.mark.parametrize("product", ["local", "kubernetes"], indirect=True, scope="module"),
]

SETTINGS = ".local/share/code-server/User/settings.json"


@pytest.fixture(scope="module")
def dashboard(product: ProductApi) -> Iterator[Page]:
    """The dashboard in a browser that has just signed in by the one-time link."""
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(product.limit * 1000)
        page = context.new_page()
        arrive(page, product.login_link())
        yield page
        context.close()


@pytest.fixture(autouse=True)
def picture(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a failure, keep a picture of every tab in test-results/."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before and "dashboard" in request.fixturenames:
        folder = Path("test-results")
        folder.mkdir(exist_ok=True)
        page: Page = request.getfixturevalue("dashboard")
        for number, tab in enumerate(page.context.pages):
            tab.screenshot(path=folder / f"{request.node.name}-{number}.png")


@pytest.fixture(scope="module")
def editor(product: ProductApi, dashboard: Page) -> Workbench:
    """A workspace made in the dashboard, opened in a second tab."""
    dashboard.goto(product.url + "/")
    open_link = make_workspace(dashboard, "journey")
    # What is unsaved shall stay so until it's saved.
    product.wait_for("journey", "running")
    product.home("journey").write(SETTINGS, '{"files.autoSave": "off"}\n')
    with dashboard.context.expect_page() as opened:
        open_link.click()
    workbench = Workbench(opened.value)
    workbench.wait_ready()
    return workbench


def test_the_link_cannot_be_used_twice(product: ProductApi, dashboard: Page) -> None:
    link = product.login_link()
    product.request(
        "POST", "/api/v1/session", {"token": link.partition("#")[2]}, token="", headers={"Origin": product.url}
    )
    context = dashboard.context.browser.new_context() if dashboard.context.browser else None
    assert context is not None
    page = context.new_page()
    page.goto(link)
    sign_in = page.get_by_role("button", name="Sign in")
    expired = page.get_by_text("expired").first
    sign_in.or_(expired).first.wait_for()
    if sign_in.is_visible():
        sign_in.click()
    expired.wait_for()
    context.close()


def test_an_address_without_a_workspace_has_a_page_that_says_so(product: ProductApi, dashboard: Page) -> None:
    page = dashboard.context.new_page()
    page.goto(product.workspace_url("nobodys") + "/")
    page.get_by_role("heading", name="No workspace here").wait_for()
    assert page.get_by_role("main").inner_text().count("nobodys") == 1
    # It is as the others look: its styles came, and so its picture has a size.
    assert page.evaluate("Array.from(document.styleSheets, (sheet) => sheet.cssRules.length > 0)") == [True]
    size = page.locator("header svg").bounding_box()
    assert size is not None
    assert size["height"] < 100
    page.get_by_role("link", name="Open dashboard").click()
    page.wait_for_url(product.url + "/")
    page.close()


def test_edit_and_save_a_file(product: ProductApi, editor: Workbench) -> None:
    product.files("journey").write("hello.txt", "first line\n")
    editor.open_file("hello.txt")
    editor.type("written in the browser\n")
    editor.save()
    expected = "first line\nwritten in the browser\n"
    wait_until(lambda: product.files("journey").read("hello.txt") == expected, "the file is saved")


def test_run_a_command_in_the_terminal(product: ProductApi, editor: Workbench) -> None:
    editor.terminal()
    editor.run('echo "$((40 + 2)) $VIBECODE_WORKSPACE" > made.txt')
    made = wait_until(lambda: product.files("journey").read("made.txt"), "the terminal wrote")
    assert made == "42 journey\n"


def test_the_terminal_has_no_secret_of_the_server(product: ProductApi, editor: Workbench) -> None:
    editor.run("env > environment.txt; echo done > environment.done")
    wait_until(lambda: product.files("journey").read("environment.done"), "the environment is written")
    environment = product.files("journey").read("environment.txt") or ""
    assert product.token not in environment
    assert "VIBECODE_DATA_DIR" not in environment
    assert f"VSCODE_PROXY_URI={product.workspace_url('{{port}}--journey')}/" in environment


def test_a_port_has_a_preview(product: ProductApi, editor: Workbench) -> None:
    port = product.free_port("journey")
    editor.run(f"{product.python} -m http.server {port} --bind 127.0.0.1 &")
    ports = wait_until(lambda: product.api("GET", "/workspaces/journey/ports")["items"], "the port is found")
    assert [port["port"] for port in ports] == [port]
    page = editor.page.context.new_page()
    page.goto(ports[0]["url"])
    page.get_by_role("link", name="hello.txt").wait_for()
    page.goto(product.workspace_url("9999--journey") + "/")
    page.get_by_text("9999").first.wait_for()
    page.close()


def test_install_an_extension_from_a_file(product: ProductApi, editor: Workbench, tmp_path: Path) -> None:
    product.home("journey").write("proof.vsix", make_vsix(tmp_path / "proof.vsix").read_bytes())
    editor.command("Extensions: Install from VSIX...")
    editor.choose("proof.vsix")
    editor.notification("Completed installing")
    editor.command("Proof: Say Hello")
    editor.notification("Hello from the proof extension")


def test_change_a_setting(product: ProductApi, editor: Workbench) -> None:
    editor.page.locator(".monaco-workbench.vs").wait_for()
    editor.command("Preferences: Toggle between Light/Dark Themes")
    editor.page.locator(".monaco-workbench.vs-dark").wait_for()
    home = product.home("journey")
    wait_until(lambda: "colortheme" in (home.read(SETTINGS) or "").lower(), "the setting is saved")


def test_the_server_is_killed_and_the_editor_goes_on(product: ProductApi, editor: Workbench) -> None:
    files = product.files("journey")
    editor.run("echo $$ > before.txt")
    before = wait_until(lambda: files.read("before.txt"), "a shell's pid")
    editor.open_file("hello.txt")
    editor.type("not saved yet")
    product.lose_server()
    assert product.is_alive("journey", int(before))
    assert product.api("GET", "/workspaces/journey")["status"] == "running"
    editor.page.locator(".tab.active.dirty").wait_for()

    def shell_answers() -> str | None:
        editor.run("echo $$ > after.txt")
        return files.read("after.txt")

    assert wait_until(shell_answers, "the terminal is connected again", limit=90) == before
    editor.open_file("hello.txt")
    editor.save()
    assert "not saved yet" in (files.read("hello.txt") or "")


def test_a_stop_is_explained_in_the_tab_and_undone_there(product: ProductApi, editor: Workbench) -> None:
    product.api("POST", "/workspaces/journey/stop")
    product.wait_for("journey", "stopped")
    again = editor.page.get_by_role("button", name="Start again")
    again.wait_for()
    editor.page.get_by_text("Stopped by").first.wait_for()
    # The forgotten tab does not wake it: it is still stopped when the person comes back.
    assert product.api("GET", "/workspaces/journey")["status"] == "stopped"
    again.click()
    product.wait_for("journey", "running")
    editor.page.get_by_role("dialog", name="journey").wait_for(state="detached")
    editor.wait_ready()


def test_opening_a_stopped_workspace_wakes_it_with_everything_there(product: ProductApi, editor: Workbench) -> None:
    editor.page.goto("about:blank")
    product.api("POST", "/workspaces/journey/stop")
    product.wait_for("journey", "stopped")
    editor.page.goto(product.workspace_url("journey") + "/")
    editor.wait_ready()
    editor.open_file("hello.txt")
    editor.page.get_by_text("written in the browser").first.wait_for()
    editor.page.locator(".monaco-workbench.vs-dark").wait_for()
    editor.command("Proof: Say Hello")
    editor.notification("Hello from the proof extension")


def test_a_workspaces_page_reaches_neither_api_nor_others(product: ProductApi, editor: Workbench) -> None:
    product.create("neighbour")
    page = editor.page.context.new_page()
    page.goto(product.workspace_url("neighbour") + "/")
    Workbench(page).wait_ready()  # the browser has a session for both now
    script = """async ([method, url]) => {
        try { const answer = await fetch(url, {method, credentials: 'include'}); return 'read ' + answer.status; }
        catch (error) { return 'blocked'; }
    }"""
    for method, url in (
        ("GET", f"{product.url}/api/v1/workspaces"),
        ("POST", f"{product.url}/api/v1/workspaces/neighbour/stop"),
        ("GET", f"{product.workspace_url('journey')}/"),
        ("POST", f"{product.workspace_url('journey')}/.vibecode/start"),
    ):
        assert page.evaluate(script, [method, url]) == "blocked", (method, url)
    assert product.api("GET", "/workspaces/neighbour")["status"] == "running"
    # Without CORS a request is sent all the same, and has to be refused for what it would do.
    page.evaluate(
        "url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include'}).catch(() => null)",
        f"{product.url}/api/v1/workspaces/neighbour/stop",
    )
    assert product.api("GET", "/workspaces/neighbour")["status"] == "running"
    socket = """url => new Promise(done => {
        const socket = new WebSocket(url);
        socket.onopen = () => done('open');
        socket.onerror = () => done('refused');
    })"""
    assert page.evaluate(socket, product.workspace_url("journey").replace("http", "ws") + "/") == "refused"
    assert "vibecode" not in page.evaluate("() => document.cookie")
    page.close()


def test_ending_the_session_disconnects_the_editor(product: ProductApi, dashboard: Page, editor: Workbench) -> None:
    sessions = [s for s in product.api("GET", "/sessions")["items"] if s["kind"] == "browser"]
    for session in sessions:
        product.api("DELETE", f"/sessions/{session['id']}")
    assert dashboard.evaluate("async () => (await fetch('/api/v1/me')).status") == 401
    editor.page.get_by_text("signed out").first.wait_for()
