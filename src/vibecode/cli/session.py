"""``vibecode session`` and ``vibecode login-link``: sign-ins."""

from __future__ import annotations

from typing import Annotated

import typer

from vibecode.cli.options import Command, DataDir, Json, client
from vibecode.cli.output import say

app = typer.Typer(help="See and end sign-ins.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", cls=Command)
def list_sessions(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List your sign-ins, latest first."""
    from vibecode.cli.output import ago_text, print_json, print_table

    sessions = client(data_dir).items("/sessions")
    if as_json:
        print_json(sessions)
        return
    rows = [
        [
            session["id"] + (" (this)" if session["current"] else ""),
            session["kind"],
            ago_text(session["createdAt"]),
            ago_text(session["lastSeenAt"]),
            session["userAgent"][:60],
        ]
        for session in sessions
    ]
    print_table(["ID", "KIND", "SIGNED IN", "LAST SEEN", "BY"], rows, empty="Nobody is signed in.")


@app.command(cls=Command)
def revoke(
    session_id: Annotated[str, typer.Argument(help="Id, as `session list` shows it.", metavar="ID")],
    data_dir: DataDir = None,
) -> None:
    """End a sign-in; its open editors are disconnected."""
    client(data_dir).delete(f"/sessions/{session_id}")
    say(f"Session {session_id} has ended.")


def login_link(
    user: Annotated[
        str | None, typer.Option("--user", help="User to sign in; you if left out.", metavar="USER")
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Print a one-time link that signs a browser in; good once, for 10 minutes."""
    from vibecode.cli.output import note, print_json

    link = client(data_dir).post("/login-links", {"user": user})
    if as_json:
        print_json(link)
        return
    say(link["url"])
    note("It works once, within 10 minutes. Whoever opens it is signed in, so pass it on with care.")
