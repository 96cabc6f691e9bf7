"""Foreseeable failures.

Each has a stable code for programs, a sentence for people that says what to do next, and the HTTP status that the
API answers with. The API turns them into RFC 9457 problem documents, the CLI into one line and exit code 1.
"""

from __future__ import annotations

from typing import ClassVar


class VibeCodeError(Exception):
    """Base of every failure that a user can meet and understand.

    Parameters
    ----------
    detail
        One sentence: what is wrong and what to do next. Never a secret.
    field
        Name of the input that is at fault (as the API spells it), where there is one.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class InvalidInput(VibeCodeError):
    """A value that breaks a rule; ``field`` names it."""

    code = "invalid_input"
    title = "The input is not valid"
    status = 422


class InvalidName(InvalidInput):
    """A workspace, user or template name that breaks the naming rules."""

    code = "invalid_name"
    title = "The name is not valid"


class NotFound(VibeCodeError):
    """Something that isn't there, or that the caller may not know of."""

    code = "not_found"
    title = "Not found"
    status = 404


class WorkspaceNotFound(NotFound):
    """No workspace of that name that the caller may see."""

    code = "workspace_not_found"
    title = "No such workspace"


class TemplateNotFound(NotFound):
    """No template of that name."""

    code = "template_not_found"
    title = "No such template"


class Conflict(VibeCodeError):
    """The request does not fit the present state."""

    code = "conflict"
    title = "That does not fit the present state"
    status = 409


class NameTaken(Conflict):
    """The name belongs to another workspace or user."""

    code = "name_taken"
    title = "The name is taken"


class RevisionMismatch(VibeCodeError):
    """If-Match named an older revision: somebody else changed it in between (RFC 9110, 13.1.1)."""

    code = "revision_mismatch"
    title = "It was changed in the meantime"
    status = 412


class IdempotencyConflict(VibeCodeError):
    """An Idempotency-Key came again with another body."""

    code = "idempotency_key_reused"
    title = "The Idempotency-Key was used for another request"
    status = 422


class Unauthenticated(VibeCodeError):
    """No valid session or token."""

    code = "unauthenticated"
    title = "Sign in first"
    status = 401


class Forbidden(VibeCodeError):
    """Signed in, but not allowed."""

    code = "forbidden"
    title = "Not allowed"
    status = 403


class RequestRefused(VibeCodeError):
    """A request that breaks a security rule (Origin, Host, ticket)."""

    code = "request_refused"
    title = "The request was refused"
    status = 403


class Gone(VibeCodeError):
    """A one-time link or ticket that was used or has expired."""

    code = "link_expired"
    title = "The link has expired"
    status = 410


class SourceUnavailable(VibeCodeError):
    """A Git repository or branch that can't be cloned."""

    code = "source_unavailable"
    title = "The source can't be fetched"
    status = 422


class EditorUnavailable(VibeCodeError):
    """code-server is not installed, or its installation is damaged."""

    code = "editor_unavailable"
    title = "The editor is not installed"
    status = 503


class StartFailed(VibeCodeError):
    """A workspace that did not become ready."""

    code = "start_failed"
    title = "The workspace did not start"
    status = 503


class DataFolderUnusable(VibeCodeError):
    """The data folder is read-only, full, locked, or of a newer version."""

    code = "data_folder_unusable"
    title = "The data folder can't be used"
    status = 503


class PortTaken(VibeCodeError):
    """Another process listens on the address that the server wants."""

    code = "port_taken"
    title = "The port is taken"
    status = 409


class ServerUnreachable(VibeCodeError):
    """The CLI found no running server."""

    code = "server_unreachable"
    title = "No server is running"
    status = 503


class Unavailable(VibeCodeError):
    """Not now; worth trying again."""

    code = "unavailable"
    title = "Not available right now"
    status = 503


class PreconditionRequired(VibeCodeError):
    """A change came without If-Match (RFC 6585, 3)."""

    code = "precondition_required"
    title = "If-Match is missing"
    status = 428


class TooManyRequests(VibeCodeError):
    """A workspace reports more often than it may."""

    code = "too_many_requests"
    title = "Too many requests"
    status = 429

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds after which to ask again."""


class UnknownHostName(VibeCodeError):
    """A request for a host name that isn't ours (RFC 9110, 15.5.20)."""

    code = "unknown_host"
    title = "Unknown host"
    status = 421


class ApiFailure(VibeCodeError):
    """A failure that a server reported to a client of its API."""

    code = "api_failure"
    title = "The server refused"
    reported_code: str = ""
    """The problem's own code."""
    reported_status: int = 500
    """The HTTP status."""


class ImageUnavailable(VibeCodeError):
    """A container image can't be built, or can't be brought to a cluster's nodes."""

    code = "image_unavailable"
    title = "The image is not available"
    status = 503


class DockerUnavailable(VibeCodeError):
    """Docker isn't installed, doesn't run, or may not be used."""

    code = "docker_unavailable"
    title = "Docker is not available"
    status = 503
