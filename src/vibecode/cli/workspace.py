"""``vibecode workspace``: work with workspaces."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vibecode.cli.durations import idle_text, parse_duration
from vibecode.cli.options import Command, DataDir, Json, client
from vibecode.cli.output import say
from vibecode.cli.progress import finish

if TYPE_CHECKING:
    from vibecode.cli.client import Client

app = typer.Typer(help="Create and use workspaces.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Name of the workspace.", metavar="NAME")]
IdleTimeout = Annotated[
    str | None,
    typer.Option("--idle-timeout", help="Stop after this time without use: 45m, 2h, or off.", metavar="TIME"),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return at once, without waiting for it to run.")]


@app.command(
    epilog="Example: vibecode workspace create shop --git https://git.example.org/team/shop.git --branch main",
    cls=Command,
)
def create(
    name: Annotated[str, typer.Argument(help="A DNS label: a-z, 0-9 and hyphens, at most 40.", metavar="NAME")],
    git: Annotated[str | None, typer.Option("--git", help="Repository to clone.", metavar="URL")] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Branch to check out.", metavar="BRANCH")] = None,
    template: Annotated[str | None, typer.Option("--template", help="Template to fill in.", metavar="TEMPLATE")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="Answer to a template's parameter.", metavar="NAME=VALUE")
    ] = None,
    idle_timeout: IdleTimeout = None,
    owner: Annotated[str | None, typer.Option("--owner", help="User to create it for.", metavar="USER")] = None,
    no_wait: NoWait = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Create a workspace, start it, and print its address."""
    if git and template:
        raise typer.BadParameter("choose one of --git and --template")
    if branch and not git:
        raise typer.BadParameter("--branch needs --git")
    if param and not template:
        raise typer.BadParameter("--param needs --template")
    body: dict[str, Any] = {"name": name, "source": None}
    if git:
        body["source"] = {"type": "git", "url": git, "branch": branch}
    elif template:
        body["source"] = {"type": "template", "name": template, "parameters": _parameters(param or [])}
    if idle_timeout is not None:
        body["idleTimeout"] = parse_duration(idle_timeout)
    if owner is not None:
        body["owner"] = owner
    api = client(data_dir)
    workspace = api.post("/workspaces", body)
    finish(api, workspace, wait=not no_wait, as_json=as_json)


@app.command("list", epilog="Example: vibecode workspace list --json", cls=Command)
def list_workspaces(
    kept: Annotated[
        bool, typer.Option("--kept", help="List those that were deleted with their files kept, instead.")
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List workspaces: state, use, last activity, and why they still run."""
    from vibecode.cli.output import ago_text, bytes_text, print_json, print_table, workspace_row

    api = client(data_dir)
    workspaces = _kept(api) if kept else api.items("/workspaces?limit=200")
    if as_json:
        print_json(workspaces)
        return
    if kept:
        print_table(
            ["NAME", "OWNER", "STORAGE", "ACTIVE", "REASON"],
            [
                [w["name"], w["owner"], bytes_text(w["resources"]["storage"]), ago_text(w["lastActive"]), w["reason"]]
                for w in workspaces
            ],
            empty="No files of deleted workspaces are kept.",
        )
        return
    headers = ["NAME", "OWNER", "STATUS", "CPU", "MEMORY", "STORAGE", "ACTIVE", "REASON"]
    print_table(
        headers,
        [workspace_row(workspace) for workspace in workspaces],
        empty="No workspaces yet: create one with `vibecode workspace create NAME`.",
    )


@app.command(cls=Command)
def show(name: Name, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show one workspace: state, use, ports, and what happened last."""
    from vibecode.cli.output import ago_text, bytes_text, print_json

    api = client(data_dir)
    workspace = api.get(_path(name))
    ports = api.get(_path(name, "/ports"))["items"]
    events = api.get(_path(name, "/events"))["items"]
    if as_json:
        print_json({**workspace, "ports": ports, "events": events})
        return
    resources = workspace["resources"]
    fields = {
        "Name": workspace["name"],
        "Owner": workspace["owner"],
        "Status": f"{workspace['status']} ({workspace['reason']})",
        "Address": workspace["url"],
        "CPU": f"{resources['cpu']:.2f} cores",
        "Memory": bytes_text(resources["memory"]),
        "Storage": bytes_text(resources["storage"]),
        "Last active": ago_text(workspace["lastActive"]),
        "Idle stop": idle_text(workspace["idleTimeout"]),
        "Editor": (workspace["editorVersion"] or "-") + (" (a restart updates it)" if workspace["updateWaits"] else ""),
    }
    for key, value in fields.items():
        say(f"{key + ':':<13}{value}")
    for port in ports:
        say(f"{'Port:':<13}{port['port']} ({port['process']}) {port['url']}")
    for event in events[:10]:
        say(f"{'Event:':<13}{ago_text(event['at'])}: {event['message']}")


@app.command(cls=Command, epilog="Example: vibecode workspace update shop --idle-timeout 2h")
def update(name: Name, idle_timeout: IdleTimeout = None, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Change a workspace's settings; they hold at once."""
    from vibecode.cli.output import print_json

    if idle_timeout is None:
        raise typer.BadParameter("say what to change: --idle-timeout TIME")
    seconds = parse_duration(idle_timeout)
    api = client(data_dir)
    revision = api.get(_path(name))["revision"]
    workspace = api.patch(_path(name), {"idleTimeout": seconds}, headers={"If-Match": f'"{revision}"'})
    if as_json:
        print_json(workspace)
    else:
        say(f"Idle stop of {name}: {idle_text(workspace['idleTimeout'])}.")


@app.command("open", cls=Command)
def open_workspace(
    name: Name,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Open a workspace in the browser; a stopped one is started by being opened."""
    import webbrowser

    workspace = client(data_dir).get(_path(name))
    say(workspace["url"])
    if not no_browser:
        webbrowser.open(workspace["url"])


@app.command(cls=Command)
def start(name: Name, no_wait: NoWait = False, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Start a workspace."""
    api = client(data_dir)
    finish(api, api.post(_path(name, "/start")), wait=not no_wait, as_json=as_json)


@app.command(cls=Command)
def restart(name: Name, no_wait: NoWait = False, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Stop a workspace if it runs, then start it with the editor in use now."""
    api = client(data_dir)
    finish(api, api.post(_path(name, "/restart")), wait=not no_wait, as_json=as_json)


@app.command(cls=Command)
def stop(name: Name, no_wait: NoWait = False, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Stop a workspace; its files stay."""
    api = client(data_dir)
    finish(api, api.post(_path(name, "/stop")), wait=not no_wait, as_json=as_json, goal="stopped")


@app.command(epilog="Example: vibecode workspace delete shop --purge --yes", cls=Command)
def delete(
    name: Name,
    purge: Annotated[bool, typer.Option("--purge", help="Delete its files too, for good.")] = False,
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="Whose, where kept files of several users have that name.", metavar="USER"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a workspace; its files are kept for its owner unless --purge. With it, kept files are deleted as well."""
    from urllib.parse import quote

    api = client(data_dir)
    workspace = _to_delete(api, name, owner, purge=purge)
    if not yes:
        what = "and all its files, for good" if purge else "(its files are kept)"
        if not sys.stdin.isatty():
            raise typer.BadParameter("add --yes, since there is no terminal to ask in")
        typed = typer.prompt(f"Delete {name} {what}? Type its name to confirm")
        if typed != name:
            say("Nothing was deleted.")
            raise typer.Exit(1)
    whose = "" if owner is None else f"&owner={quote(owner, safe='')}"
    api.delete(_path(name, f"?purge={'true' if purge else 'false'}{whose}"))
    if workspace is None:
        say(f"Deleted the files that were kept of {name}.")
    elif purge:
        say(f"Deleted {name}. Its files are gone.")
    elif any(kept["id"] == workspace["id"] for kept in _kept(api)):
        say(f"Deleted {name}. Its files are kept: `vibecode workspace create {name}` brings them back.")
    else:
        say(f"Deleted {name}. Its files were never complete, so none are kept.")


@app.command(cls=Command)
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print the log of a workspace's latest start."""
    api = client(data_dir)
    if follow:
        for event in api.stream(_path(name, "/logs/stream")):
            say(event.data["text"], keep="\t")
        return
    for line in api.get(_path(name, "/logs"))["items"]:
        say(line["text"], keep="\t")


def _parameters(pairs: list[str]) -> dict[str, str]:
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is not of the form NAME=VALUE")
        parameters[name] = value
    return parameters


def _path(name: str, rest: str = "") -> str:
    from urllib.parse import quote

    return f"/workspaces/{quote(name, safe='')}{rest}"


def _kept(api: Client) -> list[Any]:
    """Return the deleted workspaces whose files are kept."""
    return api.items("/workspaces?limit=200&kept=true")


def _to_delete(api: Client, name: str, owner: str | None, *, purge: bool) -> dict[str, Any] | None:
    """Return the workspace that is meant; None if it was deleted before and its kept files are meant.

    Raises
    ------
    ApiFailure, WorkspaceNotFound
        There is neither.
    """
    from vibecode.domain.errors import ApiFailure, VibeCodeError, WorkspaceNotFound

    failure: VibeCodeError
    try:
        workspace: dict[str, Any] = api.get(_path(name))
        if owner in (None, workspace["owner"]):
            return workspace
        failure = WorkspaceNotFound(f"There is no workspace {name} of {owner}.")
    except ApiFailure as error:
        failure = error
    if not any(kept["name"] == name and owner in (None, kept["owner"]) for kept in _kept(api)):
        raise failure
    if not purge:
        raise WorkspaceNotFound(f"{name} is deleted already, and its files are kept: --purge deletes those.")
    return None
