from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cluster import ClusterProduct, running_cluster
from tests.support.product import running_product
from tests.support.product_api import ProductApi
from tests.support.sharing import uses_platform

FIRST_USE = 1800
"""Seconds for a test that may be the first to need the cluster: it builds the images and makes it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if uses_platform(item.nodeid) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(FIRST_USE))


# Not of the session: the cluster would cost a third of a core until the last test of all.
@pytest.fixture(scope="package")
def cluster() -> Iterator[ClusterProduct]:
    """The product on a real cluster, the same for all tests."""
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="module", params=["local"])
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductApi]:
    """The product; a module that is to run on a cluster too says so by ``pytest.mark.parametrize``."""
    if request.param == "kubernetes":
        cluster: ClusterProduct = request.getfixturevalue("cluster")
        cluster.remove_all()
        yield cluster
        return
    with running_product(tmp_path_factory.mktemp("product")) as running:
        yield running
