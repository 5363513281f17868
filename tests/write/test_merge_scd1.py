"""SCD 1: the newest row of every key, and no write where nothing changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.write import merge
from tests.write.conftest import Table, commits, touched

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

OPTIONS = merge.Merge(keys="k", sequence_by="seq")
STORED = merge.stored_columns({"k": "int", "v": "string"}, OPTIONS, "int")


def batch(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    return spark.createDataFrame(rows, "k int, v string, seq int")


@pytest.fixture
def newest(table: Callable[..., Table], spark: SparkSession) -> Callable[..., Table]:
    made = table(**STORED)

    def write(*rows: tuple[Any, ...]) -> Table:
        made.write(merge, batch(spark, list(rows)), OPTIONS)
        return made

    return write


def test_sequence_is_the_last_column() -> None:
    assert list(STORED) == ["k", "v", "_sequence"]


def test_several_rows_of_a_key_in_a_batch_one_commit(newest: Callable[..., Table]) -> None:
    table = newest((1, "a", 1), (1, "c", 3), (1, "b", 2), (2, "x", 1))
    assert table.rows() == [(1, "c", 3), (2, "x", 1)]
    assert table.version == 1


def test_s61_null_keys_are_equal(newest: Callable[..., Table]) -> None:
    newest((None, "a", 1))
    assert newest((None, "b", 2)).rows() == [(None, "b", 2)]


def test_s64_ties_batch_then_file_then_content(table: Callable[..., Table], spark: SparkSession) -> None:
    rows = [
        (1, "old", 3, 1, "2024-01-09", "z"), (1, "new", 3, 2, "2024-01-01", "a"),
        (2, "x", 3, 2, "2024-01-01", "z"), (2, "y", 3, 2, "2024-01-02", "a"),
        (3, "x", 3, 2, "2024-01-01", "a"), (3, "y", 3, 2, "2024-01-01", "b"),
    ]  # fmt: skip
    for turn in (rows, rows[::-1]):
        made = table(**STORED)
        types = "k int, v string, seq int, _batch bigint, _source_modified string, _source_file string"
        made.write(merge, spark.createDataFrame(turn, types), OPTIONS)
        assert made.rows("k", "v") == [(1, "new"), (2, "y"), (3, "y")]


def test_s64_the_last_tie_does_not_depend_on_the_order_of_rows(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    # the pair that a hash which passes over NULLs cannot tell apart
    rows = [(1, "a", None, 1), (1, None, "a", 1)]
    columns = merge.stored_columns({"k": "int", "v": "string", "w": "string"}, OPTIONS, "int")
    found = []
    for turn in (rows, rows[::-1]):
        made = table(**columns)
        frame = spark.createDataFrame(turn, "k int, v string, w string, seq int").coalesce(1)
        made.write(merge, frame, OPTIONS)
        found.append(made.rows())
    assert found[0] == found[1]


def test_s64_the_row_of_this_batch_wins_over_the_stored_one_at_a_tie(newest: Callable[..., Table]) -> None:
    newest((1, "z", 1))
    assert newest((1, "a", 1)).rows() == [(1, "a", 1)]


def test_s65_an_older_row_is_ignored(newest: Callable[..., Table]) -> None:
    newest((1, "b", 2))
    table = newest((1, "a", 1))
    assert table.rows() == [(1, "b", 2)]
    assert not touched(table.path)


def test_s66_equal_row_newer_sequence_moves_the_sequence_else_nothing(newest: Callable[..., Table]) -> None:
    newest((1, "a", 1), (2, None, 1))
    table = newest((1, "a", 2), (2, None, 1))
    assert table.rows() == [(1, "a", 2), (2, None, 1)]
    assert commits(table.path)[-1]["commitInfo"][0]["operationMetrics"]["numTargetRowsUpdated"] == "1"
    newest((1, "a", 2), (2, None, 1))
    assert not touched(table.path)


def test_a_column_that_the_table_lacks_is_added_by_the_merge(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(**STORED)
    made.write(merge, batch(spark, [(1, "a", 1), (2, "b", 1)]), OPTIONS)
    columns = merge.stored_columns({"k": "int", "v": "string", "w": "string"}, OPTIONS, "int")
    frame = spark.createDataFrame(
        [(1, "a", "w", 1), (2, "b", None, 1), (3, "c", "w", 1)], "k int, v string, w string, seq int"
    )
    made.write(merge, frame, OPTIONS, columns=columns)
    assert made.version == 2
    assert made.rows("k", "v", "w", "_sequence") == [(1, "a", "w", 1), (2, "b", None, 1), (3, "c", "w", 1)]
    assert set(made.read().columns) == set(columns)


def test_a_column_that_is_no_longer_written_keeps_its_values(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(k="int", v="string", old="string", _sequence="int")
    first = spark.createDataFrame([(1, "a", "o", 1)], "k int, v string, old string, seq int")
    made.write(merge, first, OPTIONS)
    made.write(merge, batch(spark, [(1, "b", 2), (2, "c", 2)]), OPTIONS)
    assert made.rows() == [(1, "b", "o", 2), (2, "c", None, 2)]


def test_names_that_need_quotes(table: Callable[..., Table], spark: SparkSession) -> None:
    options = merge.Merge(keys="the key", sequence_by="`order`")
    made = table(
        {"delta.columnMapping.mode": "name"}, **{"the key": "int", "a`b": "string", "order": "int", "_sequence": "int"}
    )
    frame = spark.createDataFrame([(1, "a", 1)], "`the key` int, `a``b` string, `order` int")
    made.write(merge, frame, options)
    made.write(merge, frame, options)
    assert made.rows() == [(1, "a", 1, 1)]


@pytest.mark.parametrize(("deletion_vectors", "batches"), [("true", 4), ("false", 2)])
def test_any_order_of_batches_gives_the_newest_rows(
    table: Callable[..., Table], spark: SparkSession, deletion_vectors: str, batches: int
) -> None:
    made = table({"delta.enableDeletionVectors": deletion_vectors}, **STORED)
    chance = random.Random(3)
    expected: dict[int | None, tuple[Any, ...]] = {}
    for _ in range(batches):
        rows = {(chance.choice([*range(60), None]), chance.randrange(40)): chance.choice("abc") for _ in range(150)}
        made.write(merge, batch(spark, [(k, v, seq) for (k, seq), v in rows.items()]), OPTIONS)
        for (k, seq), v in rows.items():
            if k not in expected or seq >= expected[k][2]:
                expected[k] = (k, v, seq)
        assert made.rows() == sorted(expected.values(), key=repr)
