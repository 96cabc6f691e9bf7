"""Settings: defaults, then one TOML file, then ``VIBECODE_*`` variables, then the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from vibecode.domain.errors import InvalidInput
from vibecode.domain.routing import Addresses
from vibecode.domain.workspace import DEFAULT_IDLE_TIMEOUT


def _xdg(variable: str, fallback: str) -> Path:
    """Return a base folder of the XDG specification (0.8: a relative value is to be ignored)."""
    value = os.environ.get(variable, "")
    base = Path(value) if value and Path(value).is_absolute() else Path.home() / fallback
    return base / "vibecode"


def default_data_dir() -> Path:
    """Return the data folder that is used when none is named."""
    return _xdg("XDG_DATA_HOME", ".local/share")


def config_file() -> Path:
    """Return the settings file: ``VIBECODE_CONFIG``, else the one in the XDG configuration folder."""
    value = os.environ.get("VIBECODE_CONFIG", "")
    return Path(value) if value else _xdg("XDG_CONFIG_HOME", ".config") / "vibecode.toml"


_HOST_NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"


class Settings(BaseSettings):
    """Everything that an operator can set. Each is described in docs/settings.md, and a test compares the two."""

    model_config = SettingsConfigDict(env_prefix="VIBECODE_", extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(default_factory=default_data_dir, description="Folder of everything that is kept.")
    host: str = Field("127.0.0.1", description="Address to listen on. Another than loopback needs TLS in front.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="TCP port to listen on; 0 takes a free one.")
    domain: str = Field("vibecode.localhost", pattern=_HOST_NAME, description="Host name of dashboard and API.")
    workspace_domain: str | None = Field(
        None, pattern=_HOST_NAME, description="Parent of the workspaces' host names; the same as domain if unset."
    )
    public_scheme: Literal["http", "https"] = Field(
        "http", description="Scheme that browsers use: https when TLS ends in front of this server."
    )
    public_port: int | None = Field(
        None, ge=1, le=65535, description="Port that browsers use; the one listened on if unset."
    )
    idle_timeout: int = Field(
        DEFAULT_IDLE_TIMEOUT, ge=0, description="Default seconds without use until a workspace stops; 0 never."
    )
    extensions: tuple[str, ...] = Field(
        (), description="Extensions installed in every workspace at its start: Open VSX ids or paths of .vsix files."
    )
    max_parallel_starts: int = Field(
        default_factory=lambda: 2 * (os.cpu_count() or 1), ge=1, description="How many workspaces start at once."
    )
    session_days: Annotated[int, Field(ge=1, le=365)] = Field(30, description="Days until a sign-in expires.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    allow_local_sources: bool = Field(
        False,
        description="Whether Git sources may be folders of this machine. Only safe where every user may read all.",
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 - resolve() would follow links the user chose

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: command line, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())

    def addresses(self, *, listening_port: int) -> Addresses:
        """Return the public addresses, given the port that is really listened on."""
        return Addresses(
            scheme=self.public_scheme,
            domain=self.domain,
            workspace_domain=self.workspace_domain or self.domain,
            port=self.public_port or listening_port,
        )


def load_settings(**overrides: object) -> Settings:
    """Return the settings; ``overrides`` that are not None win over everything.

    Raises
    ------
    InvalidInput
        Names the first setting that is wrong, and why.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise InvalidInput(f"The setting {name} is wrong: {first['msg']}. See docs/settings.md.", field=name) from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The settings file {config_file()} can't be read: {error}") from None
