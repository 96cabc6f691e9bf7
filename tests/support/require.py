"""Whether a test whose surroundings are missing is skipped, or fails because they were promised."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def require(part: str, reason: str) -> NoReturn:
    """Skip with a reason; fail if VIBECODE_REQUIRE names the part (comma-separated) or is ``all``."""
    required = {name.strip() for name in os.environ.get("VIBECODE_REQUIRE", "").split(",")}
    if required & {part, "all"}:
        pytest.fail(f"{part} is required here, but {reason}", pytrace=False)
    pytest.skip(f"{part}: {reason}")
