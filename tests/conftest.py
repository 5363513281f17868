"""One Spark session for all tests that need one, set for small data; tests that need none do not start it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


# the same examples on every machine, however slow it is; `make fuzz` looks for new ones
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")
settings.register_profile(
    "fuzz",
    max_examples=10_000,
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.hookimpl(tryfirst=True)  # before `-m` picks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start Spark are marked so."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker("spark")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    from lakehouse.engine import session

    built = session.build(master="local[2]", conf=session.SMALL)
    yield built
    built.stop()
