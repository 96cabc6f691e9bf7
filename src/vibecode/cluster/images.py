"""The platform's images: built with Docker, and brought to the nodes that run them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vibecode.images import catalog
from vibecode.images.build import Built, build
from vibecode.images.load import bring

Tell = Callable[[str], None]
"""Is told in plain words how it goes on."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of this installation of VibeCode, each by its part's name."""

    built: Mapping[str, Built]

    @property
    def references(self) -> dict[str, str]:
        """Repository and tag of each."""
        return {name: image.reference for name, image in self.built.items()}

    @property
    def new(self) -> list[str]:
        """Names of those that were built just now."""
        return [name for name, image in self.built.items() if image.built]


def build_all(tell: Tell) -> Images:
    """Build what Docker doesn't have yet.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        One can't be built; the sentence says why.
    """
    base = os.environ.get("VIBECODE_BASE_IMAGE") or catalog.BASE
    return Images({name: build(catalog.image(name, base=base), progress=tell) for name in catalog.NAMES})


def load_all(images: Images, where: Mapping[str, Sequence[str]], tell: Tell) -> int:
    """Bring images to nodes that don't have them; return how many bytes that took.

    Parameters
    ----------
    images
        What was built.
    where
        The nodes' names, by the image's name.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        A node can't be reached, or refused.
    """
    return sum(bring(images.built[name], names, progress=tell).sent_bytes for name, names in where.items())
