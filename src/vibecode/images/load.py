"""Bringing images to the nodes of a kind cluster.

``kind load`` writes an image to a file and sends all of it to each node. Here it is read from Docker once, goes to all
nodes that need it at the same time, and layers that a node has already are left out: after a change of VibeCode that is
all but a few megabytes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

from vibecode.domain.errors import ImageUnavailable
from vibecode.images import docker, nodes
from vibecode.images.build import Built

Progress = Callable[[str], None]
"""Is told in plain words how it goes on."""

_BLOCK: Final = 512
_CHUNK: Final = 1 << 20
_SMALL: Final = 64 * 1024
"""Bytes up to which a layer is sent anyway: asking costs more."""
_BLOBS: Final = "blobs/sha256/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was done to bring an image to a cluster."""

    name: str
    reference: str
    nodes: tuple[str, ...]
    """All that need it, and have it now."""
    sent_to: tuple[str, ...]
    """Those that did not have it."""
    sent_bytes: int
    """To all of them together."""
    seconds: float


def load(
    images: Sequence[Built],
    *,
    cluster: str,
    progress: Progress,
    kubeconfig: str | None = None,
    placement: Mapping[str, Sequence[str]] | None = None,
) -> list[Loaded]:
    """Bring images to the nodes of a kind cluster that need them and don't have them.

    Ctrl-C (or an error of ``progress``) ends it; what a node has by then is not sent again.

    Parameters
    ----------
    images
        Images that Docker has.
    cluster
        Name of the cluster, without ``kind-``.
    progress
        Is told how it goes on.
    kubeconfig
        The file that has its context; kubectl's default if not given.
    placement
        For images by name: which nodes need them, other than :data:`vibecode.images.nodes.PLACEMENT` says.

    Raises
    ------
    DockerUnavailable
        Docker isn't there.
    ImageUnavailable
        There is no such cluster, or a node refused.
    """
    candidates = nodes.nodes(cluster, kubeconfig=kubeconfig)
    done = []
    for image in images:
        chosen = nodes.choose(image.name, candidates, wishes=(placement or {}).get(image.name))
        done.append(bring(image, [node.name for node in chosen], progress=progress))
    return done


def bring(image: Built, names: Sequence[str], *, progress: Progress) -> Loaded:
    """Bring an image to those of some nodes that don't have it.

    Parameters
    ----------
    image
        An image that Docker has.
    names
        Names of nodes, which are the names of their containers.
    progress
        Is told how it goes on.

    Raises
    ------
    DockerUnavailable
        Docker isn't there.
    ImageUnavailable
        A node refused.
    """
    started = time.monotonic()
    lacking = [name for name in names if not nodes.has(name, image.reference, image.id)]
    sent = 0
    if lacking:
        progress(f"Loading image {image.reference} into {', '.join(lacking)} …")
        sent = _send(image, lacking)
    seconds = time.monotonic() - started
    if lacking:
        progress(f"Image {image.reference} is in {', '.join(names)}: {sent / 1e6:.0f} MB sent, {seconds:.0f} s.")
    else:
        progress(f"Image {image.reference} is in {', '.join(names)} already.")
    return Loaded(
        name=image.name,
        reference=image.reference,
        nodes=tuple(names),
        sent_to=tuple(lacking),
        sent_bytes=sent,
        seconds=seconds,
    )


def _send(image: Built, names: Sequence[str]) -> int:
    """Send an image to some nodes; return the bytes."""
    sent = _stream(image, {name: nodes.blobs(name) for name in names})
    # A node may have dropped a layer that nothing used while we left it out: those get all of it.
    left = [name for name in names if not nodes.has(name, image.reference, image.id)]
    if left:
        sent += _stream(image, {name: frozenset() for name in left}, strict=True)
    missing = [name for name in left if not nodes.has(name, image.reference, image.id)]
    if missing:
        raise ImageUnavailable(f"The image {image.reference} was loaded into {missing[0]}, which does not have it.")
    return sent


class _Receiver:
    """A node that an archive is sent to."""

    def __init__(self, name: str, present: Collection[str], process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.present = present
        self.process = process
        self.sent = 0
        self.has_ended = False

    def send(self, data: bytes) -> None:
        """Send bytes; a node that ended is left alone, and asked for its reasons later."""
        if self.has_ended or self.process.stdin is None:
            return
        try:
            self.process.stdin.write(data)
            self.sent += len(data)
        except OSError:
            self.has_ended = True


def _stream(image: Built, present: Mapping[str, Collection[str]], *, strict: bool = False) -> int:
    """Read an image from Docker and send it to nodes without the layers that each has.

    Parameters
    ----------
    image
        Which one.
    present
        For each node, the digests of what it has.
    strict
        Whether a node that refuses is an error.
    """
    receivers: list[_Receiver] = []
    try:
        source = subprocess.Popen(["docker", "save", image.reference], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise docker.not_installed(error) from error
    try:
        for name, digests in present.items():
            process = subprocess.Popen(
                nodes.import_command(name), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            receivers.append(_Receiver(name, digests, process))
        assert source.stdout is not None  # noqa: S101 - it was asked for
        split(source.stdout, receivers)
        _, said = source.communicate()
        if source.returncode != 0:
            raise docker.refused(("save", image.reference), said.decode(errors="replace"))
        for receiver in receivers:
            with suppress(OSError):
                _, said = receiver.process.communicate()
            if receiver.process.returncode != 0 and strict:
                raise ImageUnavailable(
                    f"The image {image.reference} can't be loaded into {receiver.name}: "
                    f"{_reason(said.decode(errors='replace'))}."
                )
    finally:
        for process in (source, *(receiver.process for receiver in receivers)):
            _end(process)
    return sum(receiver.sent for receiver in receivers)


def split(archive: IO[bytes], receivers: Sequence[_Receiver]) -> None:
    """Copy a tar archive to receivers, to each without the blobs that it has.

    The archive is an OCI layout: a blob's name is its digest (OCI image layout specification). Its header tells its
    size, so what is left out is not looked at.
    """
    while header := _read(archive, _BLOCK):
        if len(header) < _BLOCK:
            # It was cut off; the one that wrote it says why, and those that read it notice.
            return
        name = header[:100].rstrip(b"\0").decode("utf-8", "replace")
        size = _size(header)
        digest = f"sha256:{name.removeprefix(_BLOBS)}" if name.startswith(_BLOBS) and size > _SMALL else ""
        wanting = [receiver for receiver in receivers if digest not in receiver.present or not digest]
        for receiver in wanting:
            receiver.send(header)
        left = -(-size // _BLOCK) * _BLOCK
        while left:
            data = _read(archive, min(left, _CHUNK))
            if not data:
                return
            for receiver in wanting:
                receiver.send(data)
            left -= len(data)


def _size(header: bytes) -> int:
    """Read a member's size: octal digits, or base 256 for those above 8 GiB (tar(5))."""
    field = header[124:136]
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ")
    return int(digits, 8) if digits else 0


def _read(file: IO[bytes], count: int) -> bytes:
    parts = []
    while count and (data := file.read(count)):
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip() and "level=warning" not in line]
    words = lines[-1] if lines else "containerd gave no reason"
    return words.removeprefix("ctr: ").rstrip(".")[:300]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that is still running: what it is for is over."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
