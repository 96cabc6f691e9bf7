"""The local runtime does what every runtime does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.local_runtime import build, opened
from tests.support.runtime_contract import RuntimeContract
from vibecode.runtimes.local.runtime import LocalRuntime


class TestLocalRuntime(RuntimeContract):
    @pytest.fixture
    async def runtime(self, tmp_path: Path) -> AsyncIterator[LocalRuntime]:
        async with opened(build(tmp_path)) as runtime:
            yield runtime
