"""Settings: defaults, then one TOML file, then ``VIBECODE_*`` variables, then the command line."""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from vibecode.domain.addresses import Addresses
from vibecode.domain.errors import InvalidInput
from vibecode.domain.names import is_valid_name
from vibecode.domain.workspace import DEFAULT_IDLE_TIMEOUT, MAX_IDLE_TIMEOUT, MIN_IDLE_TIMEOUT

_PREFIX: Final = "VIBECODE_"


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


_LABEL: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""A label of DNS (RFC 1123, 2.1), which is what Kubernetes takes as the name of a namespace."""

_HOST_NAME: Final = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"


class Settings(BaseSettings):
    """Everything that an operator can set. Each is described in docs/settings.md, and a test compares the two."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(default_factory=default_data_dir, description="Folder of everything that is kept.")
    runtime: Literal["local", "kubernetes"] = Field(
        "local", description="What the server runs workspaces on: this machine, or the cluster that it is a part of."
    )
    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on. Another than loopback needs TLS in front."
    )
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
    public_https_port: int | None = Field(
        None, ge=1, le=65535, description="Port that browsers use for https, where both http and https are served."
    )
    admin: str | None = Field(
        None, description="Id of the first user, who is an admin; if unset, the name of the account that it runs as."
    )
    idle_timeout: int = Field(
        DEFAULT_IDLE_TIMEOUT, ge=0, description="Default seconds without use until a workspace stops; 0 never."
    )
    extensions: Annotated[tuple[str, ...], NoDecode] = Field(
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
    agent_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8081, description="On Kubernetes: TCP port on which workspaces report."
    )
    edge_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8082, description="On Kubernetes: TCP port on which the edge asks who may pass."
    )
    workspaces_namespace: str = Field(
        "vibecode-workspaces", pattern=_LABEL, description="On Kubernetes: namespace of the Workspace objects."
    )
    agent_key_file: Path = Field(
        Path("/etc/vibecode/agent-key/key"), description="On Kubernetes: file with the key of the workspaces' tokens."
    )

    @field_validator("admin")
    @classmethod
    def _user_id(cls, value: str | None) -> str | None:
        if value is not None and not is_valid_name(value):
            raise ValueError
        return value

    @field_validator("data_dir", "agent_key_file")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 - resolve() would follow the user's links
        except RuntimeError as error:
            raise ValueError(str(error)) from None  # "~name" of nobody

    @field_validator("idle_timeout")
    @classmethod
    def _off_or_in_bounds(cls, value: int) -> int:
        if value != 0 and not MIN_IDLE_TIMEOUT <= value <= MAX_IDLE_TIMEOUT:
            raise ValueError
        return value

    @field_validator("extensions", mode="before")
    @classmethod
    def _list_of(cls, value: object) -> object:
        """Read a list from a variable: JSON, or with commas between."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [part.strip() for part in value.split(",") if part.strip()]

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

    def addresses(self, *, listening_port: int, https: bool = False) -> Addresses:
        """Return the public addresses.

        Parameters
        ----------
        listening_port
            The port that is really listened on.
        https
            Whether to return those over https where both schemes are served.
        """
        alternate = https and self.public_https_port is not None
        return Addresses(
            scheme="https" if alternate else self.public_scheme,
            domain=self.domain,
            workspace_domain=self.workspace_domain or self.domain,
            port=(self.public_https_port if alternate else self.public_port) or listening_port,
            listening_host=self._reachable_host,
        )

    def agent_url(self, *, listening_port: int) -> str:
        """Return where processes of this machine reach the server, given the port that is really listened on."""
        return f"http://{self._reachable_host}:{listening_port}"

    @property
    def _reachable_host(self) -> str:
        """The host as URLs spell it; a loopback address where all are listened on."""
        if self.host == "localhost":
            return "127.0.0.1"
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host.lower()
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "[::1]"
        return str(address) if address.version == 4 else f"[{address}]"


_TAKES: Final = {
    "data_dir": "the path of a folder",
    "host": "an address or name of this machine, such as 127.0.0.1",
    "port": "a whole number from 0 to 65535",
    "domain": "a host name in lower case, such as code.example.org",
    "workspace_domain": "a host name in lower case, such as workspaces.example.org",
    "public_scheme": "http or https",
    "public_port": "a whole number from 1 to 65535",
    "public_https_port": "a whole number from 1 to 65535",
    "admin": "a user id: lower-case letters, digits and single hyphens, at most 40, such as alice",
    "runtime": "local or kubernetes",
    "agent_port": "a whole number from 0 to 65535",
    "edge_port": "a whole number from 0 to 65535",
    "workspaces_namespace": "the name of a namespace, such as vibecode-workspaces",
    "agent_key_file": "the path of a file",
    "idle_timeout": f"0 for never, or {MIN_IDLE_TIMEOUT} to {MAX_IDLE_TIMEOUT} seconds",
    "extensions": 'a list of ids or paths: in a variable with commas between, in the file ["like", "this"]',
    "max_parallel_starts": "a whole number, 1 or more",
    "session_days": "a whole number from 1 to 365",
    "log_level": "debug, info, warning or error",
    "allow_local_sources": "true or false",
}
"""What each setting takes, for the message to somebody who gave something else."""


def load_settings(**overrides: object) -> Settings:
    """Return the settings; ``overrides`` that are not None win over everything.

    Raises
    ------
    InvalidInput
        Names the first setting that is wrong, where it comes from, and what it takes.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    file = _read_file()
    for key in file:
        if key not in Settings.model_fields:
            close = difflib.get_close_matches(key, Settings.model_fields, n=1)
            hint = f"did you mean {close[0]}?" if close else "docs/settings.md lists them all."
            raise InvalidInput(f"{key} in {config_file()} is no setting; {hint}", field=key)
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
    raise InvalidInput(f"{_place(name, given, file)} takes {_TAKES[name]}.", field=name)


def _read_file() -> Mapping[str, Any]:
    """Return what the settings file holds; nothing if there is none and none was named."""
    path = config_file()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if os.environ.get("VIBECODE_CONFIG", ""):
            raise InvalidInput(
                f"VIBECODE_CONFIG names {path}, which isn't there: make that file, or unset VIBECODE_CONFIG."
            ) from None
        return {}
    except OSError as error:
        raise InvalidInput(f"The settings file {path} can't be read ({error.strerror}).") from None
    except ValueError as error:  # of TOML, or of the encoding
        raise InvalidInput(f"The settings file {path} is no proper TOML ({error}).") from None


def _place(name: str, given: Mapping[str, object], file: Mapping[str, Any]) -> str:
    """Say where the value of a setting came from."""
    if name in given:
        return f"--{name.replace('_', '-')}"
    variable = f"{_PREFIX}{name}".upper()
    for spelling, value in os.environ.items():
        if spelling.upper() == variable and value:
            return spelling
    return f"{name} in {config_file()}" if name in file else name
