"""A small cluster for the tests that need a Kubernetes API server: one node, made by kind, deleted afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NAME = f"vibecode-test-{os.getpid()}"
"""Of its own for each run, so that two on one machine leave each other's alone."""

VARIABLE = "VIBECODE_TEST_KUBECONFIG"
BASE_IMAGE = "debian:trixie-slim"
"""What pods of the tests run; the images of the product are built from it as well."""


@contextlib.contextmanager
def api_cluster() -> Iterator[dict[str, str] | None]:
    """Have a cluster, and yield the variables that tell tests of it: none if there is one already, or can't be one.

    Yields None if making it failed: then tests would be left out that the machine can run.
    """
    if os.environ.get(VARIABLE) or not _can_have_one():
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="vibecode-test-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        started = time.monotonic()
        image = os.environ.get("VIBECODE_KIND_NODE_IMAGE", "")
        made = _kind(
            *("create", "cluster", "--name", NAME, "--kubeconfig", str(kubeconfig), "--wait", "180s"),
            *(("--image", image) if image else ()),
        )
        try:
            if made.returncode == 0 and _docker("image", "inspect", BASE_IMAGE).returncode:
                made = _docker("pull", BASE_IMAGE)
            if made.returncode == 0:
                made = _kind("load", "docker-image", BASE_IMAGE, "--name", NAME)
            if made.returncode:
                print(f"== cluster: FAILED\n{made.stderr}", file=sys.stderr, flush=True)
                yield None
                return
            print(f"== cluster: ready ({time.monotonic() - started:.1f} s)", flush=True)
            yield {VARIABLE: str(kubeconfig)}
        finally:
            _kind("delete", "cluster", "--name", NAME, "--kubeconfig", str(kubeconfig))


def _can_have_one() -> bool:
    if any(shutil.which(tool) is None for tool in ("docker", "kind", "kubectl")):
        return False
    return _docker("info").returncode == 0


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


def _kind(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kind", *arguments], capture_output=True, text=True, check=False)
