"""Links and images lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs.pages import PAGES, ROOT, read, shown, unfenced


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as hosting platforms make them."""
    found = set()
    text = unfenced(page)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_and_images_lead_somewhere(page: Path) -> None:
    # Links may have code in their text, so only fenced blocks are left out.
    text = unfenced(page)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_file(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name} links to {target}"


def test_every_page_is_reachable_from_the_index() -> None:
    index = read("docs/index.md")
    for page in ROOT.glob("docs/*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index


def test_screenshots_are_small_pngs() -> None:
    images = list((ROOT / "docs/images").iterdir())
    assert images
    for image in images:
        assert image.read_bytes().startswith(b"\x89PNG")
        assert image.stat().st_size < 200_000


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_pages_name_no_place_of_one_machine(page: Path) -> None:
    assert not re.search(r"/work/|/root/|/tmp/(?!vibecode-dev)", page.read_text(encoding="utf-8"))
