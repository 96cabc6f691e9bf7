"""What all messages have in common, and the one for errors."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from vibecode.domain.text import printable


def _printable(value: str) -> str:
    """Refuse control characters and lone surrogates: they do harm in a terminal, and can't be stored."""
    if not all(character.isprintable() for character in value):
        raise ValueError("it has characters that can't be printed")
    return value


Line = Annotated[str, AfterValidator(_printable)]
"""A line of text from a client."""

UntrustedLine = Annotated[str, AfterValidator(printable)]
"""A line of text from inside a workspace."""


class Model(BaseModel):
    """Base of all: camelCase outside, unknown members refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True, extra="forbid")


class Problem(Model):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "The name is taken",
                    "status": 409,
                    "detail": "There is a workspace alice already: choose another name.",
                    "code": "name_taken",
                    "field": "name",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="One sentence: what is wrong and what to do next.")
    code: str = Field(description="Stable, for programs.")
    field: str | None = Field(None, description="Name of the input at fault, where there is one.")
