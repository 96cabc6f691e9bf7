"""What the API server refuses, as failures that a person understands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from vibecode.domain.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NameTaken,
    Unavailable,
    VibeCodeError,
    WorkspaceNotFound,
)
from vibecode.domain.text import printable
from vibecode.runtimes.kubernetes.errors import (
    ApiUnavailable,
    KubernetesError,
    NotPermitted,
    ObjectExists,
    ObjectInvalid,
    ObjectNotFound,
    QuotaExceeded,
    WriteConflict,
)

_log = structlog.get_logger(__name__)
_MAX_WORDS: Final = 500
_LACKS_RIGHT: Final = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<what>.*)')
"""What RBAC answers (k8s.io/apiserver, endpoints/handlers/responsewriters)."""
_DENIED: Final = re.compile(r"denied (?:the )?request: (?P<why>.*)", re.DOTALL)
"""What admission webhooks and policies answer, with 403 or 422."""
_INVALID: Final = re.compile(r'^\S+ "[^"]*" is invalid: (?P<why>.*)$', re.DOTALL)
_INVALID_VALUE: Final = re.compile(
    r"(?:<nil>: )?Invalid value: (?:(?:\"(?:[^\"\\]|\\.)*\"|-?\d[\w.]*|true|false|null): )?"
)
_FIELD: Final = re.compile(r"^spec\.(?P<field>[\w.]+): (?P<why>.*)$", re.DOTALL)
"""How field errors read (k8s.io/apimachinery, util/validation/field)."""
_QUOTA: Final = re.compile(r"exceeded quota: (?P<words>.*)")


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Raise what :func:`as_refusal` returns in the place of an error of the API server.

    Parameters
    ----------
    name
        Of the workspace that the requests are about.
    """
    try:
        yield
    except KubernetesError as error:
        raise as_refusal(error, name) from error


def as_refusal(error: KubernetesError, name: str) -> VibeCodeError:
    """Return the failure, with a sentence, that an error means to who asked for something.

    Parameters
    ----------
    error
        Of the client.
    name
        Of the workspace that it is about.
    """
    denied = _DENIED.search(error.message)
    if denied is not None and isinstance(error, NotPermitted | ObjectInvalid):
        return Forbidden(f"The cluster does not allow that: {_sentence(denied['why'])}")
    match error:
        case ObjectNotFound():
            return WorkspaceNotFound(f"There is no workspace {name}.")
        case ObjectExists():
            return name_taken(name)
        case QuotaExceeded():
            return Conflict(
                f"The cluster's quota for workspaces is used up ({_quota_words(error.message)}): delete a workspace "
                "that isn't needed, or ask who runs the cluster for more."
            )
        case NotPermitted():
            return _not_permitted(error)
        case WriteConflict():
            return Unavailable(f"Workspace {name} is being changed by others all the time: try again.")
        case ObjectInvalid():
            return _invalid(error)
        case ApiUnavailable():
            return Unavailable(
                "The cluster's API server does not answer: try again in a moment. Workspaces that run go on running."
            )
        case _:
            return Unavailable(f"The cluster refused that: {_words(error.message)}")


def name_taken(name: str) -> NameTaken:
    """Say that a workspace's name is in use."""
    return NameTaken(f"There is a workspace {name} already: choose another name.", field="name")


def _not_permitted(error: KubernetesError) -> VibeCodeError:
    lacking = _LACKS_RIGHT.search(error.message)
    if lacking is None and error.status != 401:
        return Forbidden(f"The cluster does not allow that: {_sentence(error.message)}")
    _log.error("the control plane lacks a right in the cluster", error=error.message)
    return Unavailable(
        "The cluster does not let the control plane do that; its log says which right is missing. "
        "Ask who runs the cluster to install the platform's chart again."
    )


def is_another(error: KubernetesError) -> bool:
    """Tell whether an error says that under its name is another object by now than the one whose UID was given."""
    return isinstance(error, ObjectInvalid) and "metadata.uid: Invalid value" in error.message


def _invalid(error: KubernetesError) -> InvalidInput:
    whole = _INVALID.match(error.message)
    why = _INVALID_VALUE.sub("", whole["why"] if whole else error.message)
    one = _FIELD.match(why)
    if one is not None:
        return InvalidInput(_sentence(one["why"]), field=one["field"])
    return InvalidInput(_sentence(f"The cluster does not take that: {why.removeprefix('[').removesuffix(']')}"))


def _quota_words(message: str) -> str:
    found = _QUOTA.search(message)
    return _words(found["words"] if found else message)


def _words(message: str) -> str:
    return printable(message).strip()[:_MAX_WORDS]


def _sentence(words: str) -> str:
    return _words(words).rstrip(".") + "."
