"""What a workspace left in its folder must not turn against others: links, and forged notes about processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import Product


def folder_of(product: Product, name: str) -> Path:
    identity: str = product.api("GET", f"/workspaces/{name}")["id"]
    return product.data_dir / "workspaces" / identity


def test_removal_does_not_follow_links(product: Product, tmp_path: Path) -> None:
    product.create("links")
    folder = folder_of(product, "links")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    (folder / "files" / "folder").symlink_to(precious)
    (folder / "files" / "file").symlink_to(precious / "file")
    product.api("POST", "/workspaces/links/stop")
    product.wait_for("links", "stopped")
    (folder / "logs").rename(tmp_path / "logs")
    (folder / "logs").symlink_to(precious)
    product.api("DELETE", "/workspaces/links?purge=true")
    assert not folder.exists()
    assert (precious / "file").read_text() == "precious"


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_a_forged_note_makes_no_stranger_ones_editor(product: Product) -> None:
    product.create("forger")
    note = folder_of(product, "forger") / "run" / "process.json"
    state = json.loads(note.read_text())
    boot = state["start_time"].partition(":")[0]
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            ticks = Path(f"/proc/{stranger.pid}/stat").read_text().rpartition(")")[2].split()[19]
            note.write_text(json.dumps({**state, "pid": stranger.pid, "start_time": f"{boot}:{ticks}"}))
            product.stop()
            product.start()
            product.wait_for("forger", "running")
            assert json.loads(note.read_text())["pid"] != stranger.pid
            product.api("POST", "/workspaces/forger/stop")
            product.wait_for("forger", "stopped")
            product.api("DELETE", "/workspaces/forger?purge=true")
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("command", [["list"], ["show", "painter"]])
def test_no_workspace_writes_on_the_terminal_of_a_command(product: Product, command: list[str]) -> None:
    if not any(each["name"] == "painter" for each in product.api("GET", "/workspaces")["items"]):
        product.create("painter")
    token = json.loads((folder_of(product, "painter") / "run" / "agent.json").read_text())["token"]
    task = {"windowId": "w", "tasks": [{"name": "\x1b]0;owned\x07\x1b[2J\u009b31m\u202eevil"}]}
    product.request("POST", "/agent/v1/report", task, token=token, host="127.0.0.1")
    shown = subprocess.run(
        [
            *(sys.executable, "-P", "-c", "from vibecode.cli.main import main; main()"),
            *("workspace", *command, "--data-dir", str(product.data_dir)),
        ],
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "task" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
