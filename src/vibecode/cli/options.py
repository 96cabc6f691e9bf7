"""What many commands share: options, and how help looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

if TYPE_CHECKING:
    from vibecode.cli.client import Client

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of everything that is kept.",
        envvar="VIBECODE_DATA_DIR",
        metavar="DIR",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class Command(typer.core.TyperCommand):
    """A command whose help names arguments as man pages do: ``NAME``, and ``[NAME]`` for what can be left out."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line."""
        return [piece[1:-1] if piece.startswith("{") else piece for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the tables of arguments and options."""
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is None:
                continue
            if parameter.param_type_name == "argument":
                rows["Arguments"].append((str(parameter.metavar), row[1]))
            else:
                rows["Options"].append(row)
        for title, entries in rows.items():
            if entries:
                with formatter.section(title):
                    formatter.write_dl(entries)


def client(data_dir: Path | None) -> Client:
    """Return the API's client for the server of a data folder."""
    from vibecode.cli.client import Client

    return Client(resolve(data_dir))


def resolve(data_dir: Path | None) -> Path:
    """Return the data folder that is meant."""
    if data_dir is not None:
        try:
            return data_dir.expanduser().absolute()
        except RuntimeError:  # "~name" of nobody
            from vibecode.domain.errors import InvalidInput

            raise InvalidInput(f"--data-dir takes the path of a folder, which {data_dir} is not.") from None
    from vibecode.settings import load_settings

    return load_settings().data_dir
