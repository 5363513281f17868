"""Rows of the quarantine through today's definition once more, exactly once (S58), repaired by UPDATE (S59)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lakehouse
from lakehouse.engine import points
from lakehouse.errors import DataError, StepError
from lakehouse.lake.target import location
from lakehouse.names import TableName
from tests.engine.lake import Lake

POSITIVE = "expectations: {positive: {expect: n > 0, on_violation: quarantine}}"
SMALLER = "expectations: {positive: {expect: n > -5, on_violation: quarantine}}"
SILVER = "from: bronze.a\nschema: {id: int, n: int}\n"


def replay(lake: Lake, table: str = "silver.s", **options: Any) -> lakehouse.StepResult:
    result = lakehouse.replay(lake.project(), table, lake.spark, **options)
    step = result[table]
    if step.error:
        raise step.error
    return step


def waiting(lake: Lake, *columns: str, table: str = "silver.s") -> list[tuple[Any, ...]]:
    rows = lakehouse.quarantine(lake.project(), table, spark=lake.spark)
    return sorted(tuple(row[name] for name in columns) for row in rows)


def reasons(lake: Lake, table: str = "silver.s") -> list[str]:
    rows = lakehouse.quarantine(lake.project(), table, spark=lake.spark)
    return sorted(failure["name"] for row in rows for failure in row["_failures"])


def update(lake: Lake, table: str, what: str) -> None:
    lake.spark.sql(f"UPDATE {location(lake.path(table + '_quarantine'))} SET {what}")


@pytest.fixture
def three(lake: Lake) -> Lake:
    """Silver with one good row, and two that are not positive."""
    lake.bronze(hints="id: int")
    lake.tables(silver={"s": SILVER + POSITIVE})
    lake.file("1.csv", "1,10,a", "2,-3,b", "3,-9,c")
    lake.run()
    assert lake.rows("silver.s") == [(1, 10)]
    return lake


def test_s58_what_todays_definition_takes_goes_in_and_the_others_stay(three: Lake) -> None:
    three.tables(silver={"s": SILVER + SMALLER})
    step = replay(three)
    assert three.rows("silver.s") == [(1, 10), (2, -3)]
    assert waiting(three, "id") == [(3,)]
    assert (step.rows_read, step.rows_written, step.rows_rejected) == (2, 1, 1)
    assert step.reason == "1 row of the quarantine went in, 1 still break a rule"
    assert three.kinds("silver.s")[-1] == "replay"
    replayed = lakehouse.quarantine(three.project(), "silver.s", replayed=True, spark=three.spark)
    assert {row["id"]: row["_replayed_at"] is not None for row in replayed} == {2: True, 3: False}


def test_s58_a_second_replay_takes_nothing_twice_and_a_run_reads_on(three: Lake) -> None:
    three.tables(silver={"s": SILVER + SMALLER})
    replay(three)
    version = three.version("silver.s")
    assert replay(three).rows_rejected == 1
    assert three.version("silver.s") == version, "nothing went in, so there is no commit"
    assert not three.run(spark=None).used_spark
    three.file("2.csv", "4,40,d")
    three.run()
    assert three.rows("silver.s") == [(1, 10), (2, -3), (4, 40)]


def test_s59_rows_are_repaired_by_update_and_stay_with_their_new_reasons_where_they_are_not(three: Lake) -> None:
    update(three, "silver.s", "n = CASE id WHEN 2 THEN '20' ELSE 'none' END")
    step = replay(three)
    assert three.rows("silver.s") == [(1, 10), (2, 20)]
    assert (step.rows_written, step.rows_rejected) == (1, 1)
    assert waiting(three, "id", "n") == [(3, "none")]
    assert reasons(three) == ["schema.n"]


def test_s58_where_rule_and_run_choose_rows(three: Lake) -> None:
    first = three.file("2.csv", "4,,d", "5,-1,e")
    assert first.exists()
    run = three.run()
    three.tables(
        silver={
            "s": SILVER.replace("n: int", "n: int")
            + "expectations: {positive: {expect: n is null or true, on_violation: quarantine}}"
        }
    )
    assert replay(three, where="id = 2").rows_written == 1
    assert replay(three, rule="no such rule").status == "idle"
    assert replay(three, run=run.id, where="n IS NOT NULL").rows_written == 1
    assert three.rows("silver.s", "id") == [(1,), (2,), (5,)]
    assert replay(three, rule="positive").rows_written == 2


def test_s58_nothing_to_replay_is_idle(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": SILVER})
    lake.file("1.csv", "1,10,a")
    lake.run(select="bronze.a")
    assert replay(lake).reason == "the table does not exist yet"
    lake.run()
    assert replay(lake).reason == "no rows in quarantine that were not replayed"


def test_s58_a_merge_takes_a_replayed_row_by_its_sequence(lake: Lake) -> None:
    lake.bronze()
    head = SILVER + "merge: {keys: id, sequence_by: _source_modified}\n"
    lake.tables(silver={"s": head + POSITIVE})
    lake.file("1.csv", "1,-1,a", "2,-2,b")
    lake.run()
    lake.file("2.csv", "1,11,c")
    lake.run()
    lake.tables(silver={"s": head})
    step = replay(lake)
    assert lake.rows("silver.s", "id", "n") == [(1, 11), (2, -2)], "the older row of key 1 loses as always"
    assert step.rows_read == 2
    assert waiting(lake, "id") == []


def test_s58_a_fail_rule_writes_nothing(three: Lake) -> None:
    three.tables(silver={"s": SILVER + "expectations: {positive: {expect: n > -5, on_violation: fail}}"})
    versions = three.versions()
    with pytest.raises(DataError, match="positive: 1 of 2 rows break it"):
        replay(three)
    assert three.versions() == versions
    assert len(waiting(three, "id")) == 2


def test_s58_shares_and_figures_of_a_batch_are_not_asked_of_a_replay(three: Lake) -> None:
    rules = "{positive: {expect: n > -5, on_violation: quarantine, mostly: 0.9}, mean: {expect_column_mean_to_be_between: {column: n, min_value: 0}, on_violation: fail}}"
    three.tables(silver={"s": f"{SILVER}expectations: {rules}"})
    assert replay(three).rows_written == 1


def test_s58_of_filtered_and_dropped_rows_nothing_is_left(three: Lake) -> None:
    rules = "expectations: {small: {expect: n < -5, on_violation: drop}}"
    three.tables(silver={"s": f"from: bronze.a\ncleanse: [{{filter: id = 3}}]\nschema: {{id: int, n: int}}\n{rules}"})
    step = replay(three)
    assert three.rows("silver.s") == [(1, 10), (3, -9)]
    assert step.rows_rejected == 0
    assert waiting(three, "id") == []


def test_s58_a_column_that_the_input_has_got_since_is_null(three: Lake) -> None:
    three.file("2.csv", "4,40,d,new", header="id,n,t,more")
    three.run()
    three.tables(silver={"s": "from: bronze.a\nschema: {id: int, n: int, more: string}"})
    replay(three)
    assert three.rows("silver.s", "id", "more") == [(1, None), (2, None), (3, None), (4, None)]


def test_s55_rows_kept_behind_explode_go_through_the_rules_after_it(lake: Lake) -> None:
    lake.bronze()
    explode = (
        "cleanse: [{derive: {parts: \"split(t, ' ')\"}}, {explode: {column: parts, into: part}}, {cast: {part: int}}]\n"
    )
    table = "from: bronze.a\n" + explode + "schema: {id: int, part: int}\n"
    lake.tables(silver={"s": table + "expectations: {small: {expect: part < 10, on_violation: quarantine}}"})
    lake.file("1.csv", "1,1,1 20 x", "2,2,2")
    lake.run()
    assert lake.rows("silver.s") == [(1, 1), (2, 2)]
    assert waiting(lake, "part", "_stage") == [("20", "cleansed"), ("x", "cleansed")]
    lake.tables(silver={"s": table})
    replay(lake)
    assert lake.rows("silver.s") == [(1, 1), (1, 20), (2, 2)]
    assert reasons(lake) == ["cast.part"]
    lake.tables(silver={"s": "from: bronze.a\nschema: {id: int, part: int}"})
    with pytest.raises(StepError, match="`cleanse` has none such any more"):
        replay(lake)


def test_s58_siblings_of_one_row_go_in_together_or_not_at_all(three: Lake) -> None:
    explode = "cleanse: [{derive: {parts: 'array(int(n), 1)'}}, {explode: {column: parts, into: part}}]\n"
    table = "from: bronze.a\n" + explode + "schema: {id: int, n: int, part: int}\n"
    three.tables(silver={"s": table + "expectations: {positive: {expect: part > -5, on_violation: quarantine}}"})
    step = replay(three)
    assert three.rows("silver.s", "id", "part") == [(1, None), (2, -3), (2, 1)]
    assert (step.rows_read, step.rows_written, step.rows_rejected) == (2, 2, 1)
    assert waiting(three, "id", "_stage") == [(3, "input")]


def test_s57_a_table_that_is_computed_anew_has_nothing_to_replay(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": SILVER + "overwrite: true\n" + POSITIVE})
    lake.file("1.csv", "1,-10,a", "2,1,b")
    lake.run()
    with pytest.raises(StepError, match="judged again in every run"):
        replay(lake)


def test_s58_bronze_takes_rows_back_under_a_batch_of_their_own_and_silver_reads_on(lake: Lake) -> None:
    lake.bronze(more="expectations: {positive: {expect: n > 0, on_violation: quarantine}}")
    lake.tables(silver={"s": SILVER})
    lake.file("1.csv", "1,10,a", "2,-3,b")
    lake.run()
    assert lake.rows("silver.s") == [(1, 10)]
    lake.bronze(more="expectations: {positive: {expect: n > -5, on_violation: quarantine}}")
    step = replay(lake, "bronze.a")
    assert (step.rows_read, step.rows_written) == (1, 1)
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 2)]
    assert {Path(path).name for (path,) in lake.rows("bronze.a", "_source_file")} == {"1.csv"}
    lake.run()
    assert lake.rows("silver.s") == [(1, 10), (2, -3)]
    assert not lake.run(spark=None).used_spark
    lake.file("2.csv", "3,30,c")
    lake.run()
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 2), (3, 3)]


def test_s12_broken_records_are_replayed_by_their_text(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,a", "2,20", "3,30,c,d", "4,40,x,y,z")
    lake.run()
    assert lake.rows("bronze.a", "id") == [(1,)]
    assert sorted(row["_raw"] for row in lakehouse.quarantine(lake.project(), "bronze.a", spark=lake.spark))[:2] == [
        "2,20",
        "3,30,c,d",
    ]
    update(
        lake,
        "bronze.a",
        "_raw = CASE WHEN _raw = '2,20' THEN '2,20,b' WHEN _raw LIKE '4,%' THEN '4,40,\"x\ny\"' ELSE _raw END",
    )
    step = replay(lake, "bronze.a")
    assert lake.rows("bronze.a", "id", "n", "t", "_batch") == [(1, 10, "a", 1), (2, 20, "b", 2), (4, 40, "x\ny", 2)]
    assert (step.rows_written, step.rows_rejected) == (2, 1)
    assert {Path(path).name for (path,) in lake.rows("bronze.a", "_source_file")} == {"1.csv"}
    update(lake, "bronze.a", "_raw = '' WHERE _replayed_at IS NULL")
    assert replay(lake, "bronze.a").rows_rejected == 1, "a text without anything is no record, and is not lost either"


def test_s58_after_a_restore_that_undid_the_replay_the_rows_wait_again(three: Lake) -> None:
    before = three.version("silver.s")
    three.tables(silver={"s": SILVER + SMALLER})
    replay(three)
    after = three.version("silver.s")
    three.spark.sql(f"RESTORE {location(three.path('silver.s'))} TO VERSION AS OF {before}")
    assert sorted(i for (i,) in waiting(three, "id")) == [2, 3]
    replay(three)
    assert three.rows("silver.s") == [(1, 10), (2, -3)]
    three.spark.sql(f"RESTORE {location(three.path('silver.s'))} TO VERSION AS OF {after}")
    assert waiting(three, "id") == [(3,)], "the first replay counts again"
    replay(three)
    assert three.rows("silver.s") == [(1, 10), (2, -3)]


@pytest.fixture
def dies() -> Iterator[Callable[[str], None]]:
    """Let the next step die at a point, once."""

    def at(where: str) -> None:
        def listen(found: str, table: TableName) -> None:
            if found == where:
                points.listener = None
                raise RuntimeError(f"died {where}")

        points.listener = listen

    yield at
    points.listener = None


def failed(lake: Lake, table: str = "silver.s") -> str:
    return str(lakehouse.replay(lake.project(), table, lake.spark)[table].error)


def test_s58_a_replay_that_died_is_ended_before_the_next_one_also_where_delta_numbers_the_rows(
    three: Lake, dies: Callable[[str], None]
) -> None:
    schema = "from: bronze.a\nschema: {sk: {type: bigint, identity: true}, id: int, n: int}\n"
    three.tables(silver={"k": schema + POSITIVE})
    three.run()
    three.tables(silver={"k": schema + SMALLER})
    dies("before data")
    assert "died before data" in failed(three, "silver.k")
    step = replay(three, "silver.k")
    assert (step.rows_written, step.rows_rejected) == (1, 1)
    assert three.rows("silver.k", "id") == [(1,), (2,)]
    assert three.kinds("silver.k")[-2:] == ["replay", "replay"], "the number of the one that died, and the rows"
    assert waiting(three, "id", "_replay_id", table="silver.k") == [(3, None)]


def test_s58_a_planned_batch_is_loaded_first_with_all_its_rules(lake: Lake, dies: Callable[[str], None]) -> None:
    rules = "{mean: {expect_column_mean_to_be_between: {column: n, max_value: 50}, on_violation: fail}"
    rules += ", positive: {expect: n > 0, on_violation: quarantine}}"
    lake.bronze(more=f"expectations: {rules}")
    lake.file("1.csv", "1,10,a", "2,-3,b")
    lake.run()
    lake.file("2.csv", "3,1000,c")
    dies("after ledger")
    lake.run(ok=False)
    assert "mean" in failed(lake, "bronze.a")
    lake.bronze(more="")
    step = replay(lake, "bronze.a")
    assert step.reason == "a batch that was planned before is loaded; 1 row of the quarantine went in"
    assert lake.rows("bronze.a", "id", "_batch") == [(1, 1), (2, 3), (3, 2)]


def test_s58_rows_are_chosen_alike_by_every_query(three: Lake) -> None:
    three.tables(silver={"s": SILVER})
    with pytest.raises(StepError, match="`where` calls rand, which gives another answer each time"):
        replay(three, where="rand() < 0.5")
    assert replay(three, where="_quarantined_at < now() AND id = 2").rows_written == 1


def test_s58_what_somebody_added_to_the_quarantine_is_no_column_of_the_row(three: Lake) -> None:
    three.tables(silver={"s": SILVER + "schema_evolution: add_new_columns"})
    quarantine = location(three.path("silver.s_quarantine"))
    three.spark.sql(f"ALTER TABLE {quarantine} ADD COLUMN note string")
    kept = three.spark.read.format("delta").load(three.path("silver.s_quarantine")).where("id = 2").toArrow()
    three.spark.sql(f"INSERT INTO {quarantine} SELECT * FROM {quarantine} WHERE id = 2")
    with pytest.raises(StepError, match="have the same `_quarantine_id`"):
        replay(three)
    three.spark.sql(f"DELETE FROM {quarantine} WHERE id = 2")
    for own in ("one", "two"):
        row = three.spark.createDataFrame(kept).selectExpr("* EXCEPT (_quarantine_id)", f"'{own}' AS _quarantine_id")
        row.write.format("delta").mode("append").save(three.path("silver.s_quarantine"))
    replay(three)
    assert three.rows("silver.s", "id") == [(1,), (2,), (2,), (3,)]
    assert [name for name in three.log("silver.s").columns if not name.startswith("_")] == ["id", "n", "t"]


def test_s58_rows_of_both_stages_wait_side_by_side(three: Lake) -> None:
    explode = "cleanse: [{derive: {part: 'array(int(n), 1)'}}, {explode: {column: part}}]\n"
    table = "from: bronze.a\n" + explode + "schema: {id: int, part: int}\n"
    rule = "expectations: {large: {expect: part > 5, on_violation: quarantine}}"
    three.tables(silver={"s": table + rule})
    three.file("2.csv", "4,1,d")
    three.run()
    assert waiting(three, "id", "_stage") == [(2, "input"), (3, "input"), (4, "cleansed"), (4, "cleansed")]
    three.tables(silver={"s": table})
    assert replay(three).rows_read == 4
    assert three.rows("silver.s", "id", "part") == [(1, None), (2, -3), (2, 1), (3, -9), (3, 1), (4, 1), (4, 1)]


def test_s91_the_quarantine_follows_an_input_that_was_widened(lake: Lake) -> None:
    loader = "schema_evolution_mode: add_new_columns_with_type_widening"
    (lake.landing / "p").mkdir(parents=True)
    source = f'source: {{format: parquet, path: "${{landing}}/p"}}\nauto_loader: {{{loader}}}'
    lake.tables(bronze={"p": source}, silver={"s": "from: bronze.p\n" + POSITIVE})
    pq.write_table(
        pa.table({"id": pa.array([1, 2], pa.int32()), "n": pa.array([1, -2], pa.int32())}), lake.landing / "p" / "1"
    )
    lake.run()
    pq.write_table(
        pa.table({"id": pa.array([3], pa.int32()), "n": pa.array([-(2**40)], pa.int64())}), lake.landing / "p" / "2"
    )
    lake.run()
    assert waiting(lake, "id", "n") == [(2, -2), (3, -(2**40))]
    lake.tables(silver={"s": "from: bronze.p"})
    replay(lake)
    assert lake.rows("silver.s", "id", "n") == [(1, 1), (2, -2), (3, -(2**40))]
