"""What a Kubernetes API server can answer other than success.

The classes follow the ``reason`` of the server's Status object (Kubernetes API conventions, "Response Status Kind")
where there is one, else the HTTP status.
"""

from __future__ import annotations

from typing import Any


class KubernetesError(Exception):
    """A request that the API server refused, or that never reached it.

    Parameters
    ----------
    message
        The server's own sentence, or what went wrong on the way.
    status
        HTTP status; 0 where there was no answer.
    reason
        The Status object's ``reason``, such as ``AlreadyExists``; empty where there was none.
    retry_after
        Seconds that the server asked to wait, if it did.
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class ObjectNotFound(KubernetesError):
    """404: no such object, or no such kind on this server."""


class ObjectExists(KubernetesError):
    """409 AlreadyExists: the name is taken."""


class WriteConflict(KubernetesError):
    """409: somebody else changed it since it was read, or owns a field."""


class VersionExpired(KubernetesError):
    """410: the version to go on from is no longer kept; LIST again."""


class NotPermitted(KubernetesError):
    """401 or 403: the credentials lack the right, or admission refused."""


class QuotaExceeded(NotPermitted):
    """403 with ``exceeded quota``: the namespace's ResourceQuota is used up."""


class ObjectInvalid(KubernetesError):
    """400 or 422: the object breaks a rule of its kind."""


class ApiUnavailable(KubernetesError):
    """No answer, 429 or 5xx: worth trying again."""


_BY_REASON: dict[str, type[KubernetesError]] = {
    "AlreadyExists": ObjectExists,
    "Conflict": WriteConflict,
    "Expired": VersionExpired,
    "Gone": VersionExpired,
    "NotFound": ObjectNotFound,
}
_BY_STATUS: dict[int, type[KubernetesError]] = {
    400: ObjectInvalid,
    401: NotPermitted,
    403: NotPermitted,
    404: ObjectNotFound,
    409: WriteConflict,
    410: VersionExpired,
    422: ObjectInvalid,
    429: ApiUnavailable,
}


def error_from_status(code: int, status: object, *, retry_after: float | None = None) -> KubernetesError:
    """Return the error for an HTTP status and the decoded Status object (or whatever else came as a body)."""
    body: dict[str, Any] = status if isinstance(status, dict) else {}
    reason = str(body.get("reason") or "")
    message = str(body.get("message") or "") or f"The API server answered {code}."
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(code) or (ApiUnavailable if code >= 500 else KubernetesError)
    if kind is NotPermitted and "exceeded quota" in message:
        kind = QuotaExceeded
    return kind(message, status=code, reason=reason, retry_after=retry_after)
