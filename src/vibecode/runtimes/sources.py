"""What a new workspace may be made from, whatever runs it."""

from __future__ import annotations

from typing import Final, Protocol

from vibecode.domain.errors import InvalidInput
from vibecode.domain.giturl import mask, validate_branch, validate_git_url
from vibecode.domain.workspace import GitSource, Source, TemplateSource

_MAX_PARAMETER: Final = 4000


class TemplateChecker(Protocol):
    """Knows the templates."""

    def check(self, source: TemplateSource) -> None:
        """Check a source before anything is made.

        Raises
        ------
        TemplateNotFound, InvalidInput
            The template or its parameters.
        """


def check_source(source: Source, templates: TemplateChecker, *, allow_local: bool) -> None:
    """Check what a workspace shall be made from, before anything is made.

    Raises
    ------
    InvalidInput, TemplateNotFound
        One sentence that says what is wrong.
    """
    if isinstance(source, GitSource):
        validate_git_url(source.url, allow_local=allow_local)
        if source.branch is not None:
            validate_branch(source.branch)
    elif isinstance(source, TemplateSource):
        if any(len(value) > _MAX_PARAMETER for value in source.parameters.values()):
            raise InvalidInput(
                f"A template's parameter has at most {_MAX_PARAMETER} characters.", field="source.parameters"
            )
        templates.check(source)


def describe(source: Source) -> str:
    """Say what making it does, for a reason: ``cloning https://...``."""
    if isinstance(source, GitSource):
        return f"cloning {mask(source.url)}"
    if isinstance(source, TemplateSource):
        return f"making it from the template {source.name}"
    return "making its folder"
