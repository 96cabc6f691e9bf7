"""The entry of the command line. Nothing heavy is imported before a command needs it, so that ``--help`` is quick."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from vibecode import __version__
from vibecode.cli import doctor, editor, image, lifecycle, provision, session, template, user, workspace
from vibecode.cli.options import Command
from vibecode.cli.output import note
from vibecode.domain.errors import VibeCodeError

app = typer.Typer(
    name="vibecode",
    help="VS Code in the browser, in workspaces on your own machine.",
    epilog="Start here: vibecode up. Then: vibecode workspace create my-project --git https://git.example.org/me/project.git",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(workspace.app, name="workspace")
app.add_typer(template.app, name="template")
app.add_typer(user.app, name="user")
app.add_typer(session.app, name="session")
app.add_typer(editor.app, name="editor")
app.add_typer(image.app, name="image")
app.command("up", cls=Command)(lifecycle.up)
app.command("down", cls=Command)(lifecycle.down)
app.command("status", cls=Command)(lifecycle.status)
app.command("doctor", cls=Command)(doctor.doctor)
app.command("login-link", cls=Command)(session.login_link)
app.command("provision", cls=Command)(provision.provision)


def _print_version(value: bool) -> None:
    if value:
        print(f"vibecode {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line: exit code 0, 1 for a failure (one line says which), 2 for wrong usage, 130 after Ctrl-C."""
    try:
        app()
    except VibeCodeError as error:
        note(f"Error: {error.detail}")
        sys.exit(1)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
