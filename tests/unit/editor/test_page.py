from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.editors import PAGE
from vibecode.domain.errors import EditorUnavailable
from vibecode.editor.page import SCRIPT, default_settings, with_additions

_VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=3), max_leaves=5
)


def test_the_script_is_in_the_head_before_what_it_watches() -> None:
    page = with_additions(PAGE, {})
    assert page.count(SCRIPT) == 1
    assert page.index(SCRIPT) < page.index("</head>")


def test_defaults_are_set_before_the_workbench_starts() -> None:
    page = with_additions(PAGE, {"files.autoSave": "afterDelay"})
    assert '"files.autoSave": "afterDelay"' in page
    assert page.index("configurationDefaults") < page.index("workbench.js")
    assert page.index("</head>") < page.index("configurationDefaults")


@given(st.dictionaries(st.text(), _VALUES, max_size=3), st.dictionaries(st.text(), _VALUES, max_size=3))
def test_adding_is_repeatable_and_replaces_what_an_older_version_added(
    old: dict[str, object], new: dict[str, object]
) -> None:
    assert with_additions(with_additions(PAGE, old), new) == with_additions(PAGE, new)


@given(st.dictionaries(st.text(), _VALUES, max_size=3))
def test_no_default_can_end_the_script_or_be_taken_for_a_mark(defaults: dict[str, object]) -> None:
    page = with_additions(PAGE, {"x": "</script><script>alert(1)</script>{{BASE}}", **defaults})
    added = page[page.index("VibeCode: defaults") : page.index("/VibeCode")]
    assert added.count("</script>") == 1
    assert re.findall(r"{{([^}]+)}}", added) == ["WORKBENCH_SCRIPT_NONCE"]


def test_defaults_arrive_as_they_are() -> None:
    defaults = {"a": {"b": {"c": True}}, "angle": "<b>", "list": [1, "ä"], "mark": "{{BASE}} {{{"}
    found = re.search(r"configurationDefaults = { \.\.\.(.*), \.\.\.options", with_additions(PAGE, defaults))
    assert found is not None
    assert json.loads(found[1]) == defaults


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html></html>",
        PAGE.replace("<!-- Startup", "<!-- Begin"),
        PAGE.replace("{{WORKBENCH_WEB_CONFIGURATION}}", ""),
        PAGE.replace('<meta charset="utf-8" />', ""),
    ],
)
def test_a_page_of_another_shape_is_refused(page: str) -> None:
    with pytest.raises(EditorUnavailable, match="another start page"):
        with_additions(page, {})


def test_the_defaults_keep_promises() -> None:
    defaults = default_settings()
    assert defaults["telemetry.telemetryLevel"] == "off"
    assert defaults["workbench.startupEditor"] == "none"
    assert defaults["terminal.integrated.gpuAcceleration"] == "on"
    assert defaults["terminal.integrated.enablePersistentSessions"] is True
    assert defaults["files.autoSave"] == "afterDelay"
    watched = defaults["files.watcherExclude"]
    assert isinstance(watched, dict)
    for folder in ("node_modules", ".git/objects", "dist", "build", "target", ".venv", "venv"):
        assert watched[f"**/{folder}/**"] is True
    assert "chat.disableAIFeatures" not in defaults, "Chat stays"
