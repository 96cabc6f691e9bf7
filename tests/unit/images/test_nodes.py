"""Which nodes need an image, and what they are sent."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from vibecode.domain.errors import ImageUnavailable
from vibecode.images import load, nodes
from vibecode.images.build import Built
from vibecode.images.nodes import Node

KIND = (
    Node(name="control", is_worker=False, labels={"ingress-ready": "true"}),
    Node(name="code", is_worker=True, labels={"tier": "code-server"}),
    Node(name="watch", is_worker=True, labels={"tier": "monitoring"}),
)
PLAIN = (
    Node(name="control", is_worker=False, labels={}),
    Node(name="one", is_worker=True, labels={}),
    Node(name="two", is_worker=True, labels={}),
)
SINGLE = (Node(name="control", is_worker=False, labels={}),)


@pytest.mark.parametrize(
    ("image", "cluster", "chosen"),
    [
        ("workspace", KIND, ["code"]),
        ("workspace", PLAIN, ["one", "two"]),
        ("workspace", SINGLE, ["control"]),
        ("edge", KIND, ["control"]),
        ("edge", PLAIN, ["control", "one", "two"]),
        ("tunnel", KIND, ["control"]),
        ("control-plane", KIND, ["control", "code", "watch"]),
    ],
)
def test_images_go_where_they_run(image: str, cluster: tuple[Node, ...], chosen: list[str]) -> None:
    assert [node.name for node in nodes.choose(image, cluster)] == chosen


def test_a_caller_s_wish_counts_more() -> None:
    chosen = nodes.choose("control-plane", KIND, wishes=("tier=monitoring", ""))
    assert [node.name for node in chosen] == ["watch"]


def archive(**blobs: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in blobs.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


class Recorder(load._Receiver):
    """Keeps what it is sent."""

    def __init__(self, *present: str) -> None:
        self.present = frozenset(present)
        self.received = b""
        self.sent = 0

    def send(self, data: bytes) -> None:
        self.received += data
        self.sent += len(data)

    def names(self) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(self.received)) as tar:
            return tar.getnames()


def test_each_node_gets_the_layers_that_it_lacks() -> None:
    big, other, small = b"a" * 200_001, b"b" * 100_000, b"{}"
    sent = archive(blobs__sha256__11=big, blobs__sha256__22=other, blobs__sha256__33=small, manifest=b"[]")
    nothing, some = Recorder(), Recorder("sha256:11", "sha256:33")
    load.split(io.BytesIO(sent), [nothing, some])
    assert nothing.received == sent
    # What is small is sent anyway.
    assert some.names() == ["blobs/sha256/22", "blobs/sha256/33", "manifest"]
    with tarfile.open(fileobj=io.BytesIO(some.received)) as tar:
        content = tar.extractfile("blobs/sha256/22")
        assert content is not None
        assert content.read() == other


def test_sizes_above_eight_gibibytes_are_understood() -> None:
    info = tarfile.TarInfo("blobs/sha256/11")
    info.size = 9 << 30
    assert load._size(info.tobuf(tarfile.GNU_FORMAT)) == 9 << 30


DOCKER = """
case "$*" in
"ps --filter"*) printf 'c-control-plane\\tcontrol-plane\\nc-worker\\tworker\\nc-lb\\texternal-load-balancer\\n';;
*"images check"*) cat {folder}/checked 2>/dev/null || true;;
*"images ls"*) cat {folder}/listed 2>/dev/null || true;;
*"content get"*) cat {folder}/manifest;;
*"content ls"*) echo sha256:aa;;
*"import --help"*) echo ' --local  Run import locally';;
*"config dump"*) echo "  snapshotter = 'fuse-overlayfs'";;
*"images import"*) cat > {folder}/imported; exit $(cat {folder}/code 2>/dev/null || echo 0);;
"save "*) printf 'not a tar, but all of it is shorter than a block';;
*) echo "unexpected: $*" >&2; exit 9;;
esac
"""
KUBECTL = """
cat <<END
{"items": [{"metadata": {"name": "c-worker", "labels": {"tier": "code-server"}}},
           {"metadata": {"name": "c-control-plane", "labels": {"ingress-ready": "true"}}}]}
END
"""
IMAGE = Built(name="workspace", reference="vibecode/workspace:1", id="sha256:1234", size=1, built=False, seconds=0.0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, script in (("docker", DOCKER.format(folder=tmp_path)), ("kubectl", KUBECTL)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def present(folder: Path, identity: str) -> None:
    name = "docker.io/vibecode/workspace:1"
    (folder / "checked").write_text(f"{name}\n")
    (folder / "listed").write_text(f"REF TYPE DIGEST\n{name} application/vnd.oci sha256:9999 1 MiB\n")
    (folder / "manifest").write_text(json.dumps({"config": {"digest": identity}}))


def test_nodes_are_kind_s_with_the_labels_of_kubernetes(programs: Path) -> None:
    assert nodes.nodes("c") == [
        Node(name="c-control-plane", is_worker=False, labels={"ingress-ready": "true"}),
        Node(name="c-worker", is_worker=True, labels={"tier": "code-server"}),
    ]


def test_a_node_that_has_this_very_image_is_sent_nothing(programs: Path) -> None:
    present(programs, IMAGE.id)
    [result] = load.load([IMAGE], cluster="c", progress=lambda line: None)
    assert (result.nodes, result.sent_to, result.sent_bytes) == (("c-worker",), (), 0)
    assert not (programs / "imported").exists()


def test_another_build_of_the_same_tag_is_another_image(programs: Path) -> None:
    present(programs, "sha256:older")
    assert not nodes.has("c-worker", IMAGE.reference, IMAGE.id)


def test_the_command_fits_the_node(programs: Path) -> None:
    command = nodes.import_command("c-worker")
    assert command[-3:] == ["--local", "--snapshotter=fuse-overlayfs", "-"]


def test_a_node_that_does_not_take_it_is_an_error(programs: Path) -> None:
    with pytest.raises(ImageUnavailable, match="which does not have it"):
        load.bring(IMAGE, ["c-worker"], progress=lambda line: None)
    (programs / "code").write_text("1")
    with pytest.raises(ImageUnavailable, match="can't be loaded into c-worker"):
        load.bring(IMAGE, ["c-worker"], progress=lambda line: None)


def test_a_cluster_that_is_not_there_is_named(programs: Path) -> None:
    (programs / "docker").write_text("#!/bin/sh\ntrue\n")
    with pytest.raises(ImageUnavailable, match="no running kind cluster other"):
        load.load([IMAGE], cluster="other", progress=lambda line: None)
