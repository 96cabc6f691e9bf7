"""Building images with Docker, by BuildKit or by the builder before it."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vibecode.domain.errors import ImageUnavailable, VibeCodeError
from vibecode.images import docker
from vibecode.images.catalog import Image
from vibecode.images.context import build_date

Progress = Callable[[str], None]
"""Is told in plain words how it goes on."""

_CLASSIC: Final = re.compile(r"Step (?P<step>\d+/\d+) : (?P<what>.+)")
_KIT: Final = re.compile(r"#(?P<number>\d+) (?P<rest>.+)")
_KIT_STEP: Final = re.compile(r"\[(?P<stage>[^\]]+)\] .+")
_EDITOR: Final = re.compile(r"[\d.]+ (?P<words>(?:Installing|Downloading|Unpacking|Preparing) the editor.*)")
_WIDTH: Final = 100
_INTERNAL: Final = re.compile(r"^internal\b|^auth\b")
_TAIL: Final = 40
_UNREACHABLE: Final = (
    r"temporary failure resolving|could not resolve|failed to fetch|connection (refused|timed out|reset)|"
    r"ENOTFOUND|EAI_AGAIN|network is unreachable|can't be reached|newconnectionerror"
)
_REASONS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"no space left on device|disk quota exceeded",
        "the disk is full: free some space (`docker system prune` removes what is unused), and try again",
    ),
    (
        r"pull access denied|failed to resolve source metadata|manifest unknown|failed to do request.*manifests",
        "its base image {base} can't be pulled: check the network, or pull it by hand first",
    ),
    (
        _UNREACHABLE,
        "a package registry can't be reached from a build: check network and Docker's proxy settings, and try again",
    ),
    (
        r"do not match the hashes|EINTEGRITY|is not what vibecode pins",
        "a registry or a proxy sent a package that is not the pinned one: try again, or use another mirror",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image that Docker has."""

    name: str
    reference: str
    id: str
    """Docker's id of it."""
    size: int
    """Bytes, unpacked."""
    built: bool
    """Whether it was built just now."""
    seconds: float


def find(image: Image) -> Built | None:
    """Return the image if Docker has it.

    Raises
    ------
    DockerUnavailable
        Docker isn't there.
    """
    found = docker.inspect(image.reference, "{{.Id}} {{.Size}}")
    if found is None:
        return None
    identity, size = found.split()
    return Built(name=image.name, reference=image.reference, id=identity, size=int(size), built=False, seconds=0.0)


def build(image: Image, *, progress: Progress, again: bool = False) -> Built:
    """Build an image, unless Docker has it already.

    Ctrl-C (or an error of ``progress``) ends the build. Docker keeps the finished steps, so the next one goes on there.

    Parameters
    ----------
    image
        What to build.
    progress
        Is told about each step.
    again
        Build it although it is there, every step anew; for the newest Debian packages.

    Raises
    ------
    DockerUnavailable
        Docker isn't there.
    ImageUnavailable
        The build failed; the sentence says why.
    """
    present = None if again else find(image)
    if present is not None:
        progress(f"Image {present.reference} is there.")
        return present
    started = time.monotonic()
    progress(f"Building image {image.reference} …")
    command = ["docker", "build", "--tag", image.reference, "--build-arg", f"SOURCE_DATE_EPOCH={build_date()}"]
    for name, value in sorted(image.arguments.items()):
        command += ["--build-arg", f"{name}={value}"]
    for name, value in sorted(image.labels.items()):
        command += ["--label", f"{name}={value}"]
    if again:
        command.append("--no-cache")
    code, tail = _run([*command, "-"], image, progress)
    if code != 0:
        raise _explain(image, tail)
    result = find(image)
    if result is None:
        raise ImageUnavailable(f"The image {image.name} was built, but Docker does not have it: run it again.")
    seconds = time.monotonic() - started
    progress(f"Image {result.reference} is built: {result.size / 1e6:.0f} MB, {seconds:.0f} s.")
    return Built(
        name=image.name, reference=result.reference, id=result.id, size=result.size, built=True, seconds=seconds
    )


def _run(command: Sequence[str], image: Image, progress: Progress) -> tuple[int, list[str]]:
    """Run a build that reads its context from us; return its exit code and last lines."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Lines instead of a picture; the builder before BuildKit has nothing else and ignores it.
            env={**os.environ, "BUILDKIT_PROGRESS": "plain"},
        )
    except OSError as error:
        raise docker.not_installed(error) from error
    assert process.stdout is not None  # noqa: S101 - it was asked for
    feeder = threading.Thread(target=_feed, args=(image, process), daemon=True)
    tail: deque[str] = deque(maxlen=_TAIL)
    steps = Steps()
    try:
        feeder.start()
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            if line:
                tail.append(line)
            for words in steps.feed(line):
                progress(f"  {image.name}: {words}")
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        process.stdout.close()
        feeder.join()
    return code, list(tail)


def _feed(image: Image, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101
    try:
        with process.stdin as file:
            image.context.write(file)
    except OSError:
        # It ended early; its exit code and its words say why.
        return


class Steps:
    """Makes readable lines of what Docker says: the steps that are really done, and how the longest one goes on."""

    def __init__(self) -> None:
        self._begun: dict[str, str] = {}

    def feed(self, line: str) -> list[str]:
        """Return what there is to tell after a line of Docker's."""
        classic = _CLASSIC.match(line)
        if classic is not None:
            return [_short(f"[{classic['step']}] {classic['what']}")]
        match = _KIT.match(line)
        if match is None:
            return []
        number, rest = match["number"], match["rest"]
        step = _KIT_STEP.match(rest)
        if step is not None:
            # Whether it is done at all or known from before is said in its next line.
            if not _INTERNAL.match(step["stage"]):
                self._begun[number] = _short(rest)
            return []
        begun = self._begun.pop(number, None)
        told = [] if begun is None or rest == "CACHED" else [begun]
        editor = _EDITOR.match(rest)
        return [*told, editor["words"]] if editor is not None else told


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _explain(image: Image, tail: Sequence[str]) -> VibeCodeError:
    text = "\n".join(tail)
    unavailable = docker.unreachable(text)
    if unavailable is not None:
        return unavailable
    for pattern, reason in _REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            words = reason.format(base=image.arguments["BASE"])
            return ImageUnavailable(f"The image {image.name} was not built: {words}.")
    errors = [line for line in tail if re.search(r"\berror\b|ERROR", line)] or list(tail) or ["Docker gave no reason"]
    said = re.sub(r"^#\d+ ([\d.]+ )?", "", errors[-1]).strip().rstrip(".")
    return ImageUnavailable(f"The image {image.name} was not built: {said[:300]}.")
