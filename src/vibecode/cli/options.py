"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vibecode.cli.client import Client

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of everything that is kept.", envvar="VIBECODE_DATA_DIR", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def client(data_dir: Path | None) -> Client:
    """Return the API's client for the server of a data folder."""
    from vibecode.cli.client import Client

    return Client(resolve(data_dir))


def resolve(data_dir: Path | None) -> Path:
    """Return the data folder that is meant."""
    if data_dir is not None:
        return data_dir.expanduser().absolute()
    from vibecode.settings import load_settings

    return load_settings().data_dir
