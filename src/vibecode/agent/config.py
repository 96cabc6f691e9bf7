"""What the container's environment says about this workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vibecode.domain.workspace import GitSource, Source, TemplateSource
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT, READY_PORT, RELAY_PORT

EDITOR: Final = Path("/opt/vibecode/editor")
"""A link to the folder of the version that the image brings."""
_OURS: Final = frozenset(
    {
        *("VIBECODE_SOURCE", "VIBECODE_EXTENSIONS"),
        *("VIBECODE_EDITOR_PORT", "VIBECODE_RELAY_PORT", "VIBECODE_READY_PORT"),
    }
)


class BadConfiguration(Exception):
    """The environment says something that can't be understood; the sentence says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What this workspace is."""

    name: str
    host: str | None
    """The name by which it is asked for; None outside of a cluster, where it answers to any."""
    workspace_id: str
    source: Source
    extensions: tuple[str, ...]
    agent_file: Path | None
    """Names the control plane and this workspace's token."""
    editor: Path
    editor_port: int
    relay_port: int
    ready_port: int
    home: Path
    folder: Path
    """The workspace's files."""
    termination_log: Path
    """What is written to it becomes the container's message when it ends."""

    @property
    def prepared_file(self) -> Path:
        """Where it is written down what was prepared."""
        return self.home / ".local/state/vibecode/prepared.json"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Config:
        """Read the environment.

        Raises
        ------
        BadConfiguration
            It says something that can't be understood.
        """
        agent_file = environment.get("VIBECODE_AGENT_FILE")
        return cls(
            name=environment.get("VIBECODE_WORKSPACE", "workspace"),
            host=environment.get("VIBECODE_WORKSPACE") or None,
            workspace_id=environment.get("VIBECODE_WORKSPACE_ID", "workspace"),
            source=_source(_json(environment, "VIBECODE_SOURCE")),
            extensions=_extensions(_json(environment, "VIBECODE_EXTENSIONS")),
            agent_file=Path(agent_file) if agent_file else None,
            editor=Path(environment.get("VIBECODE_EDITOR") or EDITOR),
            editor_port=_port(environment, "VIBECODE_EDITOR_PORT", EDITOR_PORT),
            relay_port=_port(environment, "VIBECODE_RELAY_PORT", RELAY_PORT),
            ready_port=_port(environment, "VIBECODE_READY_PORT", READY_PORT),
            home=Path(environment.get("HOME") or "/home/coder"),
            folder=Path(environment.get("VIBECODE_FOLDER") or "/workspace"),
            termination_log=Path(environment.get("VIBECODE_TERMINATION_LOG") or "/dev/termination-log"),
        )


def for_the_editor(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the editor and its terminals get; the source's address may hold a password."""
    return {name: value for name, value in environment.items() if name not in _OURS}


def _json(environment: Mapping[str, str], name: str) -> Any:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadConfiguration(f"{name} is not JSON: {error}.") from None


def _source(value: Any) -> Source:
    if value is None:
        return None
    try:
        if "git" in value:
            branch = value["git"].get("branch")
            return GitSource(url=str(value["git"]["url"]), branch=None if branch is None else str(branch))
        template = value["template"]
        parameters = {str(key): str(text) for key, text in (template.get("parameters") or {}).items()}
        return TemplateSource(name=str(template["name"]), parameters=parameters)
    except (KeyError, TypeError, AttributeError):
        raise BadConfiguration("VIBECODE_SOURCE names neither a git repository nor a template.") from None


def _extensions(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadConfiguration("VIBECODE_EXTENSIONS is not a list of texts.")
    return tuple(value)


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadConfiguration(f"{name} is not a port: {text}.")
    return int(text)
