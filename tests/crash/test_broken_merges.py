"""Merges that are wrong in one thing each: the model notices every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from lakehouse.engine import remembering
from lakehouse.write import base
from lakehouse.write.merge import line, scd1, scd2
from lakehouse.write.merge.options import SEQUENCE
from lakehouse.write.merge.sequence import HIDDEN
from tests.crash import lakes
from tests.crash.merged import World

SEED = 71
"""Histories that are truncated in the first delivery, in the middle of their sequences, and not above it in the second."""
TABLES = ("latest", "floored", "history")


def _no_tombstones() -> AbstractContextManager[Any]:
    return patch.object(remembering, "known", lambda *args: None)


def _said_otherwise(one: str, other: str) -> AbstractContextManager[Any]:
    """MERGE statements with one thing said otherwise."""
    whole = SparkSession.sql

    def sql(self: SparkSession, text: str, *args: Any, **options: Any) -> DataFrame:
        if text.startswith("MERGE"):
            assert one in text, f"{one} is not in {text}"
            text = text.replace(one, other)
        return whole(self, text, *args, **options)

    return patch.object(SparkSession, "sql", sql)


@contextmanager
def _late_rows_overwrite() -> Iterator[None]:
    """They are left out before the MERGE, which would not take them either."""

    def unseen(source: DataFrame, *_: Any) -> DataFrame:
        nothing = F.lit(None).cast(source.schema[SEQUENCE].dataType)
        return source.withColumn(scd1.THERE, F.struct(nothing.alias("at")))

    sequences = _said_otherwise("(s._sequence >= t._sequence) THEN UPDATE", "(true) THEN UPDATE")
    with patch.object(scd1, "_beside_stored", unseen), sequences:
        yield


def _higher_floor() -> AbstractContextManager[Any]:
    whole = scd1.upserts_and_deletes

    def above(frame: DataFrame, floor: str | None) -> DataFrame:
        rows = whole(frame, floor)
        return rows if floor is None else rows.where(f"{HIDDEN} > {floor}")

    return patch.object(scd1, "upserts_and_deletes", above)


def _no_splicing() -> AbstractContextManager[Any]:
    """Rows that are older than the newest stored version of their key are passed over."""
    whole = scd2._line

    def only_in_order(coming: DataFrame, came: Any, target: Any, columns: Any, memory: Any) -> DataFrame:
        newest = F.max(F.when(F.col(line.RANK) == line.STORED, F.col(line.AT)))
        newest = newest.over(Window.partitionBy(*columns.keys))
        rows = whole(coming, came, target, columns, memory).withColumn("__newest_stored", newest)
        late = (F.col(line.RANK) == line.COMES) & (F.col(line.AT) < F.col("__newest_stored"))
        return rows.where(~F.coalesce(late, F.lit(False))).drop("__newest_stored")

    return patch.object(scd2, "_line", only_in_order)


BROKEN: Mapping[str, tuple[Callable[[], AbstractContextManager[Any]], tuple[str, ...]]] = {
    "nothing": (nullcontext, ()),
    "no tombstones": (_no_tombstones, TABLES),
    "ties by content only": (lambda: patch.object(base, "ARRIVAL", ()), TABLES),
    "a row of a stored sequence changes nothing": (
        lambda: _said_otherwise("s._sequence = t._sequence AND", "false AND"),
        ("latest",),
    ),
    "a delete of a stored sequence deletes nothing": (
        lambda: _said_otherwise("s._sequence >= t._sequence THEN DELETE", "s._sequence > t._sequence THEN DELETE"),
        ("latest",),
    ),
    "late rows overwrite": (_late_rows_overwrite, ("latest",)),
    "a truncate takes rows of its own sequence": (_higher_floor, ("floored",)),
    "no splicing": (_no_splicing, ("history",)),
}
"""What is wrong -> how it comes about, and the tables that show it."""


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("broken"), spark, TABLES, keys=100, seed=SEED)


@pytest.mark.parametrize("what", BROKEN)
def test_every_broken_merge_is_noticed(world: World, tmp_path: Path, what: str) -> None:
    lake = lakes.copy(world.base, tmp_path / "lake")
    broken, shown_by = BROKEN[what]
    world.run(lake, " ".join(f"silver.{table}" for table in shown_by or TABLES), broken())
    assert [table for table in shown_by or TABLES if world.wrong(lake, table)] == list(shown_by)
