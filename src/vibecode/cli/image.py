"""``vibecode image``: the platform's container images. Needs Docker; no server."""

from __future__ import annotations

from typing import Annotated

import typer

from vibecode.cli.options import Command, Json
from vibecode.cli.output import note, say

app = typer.Typer(
    help="Build the platform's container images and load them into a kind cluster.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="workspace, control-plane, tunnel, edge; all if none is given.", metavar="NAME...", show_default=False
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        help="Image to build from, such as debian:trixie-slim@sha256:...; debian:trixie-slim if not given.",
        envvar="VIBECODE_BASE_IMAGE",
        metavar="IMAGE",
        show_default=False,
    ),
]


@app.command("build", cls=Command)
def build_images(
    names: Names = None,
    again: Annotated[
        bool, typer.Option("--again", help="Build every step anew, with the newest Debian packages.")
    ] = False,
    base: Base = None,
    as_json: Json = False,
) -> None:
    """Build images with Docker. What is there already, made from the same files, is not built again."""
    from dataclasses import asdict

    from vibecode.cli.output import print_json
    from vibecode.images import catalog
    from vibecode.images.build import build

    wanted = [catalog.image(name, base=base or catalog.BASE) for name in names or catalog.NAMES]
    built = [build(image, progress=note, again=again) for image in wanted]
    if as_json:
        print_json([asdict(image) for image in built])
        return
    for image in built:
        say(image.reference)


@app.command("load", cls=Command)
def load_images(
    names: Names = None,
    cluster: Annotated[
        str, typer.Option("--cluster", help="Name of the kind cluster.", metavar="NAME")
    ] = "vibecode-cluster",
    kubeconfig: Annotated[
        str | None,
        typer.Option("--kubeconfig", help="File with its context; kubectl's default if not given.", metavar="FILE"),
    ] = None,
    base: Base = None,
    as_json: Json = False,
) -> None:
    """Bring images to the nodes of a kind cluster that need them. What a node has already is not sent again."""
    from dataclasses import asdict

    from vibecode.cli.output import print_json
    from vibecode.images import catalog
    from vibecode.images.build import build
    from vibecode.images.load import load

    wanted = [catalog.image(name, base=base or catalog.BASE) for name in names or catalog.NAMES]
    built = [build(image, progress=note) for image in wanted]
    loaded = load(built, cluster=cluster, kubeconfig=kubeconfig, progress=note)
    if as_json:
        print_json([asdict(image) for image in loaded])
        return
    for image in loaded:
        say(f"{image.reference}: {', '.join(image.nodes)}")


@app.command("list", cls=Command)
def list_images(base: Base = None, as_json: Json = False) -> None:
    """List the images as they would be built now, and whether Docker has them."""
    from vibecode.cli.output import bytes_text, print_json, print_table
    from vibecode.images import catalog
    from vibecode.images.build import find

    items = []
    for name in catalog.NAMES:
        image = catalog.image(name, base=base or catalog.BASE)
        built = find(image)
        items.append(
            {
                "name": name,
                "reference": image.reference,
                "built": built is not None,
                "id": None if built is None else built.id,
                "sizeBytes": None if built is None else built.size,
            }
        )
    if as_json:
        print_json(items)
        return
    rows = [
        [
            str(item["name"]),
            str(item["reference"]),
            "built" if item["built"] else "not built",
            bytes_text(size) if isinstance(size := item["sizeBytes"], int) else "-",
        ]
        for item in items
    ]
    print_table(["NAME", "IMAGE", "STATE", "SIZE"], rows, empty="No images.")
