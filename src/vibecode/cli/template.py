"""``vibecode template``: what a workspace can be made from."""

from __future__ import annotations

import typer

from vibecode.cli.options import Command, DataDir, Json, client
from vibecode.cli.output import note

app = typer.Typer(help="See templates.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", cls=Command)
def list_templates(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List templates with their parameters. Your own are folders in DATA_DIR/templates; see docs/templates.md."""
    from vibecode.cli.output import print_json, print_table

    templates = client(data_dir).get("/templates")
    if as_json:
        print_json(templates["items"])
        return
    rows = [
        [t["name"], t["description"], ", ".join(p["name"] for p in t["parameters"]) or "-"] for t in templates["items"]
    ]
    print_table(["NAME", "DESCRIPTION", "PARAMETERS"], rows, empty="No templates.")
    for error in templates["errors"]:
        note(f"Warning: {error}")
