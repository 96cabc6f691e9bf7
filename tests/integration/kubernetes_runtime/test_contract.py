"""The runtime of a cluster does what every runtime does."""

from __future__ import annotations

from tests.support.runtime_contract import RuntimeContract


class TestKubernetesRuntime(RuntimeContract):
    """Over a real API server; a stand-in for the operator sets the status."""
