"""The runtime of a cluster does what every runtime does."""

from __future__ import annotations

import pytest

from tests.support.runtime_contract import RuntimeContract, Unanswered
from tests.support.status_setter import StatusSetter


class TestKubernetesRuntime(RuntimeContract):
    """Over a real API server; a stand-in for the operator sets the status."""

    @pytest.fixture
    def unanswered(self, setter: StatusSetter) -> Unanswered:
        return setter.away
