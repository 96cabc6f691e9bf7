from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from vibecode.domain.workspace import Phase
from vibecode.web.pages import ASSET_PREFIX, TAB_SCRIPT, Page, content_security_policy, load_asset, render

HOSTILE = """</main><script>alert(1)</script><img src=x onerror='alert(2)' "&amp;{{ 7*7 }}"""

CONTEXTS: dict[Page, dict[str, Any]] = {
    "waking": {"name": "alice", "phase": "starting", "reason": "", "dashboard_url": "http://vibecode.localhost:8000"},
    "not-found": {"name": "alice", "dashboard_url": "http://vibecode.localhost:8000"},
    "signed-out": {"name": "alice", "sign_in_url": "http://vibecode.localhost:8000/sign-in"},
    "port": {"name": "alice", "port": 3000, "workspace_url": "http://alice.vibecode.localhost:8000"},
    "unavailable": {
        "name": "alice",
        "reason": "it is starting",
        "dashboard_url": "http://vibecode.localhost:8000",
        "retry_after": 5,
    },
}


class Document(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_page_has_an_example_here() -> None:
    assert set(CONTEXTS) == set(get_args(Page))


@pytest.mark.parametrize("page", get_args(Page))
def test_hostile_values_stay_text(page: Page) -> None:
    harmless = Document(render(page, **CONTEXTS[page]))
    hostile_context = {
        key: HOSTILE if key in ("name", "reason", "process") else value for key, value in CONTEXTS[page].items()
    }
    if page == "waking":
        hostile_context |= {"phase": "failed", "log": [HOSTILE]}
        harmless = Document(render(page, **CONTEXTS[page] | {"phase": "failed", "log": ["x"]}))
    hostile = Document(render(page, **hostile_context))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert HOSTILE[:40] in hostile.text
    assert "49" not in hostile.text


@given(reason=st.text(), line=st.text())
def test_no_reason_or_log_line_makes_markup(reason: str, line: str) -> None:
    context = {"name": "alice", "phase": "failed", "dashboard_url": "/"}
    tags = Document(render("waking", **context, reason=reason, log=[line])).tags
    assert tags == Document(render("waking", **context, reason="", log=["x"])).tags


@pytest.mark.parametrize("page", get_args(Page))
def test_a_page_runs_nothing_that_the_policy_forbids(page: Page) -> None:
    for tag, attributes in Document(render(page, **CONTEXTS[page])).tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script":
            assert attributes["src"]
    assert "'unsafe" not in content_security_policy()


@pytest.mark.parametrize("page", get_args(Page))
def test_the_assets_that_a_page_names_exist_and_carry_the_hash_of_their_content(page: Page) -> None:
    named = re.findall(rf'"{re.escape(ASSET_PREFIX)}([^"?]+)\?v=([0-9a-f]+)"', render(page, **CONTEXTS[page]))
    assert "pages.css" in {name for name, _ in named}
    for name, version in named:
        asset = load_asset(name)
        assert asset is not None
        assert asset.digest == version
        assert "immutable" in asset.cache_control(version)
        assert asset.cache_control(None) == asset.cache_control("old") == "no-cache"


@pytest.mark.parametrize("phase", list(Phase))
def test_the_waking_page_has_words_for_each_phase_and_reloads_itself_while_it_may_change(phase: Phase) -> None:
    html = render("waking", name="alice", phase=phase, reason=f"{phase}: git is missing", dashboard_url="/")
    document = Document(html)
    assert "alice" in document.text
    over = phase in (Phase.STOPPED, Phase.FAILED)
    assert ("Git is missing." in document.text) is over
    assert ("http-equiv" in html) is not over


def test_a_page_does_not_leave_out_a_value_in_silence() -> None:
    with pytest.raises(UndefinedError):
        render("signed-out", name="alice")


@pytest.mark.parametrize("name", ["../__init__.py", "..%2f__init__.py", "/etc/passwd", "", ".", "templates", "nope.js"])
def test_only_assets_are_served(name: str) -> None:
    assert load_asset(name) is None


def test_the_tab_script_is_small() -> None:
    asset = load_asset(TAB_SCRIPT)
    assert asset is not None
    assert len(asset.content) < 6000


def test_scripts_load_only_scripts_that_exist() -> None:
    folder = Path(__file__).parents[3] / "src/vibecode/web/pages/assets"
    imported = {
        Path(name).name
        for script in folder.glob("*.js")
        for name in re.findall(r"""(?:from |import\()"([^"]+)\"""", script.read_text(encoding="utf-8"))
    }
    assert imported == {"live.js", "overlay.js"}
    assert all(load_asset(name) for name in imported)
