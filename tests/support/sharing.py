"""Which tests stay in one process when two share them (pytest-xdist), and which are handed out first.

Groups are told by test ids alone: pytest-xdist's own mark for them does nothing since pytest 9.2.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling

_PLATFORM: Final = "platform"
_API_SERVER: Final = "API server"
_ORDER: Final = (_PLATFORM, _API_SERVER, "tests/integration/", "tests/e2e/", "tests/unit/")
"""Groups, or how their names begin: what takes longest comes first. The platform's cluster is deleted before tests that
are no longer of tests/e2e, which is why these come next."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands out whole groups, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def uses_platform(test: str) -> bool:
    """Tell whether a test of tests/e2e, by its id, needs the product on a cluster."""
    path, _, name = test.partition("::")
    return path.startswith(("tests/e2e/ingress/", "tests/e2e/kubernetes/")) or "kubernetes" in name.partition("[")[2]


def group_of(test: str) -> str:
    """Return the name of a test's group, by its id.

    A file is one, and so is all that uses the same cluster. What makes whole platforms is together, as each looks for
    ports of this machine that nobody has.
    """
    path = test.partition("::")[0]
    if path.startswith("tests/e2e/") and uses_platform(test):
        return _PLATFORM
    if path.startswith(tuple(f"tests/integration/{name}/" for name in ("charts", "kubernetes", "kubernetes_runtime"))):
        return _API_SERVER
    return path


def rank(test: str) -> int:
    """Return the place of a test's group among others."""
    group = group_of(test)
    return next(place for place, start in enumerate(_ORDER) if group.startswith(start))
