"""Writes dashboard/openapi.json anew from the server's code; `npm run generate` makes the types from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from vibecode.web.app import create_main_app
from vibecode.web.dependencies import Services

FILE = Path(__file__).parent.parent / "openapi.json"


def document() -> dict[str, Any]:
    """Return the document; without the version, which changes with each release and would make it stale."""
    # The routes are only described, never called, so there are no services behind them.
    answer = create_main_app(cast(Services, None)).openapi()
    answer["info"]["version"] = "1"
    schemas: dict[str, Any] = answer["components"]["schemas"]
    answer["paths"] = _with_problem_by_name(answer["paths"], schemas)
    return answer


def _with_problem_by_name(value: Any, schemas: dict[str, Any]) -> Any:
    """Replace each copy of the Problem schema by its name: every route repeats it several times."""
    if isinstance(value, dict):
        if value.get("title") == "Problem" and value.get("type") == "object":
            schemas.setdefault("Problem", value)
            return {"$ref": "#/components/schemas/Problem"}
        return {key: _with_problem_by_name(item, schemas) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_problem_by_name(item, schemas) for item in value]
    return value


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
