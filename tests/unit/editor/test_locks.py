from __future__ import annotations

import json
import re

import pytest

from vibecode.domain.errors import EditorUnavailable
from vibecode.editor import locks


def test_the_newest_version_is_taken_by_default() -> None:
    known = locks.pinned()
    assert known == sorted(known, key=locks.version_key, reverse=True)
    assert len(known) >= 2, "an update needs two versions to be tried"
    assert locks.find(None).version == known[0]


def test_versions_are_ordered_as_numbers() -> None:
    assert sorted(["4.9.1", "4.10.0", "4.9.10"], key=locks.version_key) == ["4.9.1", "4.9.10", "4.10.0"]


def test_an_unknown_version_is_answered_with_the_known_ones() -> None:
    with pytest.raises(EditorUnavailable) as refused:
        locks.find("1.2.3")
    assert all(version in refused.value.detail for version in locks.pinned())


@pytest.mark.parametrize("version", locks.pinned())
def test_a_lockfile_pins_everything_and_names_no_registry(version: str) -> None:
    text = (locks.LOCKS / version / "package-lock.json").read_text(encoding="utf-8")
    lock = json.loads(text)
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages["node_modules/code-server"]["version"] == version
    assert lock["packages"][""]["dependencies"] == {"code-server": version}
    unpinned = [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")]
    assert unpinned == []
    assert not re.search(r'"resolved"|registry\.|/-/', text)
    pin = locks.find(version)
    assert pin.disk_bytes > pin.download_bytes > 100_000_000
