"""Numbers that tests note for whoever reads the results; nothing depends on them."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parents[3] / "test-results" / "kubernetes.json"


def note(name: str, value: float) -> None:
    """Note a number under a name that tells its unit."""
    RESULTS.parent.mkdir(exist_ok=True)
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(before | {name: round(value, 2)}, indent=2, sort_keys=True) + "\n")
