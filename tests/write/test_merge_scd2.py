"""SCD 2: histories from rows in order, one MERGE, nothing written where nothing changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.write import merge
from tests.write.conftest import Table, commits, touched

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

OPTIONS = merge.Merge(keys="k", sequence_by="seq", stored_as_scd_type=2)
STORED = merge.stored_columns({"k": "int", "v": "string"}, OPTIONS, "int")


def batch(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    return spark.createDataFrame(rows, "k int, v string, seq int")


def histories(table: Table) -> dict[Any, list[tuple[Any, ...]]]:
    """Key -> its versions by time: value, from, to, current, newest sequence seen."""
    found: dict[Any, list[tuple[Any, ...]]] = {}
    for k, *version in sorted(table.rows(), key=lambda r: (repr(r[0]), r[2])):
        found.setdefault(k, []).append(tuple(version))
    for versions in found.values():
        ends = [to for _, _, to, _, _ in versions]
        starts = [start for _, start, _, _, _ in versions]
        assert ends == [*starts[1:], None], "intervals touch, the last is open"
        assert [current for _, _, _, current, _ in versions] == [False] * (len(versions) - 1) + [True]
    return found


@pytest.fixture
def history(table: Callable[..., Table], spark: SparkSession) -> Callable[..., Table]:
    made = table(**STORED)

    def write(*rows: tuple[Any, ...]) -> Table:
        made.write(merge, batch(spark, list(rows)), OPTIONS)
        return made

    return write


def test_s69_columns_of_a_history() -> None:
    assert STORED == {
        "k": "int", "v": "string", "valid_from": "int", "valid_to": "int", "is_current": "boolean", "_sequence": "int",
    }  # fmt: skip


def test_s69_versions_one_commit_each_batch(history: Callable[..., Table]) -> None:
    table = history((1, "a", 1), (2, "x", 1))
    assert table.version == 1
    history((1, "b", 5), (3, None, 5))
    assert table.version == 2
    assert histories(table) == {
        1: [("a", 1, 5, False, 1), ("b", 5, None, True, 5)],
        2: [("x", 1, None, True, 1)],
        3: [(None, 5, None, True, 5)],
    }


def test_s69_several_versions_in_one_batch_equal_neighbours_are_one(history: Callable[..., Table]) -> None:
    history((1, "a", 1))
    table = history((1, "a", 2), (1, "b", 3), (1, "b", 4), (1, "a", 6), (1, None, 7), (1, "a", 9))
    assert histories(table)[1] == [
        ("a", 1, 3, False, 2),
        ("b", 3, 6, False, 4),
        ("a", 6, 7, False, 6),
        (None, 7, 9, False, 7),
        ("a", 9, None, True, 9),
    ]


def test_s66_equal_row_with_a_newer_sequence_moves_only_the_sequence(history: Callable[..., Table]) -> None:
    history((1, "a", 1), (2, "b", 1))
    table = history((1, "a", 4), (2, "b", 1))
    assert histories(table) == {1: [("a", 1, None, True, 4)], 2: [("b", 1, None, True, 1)]}
    metrics = commits(table.path)[-1]["commitInfo"][0]["operationMetrics"]
    assert (metrics["numTargetRowsUpdated"], metrics["numTargetRowsInserted"]) == ("1", "0")


def test_equal_rows_touch_no_file(history: Callable[..., Table]) -> None:
    rows = [(1, "a", 1), (1, "b", 2), (1, "a", 3), (2, None, 1), (None, "n", 1)]
    table = history(*rows)
    before = table.rows()
    history(*rows)
    assert table.rows() == before
    assert not touched(table.path)


def test_s61_null_keys_are_equal(history: Callable[..., Table]) -> None:
    history((None, "a", 1))
    table = history((None, "b", 2))
    assert histories(table)[None] == [("a", 1, 2, False, 1), ("b", 2, None, True, 2)]


def test_s64_at_a_tie_the_row_of_this_batch_corrects_the_current_version(history: Callable[..., Table]) -> None:
    history((1, "a", 1))
    history((1, "b", 5))
    table = history((1, "c", 5))
    assert histories(table)[1] == [("a", 1, 5, False, 1), ("c", 5, None, True, 5)]
    history((1, "a", 5))
    assert histories(table)[1] == [("a", 1, None, True, 5)], "equal neighbours are one version again"
    history((1, "z", 5))
    assert histories(table)[1] == [("a", 1, 5, False, 5), ("z", 5, None, True, 5)]


def test_s64_the_later_batch_and_file_win_within_the_input(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(**STORED)
    rows = [(1, "old", 3, 1, "z"), (1, "new", 3, 2, "a"), (2, "first", 3, 2, "a"), (2, "later", 3, 2, "b")]
    frame = spark.createDataFrame(rows, "k int, v string, seq int, _batch bigint, _source_file string")
    made.write(merge, frame, OPTIONS)
    assert made.rows("k", "v") == [(1, "new"), (2, "later")]


@pytest.mark.parametrize("late", [(1, "x", 3), (1, "x", 0), (1, "a", 7)])
def test_s65_a_late_row_fails_and_nothing_is_committed(history: Callable[..., Table], late: tuple[Any, ...]) -> None:
    history((1, "a", 1))
    history((1, "b", 5))
    table = history((1, "b", 9), (2, "q", 9))
    version, before = table.version, table.rows()
    with pytest.raises(Exception, match=r"late row: silver\.t keeps a history .*\"k\":1"):
        history(late, (2, "r", 10))
    assert (table.version, table.rows()) == (version, before)


def test_a_late_row_that_says_what_was_valid_then_writes_nothing(history: Callable[..., Table]) -> None:
    history((1, "a", 1))
    table = history((1, "b", 5))
    before = table.rows()
    history((1, "a", 3), (1, "b", 5))
    assert table.rows() == before
    assert not touched(table.path)


def test_a_new_column_is_a_change_where_it_has_a_value(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(**STORED)
    made.write(merge, batch(spark, [(1, "a", 1), (2, "b", 1)]), OPTIONS)
    wider = spark.createDataFrame([(1, "a", 2, "w"), (2, "b", 2, None)], "k int, v string, seq int, w string")
    columns = merge.stored_columns({"k": "int", "v": "string", "w": "string"}, OPTIONS, "int")
    made.write(merge, wider, OPTIONS, columns=columns)
    assert made.rows("k", "v", "w", "valid_from", "is_current") == [
        (1, "a", "w", 2, True),
        (1, "a", None, 1, False),
        (2, "b", None, 1, True),
    ]
    assert set(made.read().columns) == {*columns}, "hidden columns are not stored"


def test_struct_sequences_maps_and_variants(table: Callable[..., Table], spark: SparkSession) -> None:
    options = merge.Merge(keys=["k"], sequence_by=["day", "nr"], stored_as_scd_type=2)
    columns = merge.stored_columns(
        {"k": "int", "m": "map<string,int>", "j": "variant"}, options, "struct<day:date,nr:int>"
    )
    made = table(**columns)

    def write(rows: str) -> None:
        frame = spark.sql(
            f"select k, m, parse_json(j) as j, to_date(day) as day, nr from values {rows} as t(k, m, j, day, nr)"
        )
        made.write(merge, frame, options)

    write("(1, map('a', 1), '{\"x\": 1}', '2024-01-01', 2)")
    write("(1, map('a', 1), '{\"x\": 1}', '2024-01-01', 3), (1, map('a', 2), '{\"x\": 1}', '2024-01-02', 1)")
    assert [
        tuple(r) for r in made.read().selectExpr("valid_from.nr", "valid_to.nr", "_sequence.nr", "m['a']").collect()
    ] in (
        [(2, 1, 3, 1), (1, None, 1, 2)],
        [(1, None, 1, 2), (2, 1, 3, 1)],
    )


def model(events: list[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
    """The history that the rows of all batches together mean: last row at a sequence wins, neighbours fold."""
    found: dict[Any, list[tuple[Any, ...]]] = {}
    at_once = {(k, seq): v for k, v, seq in events}
    for (k, seq), v in sorted(at_once.items(), key=lambda item: item[0][1]):
        versions = found.setdefault(k, [])
        if not versions or versions[-1][0] != v:
            versions.append((v, seq))
    return found


@pytest.mark.parametrize(("deletion_vectors", "batches"), [("true", 4), ("false", 2)])
def test_any_cut_of_ordered_histories_gives_the_models_table(
    table: Callable[..., Table], spark: SparkSession, deletion_vectors: str, batches: int
) -> None:
    made = table({"delta.enableDeletionVectors": deletion_vectors}, **STORED)
    chance = random.Random(7)
    newest: dict[int, int] = {}
    seen: list[tuple[Any, ...]] = []
    for _ in range(batches):
        rows: dict[tuple[int, int], Any] = {}
        for _ in range(200):
            k = chance.randrange(80)
            seq = newest.get(k, 0) + chance.randrange(6)
            rows[k, seq] = chance.choice(["a", "b", None])
        coming = [(k, v, seq) for (k, seq), v in rows.items()]
        chance.shuffle(coming)
        for k, seq in rows:
            newest[k] = max(newest.get(k, 0), seq)
        seen += coming
        made.write(merge, batch(spark, coming), OPTIONS)
        found = {k: [version[:2] for version in versions] for k, versions in histories(made).items()}
        assert found == model(seen)
