"""Pages that a workspace's own address shows when there is no editor to show, and the script in the editor's tab.

A page works without JavaScript: it says what is going on, and reloads itself where that leads on. Its scripts and
styles are files of their own, so that :func:`content_security_policy` can forbid everything else.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vibecode.domain.routing import INTERNAL_PREFIX
from vibecode.web.pages.files import Asset, load_asset

__all__ = ["ASSET_PREFIX", "TAB_SCRIPT", "Asset", "Page", "content_security_policy", "load_asset", "render"]

ASSET_PREFIX: Final = f"{INTERNAL_PREFIX}assets/"
"""Path below which the assets are served, on every address: some pages are shown on the dashboard's."""

TAB_SCRIPT: Final = "tab.js"
"""Asset that is also served as ``/.vibecode/tab.js``, the address that the editor's page names."""

Page = Literal["waking", "not-found", "signed-out", "port", "unavailable"]
"""The pages. See :func:`render` for what each needs."""


def render(page: Page, **context: object) -> str:
    """Return a page's HTML. Values are escaped.

    Parameters
    ----------
    page
        Which page.
    **context
        - ``waking``: ``name``, ``phase`` (any of :class:`~vibecode.domain.workspace.Phase`), ``reason``,
          ``dashboard_url``; optionally ``log`` (lines so far), ``elapsed_seconds`` (since the phase began) and
          ``can_start``. Serves stopped and failed workspaces too.
        - ``not-found``: ``name``, ``dashboard_url``. The same for a workspace that is missing and one of somebody else.
        - ``signed-out``: ``name``, ``sign_in_url``.
        - ``port``: ``name``, ``port``, ``workspace_url``; optionally ``ports``, a list of objects with ``port``,
          ``url`` and ``process`` of those that do listen.
        - ``unavailable``: ``name``, ``reason``, ``dashboard_url``, ``retry_after`` (seconds).

    Raises
    ------
    jinja2.UndefinedError
        If a value that the page needs is missing.
    """
    return _environment().get_template(f"{page}.html.jinja").render(**{**_OPTIONAL.get(page, {}), **context})


def content_security_policy(*, frame_ancestors: str = "'none'") -> str:
    """Return the Content-Security-Policy to send with a page.

    Parameters
    ----------
    frame_ancestors
        Who may frame it. The editor shows previews of ports in frames, so the ``port`` page needs the workspace's
        origin.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {frame_ancestors}"
    )


_OPTIONAL: Final[dict[str, dict[str, object]]] = {
    "waking": {"log": (), "elapsed_seconds": 0, "can_start": True},
    "port": {"ports": ()},
}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.globals["asset"] = _asset_url
    environment.filters["sentence"] = _sentence
    return environment


def _asset_url(name: str) -> str:
    asset = load_asset(name)
    if asset is None:
        raise LookupError(f"There is no asset {name}")
    return f"{ASSET_PREFIX}{name}?v={asset.digest}"


def _sentence(reason: str) -> str:
    """Make a sentence of a reason, without the phase that the heading says already (``failed: git is missing``)."""
    text = re.sub(r"^(stopped|failed|stopping):\s*", "", reason, flags=re.IGNORECASE).strip()
    if not text:
        return ""
    upper = text[0].upper() + text[1:]
    return upper if upper[-1] in ".!?…" else f"{upper}."
