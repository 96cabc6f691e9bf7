"""What a template.toml may say."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vibecode.domain.errors import InvalidInput

FILE_NAME: Final = "template.toml"

_EXTENSION: Final = re.compile(r"[A-Za-z0-9][\w-]*\.[A-Za-z0-9][\w-]*(@[\w.+-]+)?")
_WORDS: Final = {
    "extra_forbidden": "is not a key that VibeCode knows: correct its name or remove it",
    "missing": "is missing",
}


class Parameter(BaseModel):
    """Something that the user fills in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """How the template's files call it."""
    title: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=400)
    type: Literal["string", "choice", "boolean"] = "string"
    default: str | None = None
    """As the user would fill it in; ``true`` or ``false`` for a boolean."""
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    """Regular expression that the whole of a string has to match."""
    required: bool = False
    """Whether a string may not be empty."""

    @field_validator("choices", mode="before")
    @classmethod
    def _choices_list(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("default", mode="before")
    @classmethod
    def _boolean_default(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _fits_together(self) -> Parameter:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("choices belong to the type choice, and it needs them")
        if self.pattern is not None:
            if self.type != "string":
                raise ValueError("a pattern belongs to the type string")
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"the pattern is not a regular expression ({error})") from None
        if self.default is not None:
            try:
                self.value(self.default)
            except InvalidInput as error:
                raise ValueError(f"the default is not valid: {error.detail}") from None
        return self

    def value(self, given: str | None) -> str | bool:
        """Return the value for the template's files.

        Parameters
        ----------
        given
            What the user filled in (``true`` or ``false`` for a boolean), or None for the default.

        Raises
        ------
        InvalidInput
            It breaks the parameter's rules.
        """
        if given is None:
            if self.default is None:
                return self._nothing()
            given = self.default
        if self.type == "boolean":
            if given not in {"true", "false"}:
                raise self._refused(f"{self.title} is either true or false.")
            return given == "true"
        if self.type == "choice":
            if given not in self.choices:
                raise self._refused(f"{self.title} is one of {', '.join(self.choices)}.")
            return given
        if "\0" in given or "\n" in given or "\r" in given:
            raise self._refused(f"{self.title} is a single line of text.")
        if self.required and not given:
            raise self._refused(f"{self.title} can't be empty: fill it in.")
        if given and self.pattern is not None and not re.fullmatch(self.pattern, given):
            raise self._refused(f"{self.title} does not have the right form. {self.description}".rstrip())
        return given

    def _nothing(self) -> str | bool:
        if self.type == "boolean":
            return False
        if self.type == "choice":
            return self.choices[0]
        if self.required:
            raise self._refused(f"{self.title} is needed: fill it in.")
        return ""

    def _refused(self, sentence: str) -> InvalidInput:
        return InvalidInput(sentence, field=f"source.parameters.{self.name}")


class TemplateSpec(BaseModel):
    """The contents of a template.toml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=400)
    parameters: tuple[Parameter, ...] = ()
    extensions: tuple[str, ...] = ()
    """Ids as on Open VSX, or paths of .vsix files relative to the template's folder."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of VS Code for a workspace's user who has none yet."""
    render: tuple[str, ...] = ()
    """Patterns of files, besides those ending in .jinja, in whose contents parameters are filled in."""

    @field_validator("parameters", "extensions", "render", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("parameters")
    @classmethod
    def _distinct(cls, value: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
        names = [parameter.name for parameter in value]
        if len(set(names)) != len(names):
            raise ValueError("two parameters have the same name")
        return value

    @field_validator("extensions")
    @classmethod
    def _known_forms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            path = PurePosixPath(name)
            is_file = name.endswith(".vsix") and not path.is_absolute() and ".." not in path.parts
            if not is_file and not _EXTENSION.fullmatch(name):
                raise ValueError(
                    f"{name!r} is neither an extension's id, such as ms-python.python, nor a .vsix file in the "
                    "template's folder"
                )
        return value

    @field_validator("settings")
    @classmethod
    def _json(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value)
        except TypeError:
            raise ValueError("settings hold text, numbers, true or false, lists and tables only") from None
        return value


def read_spec(folder: Path) -> TemplateSpec:
    """Read the template.toml in ``folder``.

    Raises
    ------
    InvalidInput
        Names the file, the key, and what is wrong.
    """
    path = folder / FILE_NAME
    try:
        return TemplateSpec.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InvalidInput(f"The template {folder.name} has no {FILE_NAME}: {path} is missing.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"The template {folder.name} can't be read: {path}: {error}.") from None
    except ValidationError as error:
        raise InvalidInput(f"The template {folder.name} is not valid: {path}: {_first(error)}.") from None


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong in words, beginning with the key."""
    # A key that doesn't exist explains others that are missing, so it comes first.
    found = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")[0]
    key = _key(found["loc"])
    words = _WORDS.get(found["type"]) or found["msg"].removeprefix("Value error, ")
    return f"the key {key} {words}" if found["type"] in _WORDS else f"{key}: {words}"


def _key(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or FILE_NAME


def resolve(parameters: tuple[Parameter, ...], given: Mapping[str, str]) -> dict[str, str | bool]:
    """Return the value of each parameter.

    Raises
    ------
    InvalidInput
        A value breaks its parameter's rules, or there is no parameter of a given name.
    """
    known = {parameter.name for parameter in parameters}
    for name in given:
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise InvalidInput(
                f"The template has no parameter {name} (it has: {names}).", field=f"source.parameters.{name}"
            )
    return {parameter.name: parameter.value(given.get(parameter.name)) for parameter in parameters}
