"""What VibeCode adds to VS Code's page: a script of its own, and its defaults.

``tab.js`` is served by the control plane on each workspace's own origin and tells an open tab when its workspace has
stopped. VS Code's Content-Security-Policy for this page admits scripts of its own origin (``script-src 'self'``).

The defaults are handed to the workbench as ``configurationDefaults``, an option of VS Code for the web for just that:
they rank below every setting of the user. The other ways were tried and are worse. ``Machine/settings.json`` ranks
*above* the user's settings. An extension's ``configurationDefaults`` come too late for what is shown first (the Welcome
page and the Chat panel were open) and can't set what has application or machine scope (telemetry, updates). A seeded
``User/settings.json`` would be a file of the user's that a newer VibeCode may not touch any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vibecode.domain.errors import EditorUnavailable

SCRIPT: Final = '<script src="/.vibecode/tab.js" defer></script>'
DEFAULTS: Final = Path(__file__).parent / "default-settings.json"

_HEAD: Final = '\t\t<meta charset="utf-8" />\n'
_STARTUP: Final = "\t<!-- Startup (do not modify order of script tags!) -->\n"
_OURS: Final = re.compile(r"\t<!-- VibeCode: defaults -->\n.*?<!-- /VibeCode -->\n", re.DOTALL)
# The page is a template whose marks are {{NAME}}; the nonce is what lets an inline script run.
_INLINE: Final = """\
\t<!-- VibeCode: defaults -->
\t<script nonce="{{WORKBENCH_SCRIPT_NONCE}}">
\t\t(() => {
\t\t\tconst element = document.getElementById('vscode-workbench-web-configuration');
\t\t\tconst options = JSON.parse(element.getAttribute('data-settings'));
\t\t\toptions.configurationDefaults = { ...@DEFAULTS@, ...options.configurationDefaults };
\t\t\telement.setAttribute('data-settings', JSON.stringify(options));
\t\t})();
\t</script>
\t<!-- /VibeCode -->
"""


def default_settings() -> dict[str, object]:
    """Return VibeCode's defaults for the settings of VS Code."""
    loaded: dict[str, object] = json.loads(DEFAULTS.read_text(encoding="utf-8"))
    return loaded


def with_additions(page: str, defaults: Mapping[str, object]) -> str:
    """Return the page with our script and ``defaults``; what an earlier VibeCode added is replaced.

    Raises
    ------
    EditorUnavailable
        The page has another shape than the versions that VibeCode knows.
    """
    page = _OURS.sub("", page).replace(f"\t\t{SCRIPT}\n", "")
    if page.count(_HEAD) != 1 or page.count(_STARTUP) != 1 or page.count("{{WORKBENCH_WEB_CONFIGURATION}}") != 1:
        raise EditorUnavailable(
            "This version of code-server has another start page than VibeCode expects, so it can't be used. "
            "Install one of the versions that `vibecode editor list` shows."
        )
    # "<" could end the script. "{{" would be taken for a mark of the template; it only occurs in texts.
    data = json.dumps(defaults, sort_keys=True).replace("<", "\\u003c").replace("{{", "\\u007b\\u007b")
    inline = _INLINE.replace("@DEFAULTS@", data)
    return page.replace(_HEAD, f"{_HEAD}\t\t{SCRIPT}\n").replace(_STARTUP, inline + _STARTUP)
