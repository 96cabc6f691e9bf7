"""Files that are used as they are, from a checkout or an installed package: the cluster's description, the charts."""

from __future__ import annotations

from pathlib import Path

from vibecode.cluster.errors import ClusterUnavailable

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent.parent


def asset(name: str) -> Path:
    """Return a file or folder by its path in the repository, such as ``charts/vibecode-platform``.

    Raises
    ------
    ClusterUnavailable
        It isn't there: the package was built without it.
    """
    # In a checkout, what can be edited is what is used; a built package has a copy.
    for root in (_CHECKOUT, _PACKAGE / "assets"):
        if (root / name).exists() and (root is not _CHECKOUT or (root / "pyproject.toml").exists()):
            return root / name
    raise ClusterUnavailable(f"This installation of VibeCode lacks {name}: install it anew, or use a checkout.")
