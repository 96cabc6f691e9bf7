"""What is recorded about a finished installation of the editor."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Manifest(BaseModel):
    """What ``manifest.json`` says about a finished installation."""

    model_config = ConfigDict(frozen=True)

    format: int = 1
    version: str
    installed_at: str
    """UTC, ISO 8601."""
    node_version: str
    platform: str
    downloaded_bytes: int
    """Growth of npm's cache; 0 when everything was in it."""
    unpacked_bytes: int
    """Size before anything was dropped."""
    size_bytes: int
    files: int
    """Number of files, without our own extension, which changes with VibeCode."""
    seconds: float
    hashes: dict[str, str]
    """SHA-256 of the files that matter most, by their path relative to the version's folder."""
