"""What rules about the table are told a merge would leave is what the merge then leaves (S50, S51, S64, S70)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.lake import increment
from lakehouse.quality.after import ADDS, OUT, STAYS
from lakehouse.write import merge
from tests.write.conftest import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# keys are not first, and what is not tracked stands between what is: the order of columns must not count
COLUMNS = {"v": "int", "w": "string", "k": "int", "at": "timestamp"}
GIVEN = "v int, w string, k int, at timestamp, s int, op string"
OPTIONS = {
    "latest": merge.Merge(keys="k", sequence_by="s"),
    "deleted": merge.Merge(keys="k", sequence_by="s", apply_as_deletes="op = 'D'", apply_as_truncates="op = 'T'"),
    "filled": merge.Merge(keys="k", sequence_by="s", apply_as_deletes="op = 'D'", ignore_null_updates=True),
    "history": merge.Merge(
        keys="k",
        sequence_by="s",
        stored_as_scd_type=2,
        apply_as_deletes="op = 'D'",
        track_history_except_column_list="w",
        ignore_null_updates_column_list="v",
    ),
}


def batch(spark: SparkSession, dice: random.Random, rows: int) -> DataFrame:
    """Rows of few keys and sequences, so that they meet, in one file: only their content decides between some."""
    made = []
    for _ in range(rows):
        v, w, k = dice.choice(["NULL", *"12345"]), dice.choice(["NULL", "'a'", "'b'"]), dice.choice("123456")
        at = f"timestamp'2024-01-01 00:00:00.00000{dice.choice('12')}Z'"
        op = dice.choice(["U"] * 6 + ["D"] * 2 + ["T"])
        made.append(f"({v}, {w}, {k}, {at}, {dice.randint(1, 9)}, '{op}')")
    names = ", ".join(column.split()[0] for column in GIVEN.split(", "))
    return spark.sql(f"SELECT * FROM VALUES {', '.join(made)} AS t({names})")


def content(frame: DataFrame) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row) for row in frame.select(*COLUMNS).collect())


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("seed", [1, 2])
def test_s50_s51_what_a_merge_leaves_is_foretold(
    table: Callable[..., Table], spark: SparkSession, how: str, seed: int
) -> None:
    from pyspark.sql import functions as F

    dice, options = random.Random(seed), OPTIONS[how]
    made = table(**merge.stored_columns(COLUMNS, options, "int"))
    current = "is_current" if how == "history" else "true"
    for size in (6, 14, 14):
        frame = batch(spark, dice, size)
        there = increment.pinned(spark, made.path, made.version).persist()
        known = made.tombstones() if merge.remembers(options) else None
        after = merge.after(frame.withColumn(OUT, F.lit(False)), there, made.target(), options, known)
        rows, rest = after.rows.where(STAYS), after.rest
        assert rest is not None
        foretold = content(rows) + content(rest)
        more = after.rows.where(ADDS).count()
        made.write(merge, frame, options)
        now = increment.pinned(spark, made.path, made.version).where(current)
        assert content(now) == foretold
        if not after.removes:
            assert now.count() == there.count() + more
        there.unpersist()
