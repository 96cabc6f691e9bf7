"""``vibecode user``: who may sign in."""

from __future__ import annotations

from typing import Annotated

import typer

from vibecode.cli.options import Command, DataDir, Json, client
from vibecode.cli.output import say

app = typer.Typer(help="Add and remove users.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Name of the user.", metavar="NAME")]


@app.command(epilog="Example: vibecode user add bob --email bob@example.org", cls=Command)
def add(
    name: Name,
    email: Annotated[str | None, typer.Option("--email", help="Email address.", metavar="EMAIL")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May see and do everything.")] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Add a user and print a one-time sign-in link for them."""
    from vibecode.cli.output import note, print_json

    api = client(data_dir)
    user = api.post("/users", {"id": name, "email": email, "role": "admin" if admin else "member"})
    link = api.post(f"/users/{name}/login-links")
    if as_json:
        print_json({**user, "loginLink": link})
        return
    say(link["url"])
    note(f"Send it to {name}: it signs them in once, within 10 minutes. Later: vibecode login-link --user {name}")


@app.command("list", cls=Command)
def list_users(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List users."""
    from vibecode.cli.output import ago_text, print_json, print_table

    users = client(data_dir).items("/users")
    if as_json:
        print_json(users)
        return
    rows = [[user["id"], user["role"], user["email"] or "-", ago_text(user["createdAt"])] for user in users]
    print_table(["NAME", "ROLE", "EMAIL", "ADDED"], rows, empty="No users.")


@app.command(cls=Command)
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Remove a user who has no workspaces and no kept files, and end their sign-ins."""
    from urllib.parse import quote

    client(data_dir).delete(f"/users/{quote(name, safe='')}")
    say(f"Removed {name}.")
