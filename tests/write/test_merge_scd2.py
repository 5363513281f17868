"""SCD 2: histories, one MERGE, nothing written where nothing changed."""

from __future__ import annotations

import random
import shutil
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


def histories(table: Table, *, gaps: bool = False) -> dict[Any, list[tuple[Any, ...]]]:
    """Key -> its versions by time: value, from, to, current, newest sequence seen."""
    found: dict[Any, list[tuple[Any, ...]]] = {}
    for k, *version in sorted(table.rows(), key=lambda r: (repr(r[0]), r[2])):
        found.setdefault(k, []).append(tuple(version))
    for versions in found.values():
        ends = [to for _, _, to, _, _ in versions]
        starts = [start for _, start, _, _, _ in versions]
        assert gaps or ends == [*starts[1:], None], "intervals touch, the last is open"
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
    assert histories(table)[1] == [("a", 1, 5, False, 1), ("z", 5, None, True, 5)]


def test_s64_the_later_batch_and_file_win_within_the_input(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(**STORED)
    rows = [(1, "old", 3, 1, "z"), (1, "new", 3, 2, "a"), (2, "first", 3, 2, "a"), (2, "later", 3, 2, "b")]
    frame = spark.createDataFrame(rows, "k int, v string, seq int, _batch bigint, _source_file string")
    made.write(merge, frame, OPTIONS)
    assert made.rows("k", "v") == [(1, "new"), (2, "later")]


def counted(table: Table) -> dict[str, int]:
    """What became of the rows of the last write; only what is not 0."""
    return {name: count for name, count in vars(table.counts).items() if count}


def remembered(table: Table) -> list[tuple[Any, ...]]:
    """All tombstones: key, sequence, kind, what is not tracked, `_batch`."""
    found = table.tombstones()
    return [] if found is None else sorted((tuple(row) for row in found.collect()), key=repr)


def test_s65_a_late_row_is_spliced_into_the_history(history: Callable[..., Table]) -> None:
    history((1, "a", 1), (1, "b", 5), (2, "q", 5))
    table = history((1, "c", 3), (2, "p", 0), (2, "r", 9))
    assert histories(table) == {
        1: [("a", 1, 3, False, 1), ("c", 3, 5, False, 3), ("b", 5, None, True, 5)],
        2: [("p", 0, 5, False, 0), ("q", 5, 9, False, 5), ("r", 9, None, True, 9)],
    }
    assert counted(table) == {"late": 2, "written": 1}
    history((1, "b", 3))
    assert histories(table)[1] == [("a", 1, 3, False, 1), ("b", 3, None, True, 5)], "a correction, years later"
    assert counted(table) == {"late": 1}


def test_s67_a_row_that_said_nothing_new_counts_when_one_comes_before_it(history: Callable[..., Table]) -> None:
    history((1, "a", 1))
    table = history((1, "a", 5), (1, "a", 7))
    assert histories(table)[1] == [("a", 1, None, True, 7)]
    assert counted(table) == {"equal": 2}
    assert remembered(table) == [(1, 5, "same", 2), (1, 7, "same", 2)]
    history((1, "b", 3))
    assert histories(table)[1] == [("a", 1, 3, False, 1), ("b", 3, 5, False, 3), ("a", 5, None, True, 7)]
    history((1, "a", 3))
    assert histories(table)[1] == [("a", 1, None, True, 7)], "splicing may make neighbours equal"
    assert remembered(table) == [(1, 3, "same", 4), (1, 5, "same", 2), (1, 7, "same", 2)]


def test_s69_deletes_close_a_version_and_what_comes_back_leaves_a_gap(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    made = table(**STORED)

    def write(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        frame = spark.createDataFrame(list(rows), "k int, v string, seq int, __delete boolean")
        made.write(merge, frame, OPTIONS)
        return made.rows("v", "valid_from", "valid_to", "is_current", "_sequence")

    assert write((1, "a", 1, False), (1, None, 4, True)) == [("a", 1, 4, False, 1)]
    assert counted(made) == {"written": 1, "deleted": 1}
    gap = [("a", 1, 4, False, 1), ("a", 6, None, True, 6)]
    assert write((1, "a", 6, False)) == gap, "the same values once more are another version"
    assert write((1, None, 5, True), (1, "a", 2, False)) == [("a", 1, 4, False, 2), gap[1]]
    assert counted(made) == {"equal": 2}, "in the gap a delete says nothing new"
    assert write((1, "b", 3, False)) == [("a", 1, 3, False, 2), gap[1], ("b", 3, 4, False, 3)]
    assert write((1, None, 0, True), (1, None, 9, True), (2, None, 9, True)) == [
        ("a", 1, 3, False, 2), ("a", 6, 9, False, 6), ("b", 3, 4, False, 3),
    ]  # fmt: skip
    assert counted(made) == {"equal": 1, "deleted": 2}
    write((2, "late", 8, False))
    assert made.rows("k", "v", "valid_from", "valid_to")[-1] == (2, "late", 8, 9), "deleted before it came"
    both = write((3, "x", 5, False), (3, "x", 5, True))
    assert len(both) == 4, "a delete beats what is written at the same time (S64)"
    assert counted(made) == {"deleted": 1, "superseded": 1}


def test_s69_untracked_columns_have_the_value_of_the_last_row_of_a_version(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    options = merge.Merge(keys="kind", sequence_by="seq", stored_as_scd_type=2, track_history_column_list="v")
    made = table(**merge.stored_columns({"kind": "int", "v": "string", "_batch": "bigint"}, options, "int"))

    def write(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        made.write(merge, spark.createDataFrame(list(rows), "kind int, v string, _batch bigint, seq int"), options)
        return made.rows("v", "_batch", "valid_from", "valid_to", "_sequence")

    write((1, "a", 10, 1))
    assert write((1, "a", 50, 5)) == [("a", 50, 1, None, 5)]
    assert counted(made) == {"updated": 1}
    assert write((1, "a", 30, 3)) == [("a", 50, 1, None, 5)]
    assert write((1, "b", 40, 4)) == [("a", 30, 1, 4, 3), ("a", 50, 5, None, 5), ("b", 40, 4, 5, 4)]
    assert write((1, "b", 20, 2)) == [
        ("a", 10, 1, 2, 1), ("a", 30, 3, 4, 3), ("a", 50, 5, None, 5), ("b", 20, 2, 3, 2), ("b", 40, 4, 5, 4),
    ]  # fmt: skip
    write((1, "a", None, 5))
    assert made.rows("v", "_batch", "valid_from")[2] == ("a", None, 5), "NULL is a value"
    assert [row[0::2] for row in remembered(made) if row[1] == 5] == [(1, "same", 2), (1, "same", 6)]
    kept = made.tombstones()
    assert kept is not None
    assert kept.columns == ["_input_kind", "_sequence", "kind", "_input_batch", "_batch"]


def test_what_somebody_changed_by_hand_counts(history: Callable[..., Table], spark: SparkSession) -> None:
    history((1, "a", 1), (1, "a", 7), (2, "b", 1), (2, "b", 2), (3, "c", 1), (3, "c", 2))
    table = history((3, "d", 6))
    spark.sql(f"UPDATE delta.`{table.path}` SET valid_to = 5, is_current = false, _sequence = 1 WHERE k = 1")
    spark.sql(f"DELETE FROM delta.`{table.path}` WHERE k = 2 OR v = 'c'")
    history((1, "x", 9), (2, "y", 9), (3, "z", 9))
    assert histories(table, gaps=True) == {
        1: [("a", 1, 5, False, 1), ("x", 9, None, True, 9)],
        2: [("y", 9, None, True, 9)],
        3: [("d", 6, 9, False, 6), ("z", 9, None, True, 9)],
    }


def test_one_that_forgot_its_tombstones_goes_on(history: Callable[..., Table]) -> None:
    table = history((1, "a", 1), (1, "a", 7))
    shutil.rmtree(f"{table.path}_tombstones")
    history((1, "b", 4))
    assert histories(table)[1] == [("a", 1, 4, False, 1), ("b", 4, 7, False, 4), ("a", 7, None, True, 7)]


def test_batches_that_change_no_stored_version_only_append(history: Callable[..., Table]) -> None:
    history((1, "a", 1))
    table = history((2, "b", 1), (3, "c", 1))
    assert commits(table.path)[-1]["commitInfo"][0]["operation"] == "WRITE"


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
