"""From a click on Open to an editor with a terminal's prompt, against code-server started by hand and opened directly.

Two cases: the workspace runs already, and it is stopped, so that the click also starts it. By hand, the second case is:
start code-server, ask for it until it answers, open its page. Both use the same installation, the same kind of home and
the same browser; the rounds take turns. A first round fills the browser's cache for both and is not counted.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import print_table, ratio, spread, write_json
from tests.e2e.workbench import Workbench
from tests.support.browser import chromium
from tests.support.product import Product, editors_folder, running_product
from vibecode.editor.home import seed_home
from vibecode.editor.launch import command, environment
from vibecode.editor.store import EditorStore

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PROMPT = ".terminal-wrapper.active .terminal-command-decoration"
"""The mark that VS Code's shell integration puts beside a prompt."""


def wait_usable(page: Page) -> None:
    """Wait until files are shown, then open a terminal and wait for its prompt."""
    workbench = Workbench(page)
    workbench.wait_ready()
    workbench.command("Terminal: Create New Terminal")
    page.locator(PROMPT).first.wait_for(state="attached")


class ByHand:
    """code-server without us."""

    def __init__(self, folder: Path) -> None:
        editor = EditorStore(editors_folder()).current()
        assert editor is not None
        self.home, self.files = folder / "home", folder / "files"
        for path in (self.home, self.files):
            path.mkdir()
        seed_home(self.home)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        arguments = command(editor, socket=folder / "unused.sock", home=self.home, folder=self.files)
        at = arguments.index("--socket")
        del arguments[at : at + 4]  # --socket PATH --socket-mode MODE
        self.arguments = [*arguments[:-1], "--bind-addr", f"127.0.0.1:{self.port}", arguments[-1]]
        self.environment = environment(editor, home=self.home)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it; it has ended afterwards."""
        process = subprocess.Popen(
            self.arguments, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not self._answers():
                time.sleep(0.005)
            yield
        finally:
            process.terminate()
            process.wait(30)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def open_stopped(self, context: BrowserContext) -> float:
        """Return the seconds from nothing to usable."""
        page = context.new_page()
        started = time.perf_counter()
        with self.running():
            page.goto(f"http://127.0.0.1:{self.port}/")
            wait_usable(page)
            seconds = time.perf_counter() - started
            page.close()
        return seconds

    def open_running(self, context: BrowserContext) -> float:
        """Return the seconds from opening the address of a running one to usable."""
        with self.running():
            page = context.new_page()
            started = time.perf_counter()
            page.goto(f"http://127.0.0.1:{self.port}/")
            wait_usable(page)
            seconds = time.perf_counter() - started
            page.close()
        return seconds


def ours(product: Product, dashboard: Page, *, stopped: bool) -> float:
    """Return the seconds from the click on Open to usable."""
    product.api("POST", "/workspaces/bench/stop")
    product.wait_for("bench", "stopped")
    if not stopped:
        product.api("POST", "/workspaces/bench/start")
        product.wait_for("bench", "running")
    link = dashboard.get_by_role("link", name="Start and open bench" if stopped else "Open bench in a new tab").first
    link.wait_for()
    started = time.perf_counter()
    with dashboard.context.expect_page() as opened:
        link.click()
    wait_usable(opened.value)
    seconds = time.perf_counter() - started
    opened.value.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, list[float]] = {
        f"{case}, {who}": [] for case in ("running", "stopped") for who in ("VibeCode", "by hand")
    }
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second, chromium() as browser:
        by_hand = ByHand(Path(second))
        with running_product(Path(first)) as product:
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.set_default_timeout(120_000)
            dashboard = context.new_page()
            dashboard.goto(product.login_link())
            product.create("bench")
            dashboard.get_by_role("link", name="Open bench").first.wait_for()
            for round_ in range(-1, options.rounds):
                sample = {
                    "running, VibeCode": ours(product, dashboard, stopped=False),
                    "running, by hand": by_hand.open_running(context),
                    "stopped, VibeCode": ours(product, dashboard, stopped=True),
                    "stopped, by hand": by_hand.open_stopped(context),
                }
                if round_ >= 0:
                    for name, seconds in sample.items():
                        figures[name].append(seconds)
    rows = []
    for case in ("running", "stopped"):
        mine, bare = figures[f"{case}, VibeCode"], figures[f"{case}, by hand"]
        rows.append(
            [
                case,
                spread(mine, digits=2, unit="s"),
                spread(bare, digits=2, unit="s"),
                spread(ratio(mine, bare), digits=2),
            ]
        )
    print_table(["workspace", "click on Open to prompt", "code-server by hand", "ratio"], rows)
    write_json(options.json, {"unit": "s", "rounds": figures})


if __name__ == "__main__":
    main()
