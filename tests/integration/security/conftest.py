from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.security.people import Person, arrive
from tests.support.product import Product, running_product


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("product")) as running:
        yield running


@pytest.fixture(scope="package")
def alice(product: Product) -> Person:
    return arrive(product, "alice")


@pytest.fixture(scope="package")
def mallory(product: Product) -> Person:
    return arrive(product, "mallory")
