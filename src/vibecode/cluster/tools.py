"""The tools that a cluster on this machine needs: which are there, in which versions, and how to get them."""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import dataclass
from typing import Final

from vibecode.cluster.commands import run
from vibecode.cluster.errors import ClusterUnavailable

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A tool, the least version that works, and where it comes from."""

    name: str
    least: Version
    ask: tuple[str, ...]
    """Arguments that make it print its version."""
    get: str
    """How to get it, in words."""


KIND: Final = Requirement(
    name="kind",
    least=(0, 29, 0),
    ask=("version",),
    get="one file from the kind project's releases (kind.sigs.k8s.io, Quick Start), or the package kind of Homebrew",
)
KUBECTL: Final = Requirement(
    name="kubectl",
    least=(1, 30, 0),
    ask=("version", "--client"),
    get="see kubernetes.io, Install Tools, or the package kubernetes-cli of Homebrew",
)
HELM: Final = Requirement(
    name="helm",
    least=(3, 14, 0),
    ask=("version", "--short"),
    get="see helm.sh, Installing Helm, or the package helm of Homebrew",
)
REQUIREMENTS: Final = (KIND, KUBECTL, HELM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that was found."""

    name: str
    path: str
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """All that are needed, each in a version that works."""

    docker: str
    kind: str
    kubectl: str
    helm: str
    versions: tuple[Tool, ...]

    def words(self) -> str:
        """Return what was found, such as ``kind 0.33.0, helm 4.3.1``."""
        return ", ".join(f"{tool.name} {version_text(tool.version)}" for tool in self.versions)


def parse_version(text: str) -> Version | None:
    """Return the first version in a tool's words, such as ``v1.36.3``; None if there is none."""
    match = re.search(r"\bv?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3] or 0))


def version_text(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(str(part) for part in version)


def find(requirement: Requirement) -> Tool:
    """Look for a tool and ask for its version.

    Raises
    ------
    ClusterUnavailable
        It isn't there, is too old, or says nothing that is a version.
    """
    path = shutil.which(requirement.name)
    if path is None:
        raise ClusterUnavailable(
            f"{requirement.name} is not installed, version {_at_least(requirement)}: {requirement.get}."
        )
    version = parse_version(run([path, *requirement.ask], limit=30).stdout)
    if version is None:
        raise ClusterUnavailable(f"{path} does not tell its version: install it anew ({requirement.get}).")
    if version < requirement.least:
        raise ClusterUnavailable(
            f"{requirement.name} {version_text(version)} at {path} is too old, {_at_least(requirement)} is needed: "
            f"{requirement.get}."
        )
    return Tool(name=requirement.name, path=path, version=version)


def _at_least(requirement: Requirement) -> str:
    return f"{version_text(requirement.least).removesuffix('.0')} or later"


def docker_path() -> str:
    """Return where the docker command is.

    Raises
    ------
    ClusterUnavailable
        It isn't there, and the sentence says how to get it on this system.
    """
    path = shutil.which("docker")
    if path is None:
        raise ClusterUnavailable(f"Docker is not installed: {how_to_get_docker(platform.system())}.")
    return path


def how_to_get_docker(system: str) -> str:
    """Return how to get Docker.

    Parameters
    ----------
    system
        As ``platform.system()`` names it.
    """
    if system == "Linux":
        return "install Docker Engine (docs.docker.com, Engine, or the package docker.io of Debian and Ubuntu)"
    return "install Docker Desktop (docs.docker.com, Desktop) and start it"


def find_all() -> Tools:
    """Look for all tools.

    Raises
    ------
    ClusterUnavailable
        One is missing or too old: the first such one is named.
    """
    docker = docker_path()
    found = tuple(find(requirement) for requirement in REQUIREMENTS)
    paths = {tool.name: tool.path for tool in found}
    return Tools(docker=docker, kind=paths["kind"], kubectl=paths["kubectl"], helm=paths["helm"], versions=found)


def skew_problem(client: Version, server: Version) -> str | None:
    """Return what to say when kubectl is too far from the cluster's version (kubernetes.io, version skew policy).

    Parameters
    ----------
    client, server
        kubectl's version, and that of the cluster's API server.
    """
    if client[0] == server[0] and abs(client[1] - server[1]) <= 1:
        return None
    return (
        f"kubectl {version_text(client)} is not made for a cluster of Kubernetes {version_text(server)}; it mostly "
        f"works, and {server[0]}.{server[1]} would be right."
    )
