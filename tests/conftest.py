"""Shared by all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Machines that run tests are busy: a slow example is no failure, and the same examples come each time.
settings.register_profile("default", deadline=None, derandomize=True, database=None)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("VIBECODE_") and name not in ("VIBECODE_REQUIRE", "VIBECODE_TEST_DATA_DIR"):
            monkeypatch.delenv(name)
