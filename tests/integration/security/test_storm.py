"""Many requests at once, and a database that does not answer."""

from __future__ import annotations

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor

from tests.support.product import Answer, Product, wait_until


def test_a_storm_of_changes_to_few_names_is_survived(product: Product) -> None:
    names = ("storm-1", "storm-2", "storm-3")

    def one(number: int) -> Answer:
        chance = random.Random(number)
        name = chance.choice(names)
        method, path, body = chance.choice(
            [
                ("POST", "", {"name": name}),
                ("POST", "", {"name": name}),
                ("DELETE", f"/{name}?purge=true", None),
                ("POST", f"/{name}/start", None),
                ("POST", f"/{name}/stop", None),
                ("POST", f"/{name}/restart", None),
                ("GET", f"/{name}/events", None),
                ("GET", f"/{name}/ports", None),
            ]
        )
        return product.request(method, f"/api/v1/workspaces{path}", body)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(100)))
    assert {answer.status for answer in answers} <= {200, 201, 202, 204, 404, 409}
    assert any(answer.status == 201 for answer in answers)
    for name in names:
        product.request("DELETE", f"/api/v1/workspaces/{name}?purge=true")
        assert product.request("GET", f"/api/v1/workspaces/{name}").status == 404
    kept = {workspace["id"] for workspace in product.api("GET", "/workspaces")["items"]}

    def nothing_is_left() -> bool:
        return {folder.name for folder in (product.data_dir / "workspaces").iterdir()} <= kept

    wait_until(nothing_is_left, "the folders of deleted workspaces are gone")


def test_a_locked_database_is_said_and_survived(product: Product) -> None:
    database = sqlite3.connect(product.data_dir / "vibecode.db", isolation_level=None)
    try:
        database.execute("BEGIN EXCLUSIVE")
        refused = product.request("POST", "/api/v1/workspaces", {"name": "locked"})
        assert (refused.status, refused.json["code"]) == (503, "unavailable")
        assert product.request("GET", "/api/v1/workspaces").status == 200
        database.execute("ROLLBACK")
    finally:
        database.close()
    assert product.request("GET", "/api/v1/workspaces/locked").status == 404
    assert product.request("POST", "/api/v1/workspaces", {"name": "locked"}).status == 201
    assert product.request("DELETE", "/api/v1/workspaces/locked?purge=true").status == 204
