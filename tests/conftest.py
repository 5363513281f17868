"""One Spark session for all tests that need one, set for small data; tests that need none do not start it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    from lakehouse.engine import session

    built = session.build(master="local[2]", conf=session.SMALL)
    yield built
    built.stop()
