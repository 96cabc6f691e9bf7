"""Which Git URLs and branches are taken, and how they are shown without their secrets.

Git is started with a list of arguments, so nothing here guards a shell. It guards against what Git itself would do:
``ext::`` runs a program, a host or branch that begins with a hyphen is an option (CVE-2017-1000117).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from vibecode.domain.errors import InvalidInput

_SCHEMES: Final = frozenset({"https", "http", "ssh", "git"})
_URL_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""RFC 3986, 2: reserved, unreserved and percent."""
_SCP_LIKE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!/?-)[A-Za-z0-9._~/+@-]+")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9A-Fa-f:.]+")
_MAX_URL: Final = 2000
_MAX_BRANCH: Final = 200
_BAD_IN_BRANCH: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[./]$|^[-./]|^@$")
"""git-check-ref-format(1), and no leading hyphen."""

_USERINFO: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<userinfo>[^\s/?#]*)@", re.IGNORECASE)
"""Up to the last ``@`` of the authority, as Git and curl read it: a password may hold others."""
_SECRET_QUERY: Final = re.compile(
    r"(?P<key>[?&][a-z0-9_.-]*(?:token|password|passwd|secret|key|signature|sig|auth)[a-z0-9_.-]*=)[^&\s'\"#]+",
    re.IGNORECASE,
)


def validate_git_url(url: str, *, allow_local: bool = False) -> str:
    """Return ``url`` if it can be cloned from.

    Parameters
    ----------
    url
        ``https``, ``http``, ``ssh`` or ``git``, or ``user@host:path``.
    allow_local
        Whether ``file://`` URLs and absolute paths are taken too.

    Raises
    ------
    InvalidInput
        With one sentence that says what is wrong.
    """

    def refuse(why: str) -> InvalidInput:
        return InvalidInput(f"The Git URL {why}.", field="source.url")

    if not url:
        raise refuse("can't be empty: use one such as https://github.com/owner/project.git")
    if len(url) > _MAX_URL:
        raise refuse(f"has at most {_MAX_URL} characters")
    if url.startswith("-"):
        raise refuse("can't begin with a hyphen")
    if allow_local and (url.startswith(("file:///", "/")) and url.isprintable()):
        return url
    if not _URL_CHARACTERS.fullmatch(url):
        raise refuse("holds a space or another character that no URL has: remove it or percent-encode it")
    if "://" not in url and _SCP_LIKE.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise refuse("is not a valid URL: copy it again from the repository's page") from error
    if parts.scheme not in _SCHEMES or "::" in url.split("://", 1)[0]:
        raise refuse("has to begin with https://, http://, ssh:// or git://, or look like git@host:owner/project.git")
    if not _HOST.fullmatch(host) or (parts.username or "").startswith("-"):
        raise refuse("has no valid host name")
    if not parts.path.strip("/"):
        raise refuse("has no path to a repository: use one such as https://github.com/owner/project.git")
    return url


def validate_branch(branch: str) -> str:
    """Return ``branch`` if it can be the name of a branch or tag.

    Raises
    ------
    InvalidInput
        It can't be.
    """
    if not branch or len(branch) > _MAX_BRANCH or _BAD_IN_BRANCH.search(branch):
        raise InvalidInput(
            "That can't be the name of a Git branch: copy it from the repository's page, or leave it empty for the "
            "default branch.",
            field="source.branch",
        )
    return branch


def mask(text: str) -> str:
    """Replace passwords and tokens in the URLs of a text by ``***``.

    A user's name stays only where it is no secret: tokens are often put in its place with http.
    """
    masked = _USERINFO.sub(lambda match: f"{match['scheme']}***@" if _is_secret(match) else match[0], text)
    return _SECRET_QUERY.sub(r"\g<key>***", masked)


def without_secrets(url: str) -> str:
    """Return a URL without user and password, for what is kept of a source after it was cloned."""
    return _USERINFO.sub(lambda match: match["scheme"] if _is_secret(match) else match[0], url)


def _is_secret(match: re.Match[str]) -> bool:
    """Tell whether what stands before the host is more than the name of a user."""
    userinfo = match["userinfo"]
    return match["scheme"].lower().startswith("http") or ":" in userinfo or "@" in userinfo
