"""Merges that delete, through whole runs: what is remembered beside the table, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import lakehouse
from lakehouse.engine import points
from lakehouse.errors import StepError
from lakehouse.names import TableName
from tests.engine.lake import Lake

MERGE = "merge: {keys: id, sequence_by: at, apply_as_deletes: op = 'D', apply_as_truncates: op = 'T'"
HINTS = "id: int, n: int, at: int"
HEADER = "id,n,at,op"


@pytest.fixture
def feed(lake: Lake) -> Lake:
    """Three keys of which one is deleted by the second batch of rows."""
    lake.bronze(hints=HINTS)
    lake.tables(silver={"latest": f"from: bronze.a\n{MERGE}, except_column_list: op}}"})
    lake.file("1.csv", "1,10,1,I", "2,20,1,I", "3,30,4,I", header=HEADER)
    lake.run()
    lake.file("2.csv", "1,,5,D", header=HEADER)
    return lake


def tombstones(lake: Lake) -> list[tuple[Any, ...]]:
    """Those that exist."""
    found = lakehouse.show(lake.project(), "silver.latest_tombstones", spark=lake.spark)
    return sorted(((r["id"], r["_sequence"], r["kind"], r["_batch"]) for r in found), key=repr)


def test_s67_s68_s71_deletes_flow_through_a_run_and_are_remembered(feed: Lake) -> None:
    done = feed.run()["silver.latest"]
    assert (done.rows_read, done.rows_deleted, done.rows_written) == (1, 1, 0)
    assert feed.columns("silver.latest") == ["id", "n", "at", "_sequence"]
    assert feed.rows("silver.latest") == [(2, 20, 1), (3, 30, 4)]
    assert tombstones(feed) == [(1, 5, "delete", 2)]
    feed.file("3.csv", "1,11,4,U", ",,3,T", "4,40,2,I", header=HEADER)
    late = feed.run()["silver.latest"]
    assert (late.rows_late, late.rows_deleted, late.rows_superseded) == (1, 1, 1)
    assert feed.rows("silver.latest") == [(3, 30, 4)]
    assert tombstones(feed) == [(1, 5, "delete", 2), (None, 3, "truncate", 3)]
    assert not feed.run().used_spark
    # what a row that deletes brings besides its key is not judged
    feed.tables(silver={"strict": "from: bronze.a\nschema: {id: int, n: {type: int, nullable: false}}\n"
                        "expectations: {small: {expect: n < 100, on_violation: fail}}\n" + MERGE + "}"})  # fmt: skip
    strict = feed.run()["silver.strict"]
    assert strict.rows_rejected == 0
    assert feed.rows("silver.strict", "id", "n") == [(3, 30)]


@pytest.fixture
def killed() -> Iterator[None]:
    """A step that ends right after its companions."""

    def listener(where: str, table: TableName) -> None:
        if where == "after companions":
            raise RuntimeError("killed")

    points.listener = listener
    yield
    points.listener = None


def test_s67_what_an_attempt_remembered_that_never_commits_is_removed(feed: Lake, killed: None) -> None:
    feed.run(ok=False)
    assert feed.rows("silver.latest", "id") == [(1,), (2,), (3,)]
    assert tombstones(feed) == []
    assert len(feed.rows("silver.latest_tombstones", "id")) == 1
    points.listener = None
    feed.run()
    feed.file("3.csv", "1,11,4,U", header=HEADER)
    assert feed.run()["silver.latest"].rows_late == 1
    assert feed.rows("silver.latest_tombstones", "id") == [(1,)]
    assert tombstones(feed) == [(1, 5, "delete", 2)]


def test_s67_a_restore_forgets_with_the_table(feed: Lake) -> None:
    before = feed.version("silver.latest")
    feed.run()
    feed.sql(f"RESTORE TABLE {{silver.latest}} TO VERSION AS OF {before}")
    assert tombstones(feed) == []
    feed.run()
    assert feed.rows("silver.latest", "id") == [(2,), (3,)]
    assert tombstones(feed) == [(1, 5, "delete", 3)]


def test_s50_s51_rules_about_the_table_know_what_is_deleted(feed: Lake) -> None:
    rules = """expectations:
  rows: {expect_table_row_count_to_equal: {value: 3}, on_violation: fail}
  n: {expect_column_values_to_be_unique: {column: n}, on_violation: quarantine}"""
    feed.tables(silver={"latest": f"from: bronze.a\n{MERGE}, except_column_list: op}}\n{rules}"})
    feed.file("3.csv", "4,10,2,I", "5,20,2,I", "2,,3,D", "1,10,2,U", header=HEADER)
    done = feed.run()["silver.latest"]
    # 1 and 2 are deleted, so 4 and 5 may have their values; the late row of 1 has none
    assert done.status == "completed"
    assert (done.rows_rejected, done.rows_late) == (0, 0)
    assert feed.rows("silver.latest", "id", "n") == [(3, 30), (4, 10), (5, 20)]
    assert done.expectations[-1].passed
    feed.file("4.csv", "1,30,4,U", "6,60,4,I", header=HEADER)
    done = feed.run(ok=False)["silver.latest"]
    assert "rows" in str(done.error), "one row too many, and the late one is none"


@pytest.mark.parametrize("scd", [1, 2])
def test_s63_without_a_sequence_the_batches_of_bronze_are_the_order(lake: Lake, scd: int) -> None:
    lake.bronze(hints=HINTS)
    spec = f"from: bronze.a\nmerge: {{keys: id, stored_as_scd_type: {scd}, except_column_list: [at, op]}}"
    lake.tables(silver={"s": spec})
    # equal in what is stored, from two files of one batch; rows without a key are in no order, and set aside
    lake.file("1.csv", "1,10,1,a", "2,20,1,a", ",1,1,a", ",2,1,a", header=HEADER)
    lake.file("2.csv", "1,10,2,b", header=HEADER)
    first = lake.run()["silver.s"]
    assert (first.rows_written, first.rows_superseded, first.rows_rejected) == (2, 1, 2)
    lake.file("3.csv", "1,9,0,a", "3,30,0,a", header=HEADER)
    lake.tables(silver={"s": f"enabled: false\n{spec}"})
    lake.run()
    lake.file("4.csv", "3,31,0,a", header=HEADER)
    lake.tables(silver={"s": spec})
    lake.run()  # reads two batches
    stored = lake.rows("silver.s", "id", "n", "_sequence")
    history = [(1, 10, 1), (3, 30, 2)] if scd == 2 else []
    assert stored == sorted([(1, 9, 2), (2, 20, 1), (3, 31, 3), *history], key=repr)
    lake.file("5.csv", "2,21,1,a", "2,22,1,a", header=HEADER)
    error = str(lake.run(ok=False)["silver.s"].error)
    assert "merge.order" in error
    assert "several rows of one commit have this key" in error
    assert lake.rows("silver.s", "id", "n", "_sequence") == stored


def test_s63_what_a_row_of_a_batch_brings_that_is_not_stored_is_in_no_need_of_an_order(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    merge = "schema: {id: int, n: int}\nmerge: {keys: id, apply_as_deletes: op = 'D', apply_as_truncates: op = 'T'}"
    lake.tables(silver={"s": f"from: bronze.a\n{merge}"})
    lake.file("1.csv", "1,10,1,I", "1,10,2,I", "2,20,1,I", "3,30,1,I", header=HEADER)
    lake.run()
    lake.file("2.csv", "1,10,1,D", "1,,2,D", header=HEADER)
    lake.run()
    assert lake.rows("silver.s", "id", "n", "_sequence") == [(2, 20, 1), (3, 30, 1)]
    lake.file("3.csv", "2,20,1,D", "2,20,1,I", header=HEADER)
    assert "merge.order" in str(lake.run(ok=False)["silver.s"].error)


def test_s63_the_commits_of_two_tables_are_in_no_order(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    lake.bronze("b", hints=HINTS)
    lake.tables(silver={"s": "from: bronze.a\nmerge: {keys: id}"})
    lake.file("1.csv", "1,10,1,I", header=HEADER)
    lake.file("1.csv", "1,11,1,I", header=HEADER, table="b")
    lake.run()
    lake.tables(silver={"s": "from: bronze.b\nmerge: {keys: id}"})
    error = lake.run(ok=False)["silver.s"].error
    assert isinstance(error, StepError)
    assert (error.code, "order of the commits of bronze.a" in error.message) == ("table.merge", True)
    lake.run(full_refresh="silver.s", allow_data_loss=True)
    assert lake.rows("silver.s", "id", "n") == [(1, 11)]


def test_s63_rows_that_differ_by_a_microsecond_differ(lake: Lake) -> None:
    lake.bronze(hints="id: int, t: timestamp")
    lake.tables(silver={"s": "from: bronze.a\nmerge: {keys: id}"})
    lake.file("1.csv", "1,2024-01-01T00:00:00.000100Z", "1,2024-01-01T00:00:00.000200Z", header="id,t")
    assert "merge.order" in str(lake.run(ok=False)["silver.s"].error)
    lake.tables(silver={"s": "from: bronze.a\ncleanse: [{sql: 'SELECT id, t FROM input'}]\nmerge: {keys: id}"})
    error = lake.run(ok=False)["silver.s"].error
    assert isinstance(error, StepError)
    assert (error.code, "lost `_commit_version`" in error.message) == ("merge.order", True)


def test_s51_s72_rows_of_no_snapshot_delete_nothing(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    rule = "expectations: {rows: {expect_table_row_count_to_equal: {value: 2}, on_violation: fail}}"
    lake.tables(silver={"s": f"from: bronze.a\nmerge: {{keys: id, from_snapshot: at}}\n{rule}"})
    lake.file("1.csv", "1,10,1,", "2,20,1,", header=HEADER)
    lake.run()
    lake.file("2.csv", "1,11,,", "3,30,,", header=HEADER)
    assert lake.run()["silver.s"].rows_rejected == 2
    assert lake.rows("silver.s", "id", "n") == [(1, 10), (2, 20)]


def test_s50_s51_what_is_not_in_the_rows_or_not_yet_in_the_table_is_null_to_a_condition(lake: Lake) -> None:
    lake.bronze(hints=HINTS + ", flag: string")
    lake.tables(
        silver={
            "h": "from: bronze.a\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: at, stored_as_scd_type: 2}"
        }
    )
    lake.file("1.csv", "1,10,1,", "2,20,1,", header=HEADER)
    lake.run()
    rules = """expectations:
  n: {expect_column_values_to_be_unique: {column: n, row_condition: "flag = 'x'"}, on_violation: fail}
  now: {expect_table_row_count_to_equal: {value: 2, row_condition: is_current}, on_violation: fail}
  some: {expect_table_row_count_to_equal: {value: 1, row_condition: "flag = 'x'"}, on_violation: fail}
  as: {expect_table_row_count_to_equal_other_table: {other_table_name: silver.other}, on_violation: fail}"""
    schema = "schema: {id: int, n: int, flag: string}\nmerge: {keys: id, sequence_by: at, stored_as_scd_type: 2}"
    lake.tables(silver={
        "h": f"from: bronze.a\n{schema}\n{rules}\ndepends_on: [silver.other]",
        "other": f"from: bronze.a\n{schema}",
    })  # fmt: skip
    lake.file("2.csv", "1,20,2,,x", header=HEADER + ",flag")
    lake.run()
    assert lake.rows("silver.h", "id", "n", "flag", "is_current") == [
        (1, 10, None, False), (1, 20, "x", True), (2, 20, None, True),
    ]  # fmt: skip


def test_s50_s70_the_sequence_of_the_input_is_no_column_that_a_null_could_leave(lake: Lake) -> None:
    lake.bronze(hints="id: int, n: int, at: timestamp")
    rule = "expectations: {n: {expect_column_values_to_be_unique: {column: n}, on_violation: quarantine}}"
    lake.tables(silver={
        "m": "from: bronze.a\nmerge: {keys: id, sequence_by: at}",
        "s": f"from: silver.m\nmerge: {{keys: id, ignore_null_updates: true}}\n{rule}",
    })  # fmt: skip
    lake.file("1.csv", "1,10,2024-01-01T00:00:00Z", "2,20,2024-01-01T00:00:00Z", header="id,n,at")
    lake.run()
    lake.file("2.csv", "1,,2024-01-02T00:00:00Z", "3,20,2024-01-02T00:00:00Z", header="id,n,at")
    assert lake.run()["silver.s"].rows_rejected == 1
    assert lake.rows("silver.s", "id", "n") == [(1, 10), (2, 20)]


def test_s51_what_a_truncate_brings_is_in_no_figure(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    rule = "expectations: {n: {expect_column_max_to_be_between: {column: n, max_value: 50}, on_violation: fail}}"
    lake.tables(silver={"s": f"from: bronze.a\n{MERGE}, except_column_list: op}}\n{rule}"})
    lake.file("1.csv", "1,10,1,I", ",999,1,T", "2,999,1,D", header=HEADER)
    lake.run()
    assert lake.rows("silver.s", "id", "n") == [(1, 10)]


@pytest.mark.parametrize("how", ["sequence_by: at", "from_snapshot: at"])
@pytest.mark.parametrize("scd", [1, 2])
def test_s50_s51_s72_of_a_history_and_of_a_snapshot_what_is_current_is_judged(lake: Lake, how: str, scd: int) -> None:
    lake.bronze(hints=HINTS + ", op: string")
    rules = """expectations:
  rows: {expect_table_row_count_to_equal: {value: 3}, on_violation: fail}
  odd: {expect: n <> 99, on_violation: quarantine}
  n: {expect_column_values_to_be_unique: {column: n}, on_violation: quarantine}"""
    merge = f"merge: {{keys: id, {how}, stored_as_scd_type: {scd}, except_column_list: op}}"
    lake.tables(silver={"s": f"from: bronze.a\n{merge}\n{rules}"})
    lake.file("1.csv", "1,10,1,", "2,20,1,", "3,30,1,", header=HEADER)
    lake.run()
    # 3 is turned away, what is stored of it stays, and 4 wants its value; then 2 has to wait for that of 1, too
    lake.file("2.csv", "1,11,2,", "2,10,2,", "3,99,2,", "4,30,2,", header=HEADER)
    done = lake.run()["silver.s"]
    stored = lake.rows("silver.s", "id", "n", *(["is_current"] if scd == 2 else []))
    assert [row[:2] for row in stored if all(row[2:])] == [(1, 11), (2, 20), (3, 30)]
    assert done.rows_rejected == 3
    # a late row is no current one, in a snapshot what does not come goes
    third = "3,31,3," if how.startswith("from") else "3,10,0,"
    lake.file("3.csv", "1,12,3,", "2,13,3,", "5,10,3,", third, header=HEADER)
    done = lake.run(ok=False)["silver.s"]
    assert "rows" in str(done.error), "one row too many"


def test_s67_a_key_may_be_called_as_a_column_of_the_tombstones_and_be_written_in_any_case(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    keys = "cleanse: [{rename: {op: kind}}]\nmerge: {keys: [KIND, ID], sequence_by: at, apply_as_deletes: n < 0, "
    lake.tables(silver={"s": f"from: bronze.a\n{keys}apply_as_truncates: n = 0}}"})
    lake.file("1.csv", "1,10,1,a", "1,-1,5,b", "2,20,1,a", header=HEADER)
    lake.run()
    lake.file("2.csv", "1,10,3,b", "2,-1,4,a", header=HEADER)
    lake.run()
    assert lake.rows("silver.s", "id", "kind") == [(1, "a")]
    lake.file("3.csv", ",0,9,", header=HEADER)
    lake.run()
    assert lake.rows("silver.s", "id", "kind") == []
