"""What the build gives to browsers, and that its types are those of the server."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.e2e.dashboard.mock import BUILT, ROOT
from tests.support.require import require

BUDGET = 200 * 1024
"""Bytes of JavaScript, compressed, of all pages together."""


@pytest.fixture
def built() -> Path:
    if not (BUILT / "index.html").exists():
        require("dashboard", "it is not built (npm ci && npm run build in dashboard)")
    return BUILT


def test_the_page_has_nothing_that_a_strict_policy_forbids(built: Path) -> None:
    page = (built / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=", page) == []
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links
    # All below /assets, with a hash in the name: the server lets browsers keep those for ever.
    assert [link for link in links if not re.fullmatch(r"/assets/[\w-]+-[\w-]{8}\.\w+", link)] == []


def test_it_is_small(built: Path) -> None:
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in (built / "assets").glob("*.js")}
    assert sizes
    assert sum(sizes.values()) < BUDGET, sizes


def test_the_lockfile_names_no_host() -> None:
    assert '"resolved"' not in (ROOT / "dashboard/package-lock.json").read_text(encoding="utf-8")
