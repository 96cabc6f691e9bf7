"""Waiting for a workspace, with its reasons on the screen meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from vibecode.cli.output import say

if TYPE_CHECKING:
    from vibecode.cli.client import Client


def finish(api: Client, workspace: dict[str, Any], *, wait: bool, as_json: bool, goal: str = "running") -> None:
    """Follow a workspace until it is where it was asked to be; exit 1 if it fails."""
    from vibecode.cli.output import note, print_json

    name = workspace["name"]
    if wait:
        workspace = _wait(api, name, goal=goal, quiet=as_json)
    if as_json:
        print_json(workspace)
    elif not wait or workspace["status"] == goal:
        say(workspace["url"] if goal == "running" else f"{name} is {workspace['status']}.")
    if wait and workspace["status"] != goal:
        note(f"Error: {workspace['reason']} `vibecode workspace logs {name}` has the details.")
        raise typer.Exit(1)


def _wait(api: Client, name: str, *, goal: str, quiet: bool) -> dict[str, Any]:
    """Return a workspace when it has come to rest, with its reasons on the screen meanwhile."""
    from vibecode.cli.client import how_it_is
    from vibecode.cli.output import note
    from vibecode.domain.errors import ServerUnreachable, WorkspaceNotFound

    shown = ""
    for event in api.stream("/events"):
        if event.event == "removed" and event.data["name"] == name:
            raise WorkspaceNotFound(f"Workspace {name} was deleted meanwhile.")
        if event.event != "workspace" or event.data["name"] != name:
            continue
        workspace: dict[str, Any] = event.data
        if workspace["status"] in (goal, "failed"):
            return workspace
        if goal == "running" and workspace["status"] == "stopped":
            return workspace
        if not quiet and workspace["reason"] != shown:
            shown = workspace["reason"]
            note(shown)
    raise ServerUnreachable(f"The server ended while {name} was on its way: {how_it_is()}")
