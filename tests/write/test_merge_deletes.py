"""SCD 1: deletes, truncates and NULLs that do not overwrite, in any order, against a model of a few lines."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.quality.checks import Checks
from lakehouse.write import merge
from lakehouse.write.base import Counts
from tests.write.conftest import Table, touched

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CDC = merge.Merge(keys="k", sequence_by="seq", apply_as_deletes="op = 'D'", apply_as_truncates="op = 'T'")
FILLING = CDC.model_copy(update={"ignore_null_updates": True})
STORED = merge.stored_columns({"k": "int", "v": "string", "w": "string"}, CDC, "int")
Row = tuple[Any, ...]


def batch(spark: SparkSession, rows: list[Row]) -> DataFrame:
    """Rows of key, v, w, sequence, operation."""
    return spark.createDataFrame(rows, "k int, v string, w string, seq int, op string")


class Merged:
    """A table to which batches are merged one by one."""

    def __init__(self, table: Table, options: merge.Merge) -> None:
        self.table, self.options = table, options

    def __call__(self, *rows: Row) -> Counts:
        counts = self.table.write(merge, batch(self.table.spark, list(rows)), self.options)
        assert counts.total == len(rows), counts
        return counts

    @property
    def rows(self) -> list[Row]:
        return self.table.rows()

    @property
    def tombstones(self) -> list[Row]:
        found = self.table.tombstones()
        return [] if found is None else sorted((tuple(r) for r in found.drop("_batch").collect()), key=repr)


@pytest.fixture
def merged(table: Callable[..., Table]) -> Merged:
    return Merged(table(**STORED), CDC)


def test_s67_a_late_row_does_not_bring_a_deleted_key_back(merged: Merged) -> None:
    merged((1, "a", "x", 1, "I"), (2, "b", "x", 1, "I"))
    assert merged((1, None, None, 5, "D"), (3, None, None, 7, "D")) == Counts(0, deleted=2)
    assert merged.rows == [(2, "b", "x", 1)]
    assert merged.tombstones == [(1, 5, "delete"), (3, 7, "delete")], "also of a key that is not stored"
    assert merged((1, "late", "x", 4, "U"), (3, "late", "x", 6, "I")) == Counts(0, late=2)
    assert not touched(merged.table.path)
    assert merged((1, "new", "x", 5, "I"), (3, None, None, 7, "D")) == Counts(1, deleted=1), "a tie goes to what comes"
    assert merged.rows == [(1, "new", "x", 5), (2, "b", "x", 1)]
    assert len(merged.tombstones) == 2
    assert merged((1, None, None, 5, "D")) == Counts(0, deleted=1), "also when that delete is remembered already"
    assert merged.rows == [(2, "b", "x", 1)]
    assert len(merged.tombstones) == 2


def test_s67_a_late_delete_deletes_nothing(merged: Merged) -> None:
    merged((1, "a", "x", 5, "I"))
    assert merged((1, None, None, 4, "D")) == Counts(0, late=1)
    assert merged((1, None, None, 5, "D")) == Counts(0, deleted=1), "at a tie the row of this batch counts"
    assert merged.rows == []


def test_s64_a_delete_in_the_middle_of_a_batch_and_at_a_tie(merged: Merged) -> None:
    counts = merged(
        (1, "a", "x", 1, "I"), (1, None, None, 2, "D"), (1, "b", None, 3, "I"),
        (2, "z", "x", 4, "I"), (2, None, None, 4, "D"), (None, "n", "x", 1, "I"),
    )  # fmt: skip
    assert counts == Counts(2, superseded=3, deleted=1)
    assert merged.rows == [(1, "b", None, 3), (None, "n", "x", 1)]
    assert merged((None, None, None, 2, "D")).deleted == 1
    assert merged((None, "late", "x", 1, "U")).late == 1
    assert merged.rows == [(1, "b", None, 3)]


def test_s68_a_truncate_is_a_floor_for_what_comes_late(merged: Merged) -> None:
    merged((1, "a", "x", 1, "I"), (2, "b", "x", 9, "I"), (3, "c", "x", 5, "I"))
    counts = merged((None, None, None, 5, "T"), (4, "d", "x", 4, "I"), (5, "e", "x", 6, "I"))
    assert counts == Counts(1, superseded=1, deleted=1)
    assert merged.rows == [(2, "b", "x", 9), (3, "c", "x", 5), (5, "e", "x", 6)]
    assert merged.tombstones == [(None, 5, "truncate")]
    assert merged((7, "late", "x", 4, "I"), (None, None, None, 3, "T"), (8, "h", "x", 5, "I")) == Counts(1, late=2)
    assert merged((None, None, None, 5, "T")) == Counts(0, equal=1)
    assert len(merged.rows) == 4
    assert len(merged.tombstones) == 1


def test_s68_the_first_rows_of_a_table_are_deleted_and_truncated_too(merged: Merged) -> None:
    counts = merged((1, "a", "x", 1, "I"), (None, None, None, 2, "T"), (2, None, None, 3, "D"), (3, "c", "x", 2, "I"))
    assert counts == Counts(1, superseded=1, deleted=2)
    assert merged.rows == [(3, "c", "x", 2)]
    assert merged((2, "late", "x", 2, "I"), (1, "late", "x", 1, "I")).late == 2


def test_s61_truncates_need_no_key_and_deletes_no_more_than_it(spark: SparkSession) -> None:
    checks = Checks()
    checks_of = batch(spark, [(None, None, None, 1, "T"), (None, None, None, 1, "D"), (1, None, None, 1, "D")])
    checks_of = checks.add(
        checks_of, name="schema.v", column="v", violated=checks_of["v"].isNull(), value=None, message="", action="fail"
    )
    frame = merge.controls(checks_of, CDC, checks)
    found = [[check.name for check in checks.all if row[check.broken]] for row in frame.collect()]
    assert found == [[], ["merge.keys"], []]


def test_s70_a_null_leaves_the_value_before_it(table: Callable[..., Table]) -> None:
    merged = Merged(table(**STORED), FILLING)
    merged((1, "a", None, 1, "I"), (1, None, "x", 2, "U"), (2, "b", "y", 1, "I"))
    assert merged.rows == [(1, "a", "x", 2), (2, "b", "y", 1)]
    assert merged((1, None, None, 2, "U")) == Counts(0, equal=1)
    merged((1, None, "z", 3, "U"), (2, "late", None, 0, "U"))
    assert merged.rows == [(1, "a", "z", 3), (2, "b", "y", 1)]
    merged((1, "late", None, 2, "U"), (1, None, "t", 4, "U"))
    assert merged.rows[0] == (1, "a", "t", 4), "a late row fills nothing"
    merged((1, None, None, 5, "D"), (1, None, "new", 6, "I"))
    assert merged.rows[0] == (1, None, "new", 6), "nothing stays of a key that was deleted"
    merged((2, None, None, 2, "U"), (None, None, None, 2, "T"))
    assert (2, None, None, 2) in merged.rows, "nor of one that was truncated"


def model(batches: list[list[Row]]) -> list[Row]:
    """What is left: of each key the newest row, unless it deletes or lies below the newest truncate."""
    newest: dict[Any, tuple[Any, ...]] = {}
    floor = 0
    for number, rows in enumerate(batches):
        floor = max([floor, *(seq for *_, seq, op in rows if op == "T")])
        for key, v, w, seq, op in rows:
            if op != "T":
                # within a batch a delete wins a tie; of equal upserts there is one here
                rank = (seq, number, op == "D")
                newest[key] = max(newest.get(key, ((-1, -1, False),)), (rank, v, w, seq, op), key=lambda x: x[0])
    found = [(key, v, w, seq) for key, (_, v, w, seq, op) in newest.items() if op != "D" and seq >= floor]
    return sorted(found, key=repr)


@pytest.mark.parametrize("seed", [1, 2])
def test_s67_s68_any_order_of_batches_gives_what_a_model_says(table: Callable[..., Table], seed: int) -> None:
    merged, chance = Merged(table(**STORED), CDC), random.Random(seed)
    batches: list[list[Row]] = []
    for number in range(4):
        rows: dict[tuple[Any, int, bool], Row] = {}
        for _ in range(60):
            key, seq = chance.choice([*range(20), None]), chance.randrange(40)
            op = chance.choices("UDT", [70, 30, number == 2])[0]
            if op == "T":
                seq = chance.randrange(15)
            values = (None, None) if op == "D" else (chance.choice("ab"), chance.choice(["x", None]))
            rows[(key, seq, op == "D")] = (key, *values, seq, op)
        batches.append(list(rows.values()))
        merged(*batches[-1])
        assert merged.rows == model(batches), f"after batch {number}"
