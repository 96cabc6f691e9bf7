from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.editors import installed_store
from vibecode.editor.store import EditorStore


@pytest.fixture
def editors() -> EditorStore:
    """The real editor, or the test is left out."""
    return installed_store()


@pytest.fixture
def root() -> Iterator[Path]:
    """A data folder with a short path, so that the sockets are in it."""
    folder = Path(tempfile.mkdtemp(prefix="vc-"))
    yield folder
    shutil.rmtree(folder)
