"""Asking Docker: its commands are run, what they refuse becomes a sentence."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from typing import Final

from vibecode.domain.errors import DockerUnavailable, ImageUnavailable

_UNREACHABLE: Final = re.compile(r"cannot connect to the docker daemon|is the docker daemon running", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(
    r"permission denied while trying to connect|dial unix .* permission denied", re.IGNORECASE
)
_NO_SUCH: Final = re.compile(r"no such (image|object|container)", re.IGNORECASE)


def output(*arguments: str) -> str:
    """Run a command of Docker that is quick, and return what it prints.

    Raises
    ------
    DockerUnavailable
        Docker isn't there.
    ImageUnavailable
        It refused.
    """
    try:
        result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise not_installed(error) from error
    if result.returncode != 0:
        raise refused(arguments, result.stderr)
    return result.stdout


def inspect(reference: str, template: str) -> str | None:
    """Return what Docker knows about an image in a form of its templates; None if it has no such image.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        As of :func:`output`.
    """
    try:
        return output("image", "inspect", "--format", template, reference).strip()
    except ImageUnavailable as error:
        if _NO_SUCH.search(error.detail):
            return None
        raise


def not_installed(error: OSError) -> DockerUnavailable:
    """Return the failure of a command ``docker`` that can't be started."""
    if isinstance(error, FileNotFoundError):
        return DockerUnavailable("Docker is not installed: install it, and run the same command again.")
    return DockerUnavailable(f"Docker can't be started ({error.strerror or error}): repair its installation.")


def refused(arguments: Sequence[str], said: str) -> DockerUnavailable | ImageUnavailable:
    """Return the failure that Docker's words stand for."""
    unavailable = unreachable(said)
    if unavailable is not None:
        return unavailable
    words = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it gave no reason")
    words = words.removeprefix("Error response from daemon: ").removeprefix("Error: ").rstrip(".")
    return ImageUnavailable(f"`docker {' '.join(arguments[:2])}` failed: {words}.")


def unreachable(said: str) -> DockerUnavailable | None:
    """Return the failure if Docker's words say that its daemon can't be reached."""
    if _FORBIDDEN.search(said):
        return DockerUnavailable(
            "This user may not use Docker: add it to the group `docker` (and sign in anew), or use rootless Docker."
        )
    if _UNREACHABLE.search(said):
        return DockerUnavailable("Docker does not run: start it, and run the same command again.")
    return None
