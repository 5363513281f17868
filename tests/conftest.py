"""One Spark session for all tests that need one, set for small data; tests that need none do not start it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from lakehouse import redaction

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tests.s3 import Server


_SINCE = pytest.StashKey[list[int]]()

# before the other is loaded, from which it would take over that no failure is kept to be tried first the next time
settings.register_profile(
    "fuzz",
    max_examples=10_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# the same examples on every machine, however slow it is; `make fuzz` looks for new ones
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)  # before `-m` picks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start Spark are marked so."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker("spark")


@pytest.fixture(autouse=True)
def _no_secrets_of_others() -> Iterator[None]:
    """What a test made secret is a word like others in the next one."""
    yield
    redaction.forget()


_MANY = 40
"""Tests after which Java is told what of its objects Python needs no more: it has no look at Java's memory itself."""


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    counted = item.session.stash.setdefault(_SINCE, [0])
    counted[0] += "spark" in getattr(item, "fixturenames", ())
    if counted[0] == _MANY:
        counted[0] = 0
        gc.collect()


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    from lakehouse.engine import session

    # lines of 60 MB are among what is read
    built = session.build(master="local[2]", conf={**session.SMALL, "spark.driver.memory": "4g"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(built), "createDataFrame", _through_arrow(type(built).createDataFrame))
        yield built
    built.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real S3 API server; each test makes buckets of its own."""
    from tests.s3 import running

    with running(tmp_path_factory.mktemp("s3")) as server:
        yield server


def _through_arrow(create: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
    """`createDataFrame` of a list with a given schema as an Arrow table: a local relation, which asks no Python worker.

    The hundreds of small frames of these tests cost a fifth of what they cost otherwise.
    """
    from pyspark.sql.conversion import LocalDataToArrowConversion
    from pyspark.sql.types import StructType

    def frame(self: SparkSession, data: Any, schema: Any = None, *args: Any, **options: Any) -> DataFrame:
        if isinstance(schema, str):
            schema = StructType.fromDDL(schema)
        if isinstance(data, list) and data and isinstance(schema, StructType):
            data = LocalDataToArrowConversion.convert(data, schema, False)
        return create(self, data, schema, *args, **options)

    return frame
