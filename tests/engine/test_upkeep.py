"""`maintain`: maintenance without a run, and a table laid out anew from itself (S92)."""

from __future__ import annotations

from typing import Any

import pytest

import lakehouse
from lakehouse.engine import attempt
from lakehouse.engine.results import RunResult, Status
from lakehouse.errors import StepError
from tests.engine.lake import Lake

SILVER = "from: bronze.a\nappend: true\n"


def maintain(lake: Lake, *, ok: bool = True, **options: Any) -> RunResult:
    done = lakehouse.maintain(lake.project(), lake.spark, **options)
    assert done.ok == ok, {str(name): step.error for name, step in done.steps.items()}
    return done


def rewritten(lake: Lake, table: str = "silver.s", **options: Any) -> Any:
    return maintain(lake, select=table, rewrite=True, **options)[table]


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """A Bronze and a Silver table, both of two batches, and one that reads Silver whole."""
    lake.bronze()
    lake.tables(silver={"s": SILVER}, gold={"g": "sql: SELECT t, count(*) AS c FROM silver.s GROUP BY t"})
    for number in (1, 2):
        lake.file(f"{number}.csv", f"{number},10,x", f"{number},20,y")
        lake.run()
    return lake


def test_what_is_due_is_done_without_a_run_and_a_dry_run_only_tells(loaded: Lake) -> None:
    loaded.tables(silver={"s": SILVER + "maintenance: {optimize: {min_files: 2}}"})
    before = loaded.versions()
    told = lakehouse.maintenance_due(loaded.project())
    due = {(row["table"], row["operation"]): row["due"] for row in told}
    assert (due["silver.s", "optimize"], due["bronze.a", "optimize"]) == (True, False)
    assert loaded.versions() == before
    done = maintain(loaded)
    assert {str(n): s.status for n, s in done.steps.items()} == {
        "bronze.a": Status.IDLE, "silver.s": Status.COMPLETED, "gold.g": Status.IDLE
    }  # fmt: skip
    assert (done["silver.s"].reason, done["bronze.a"].reason) == ("optimize", "nothing is due")
    assert loaded.kinds("silver.s")[-1] == "optimize"
    place, data = (c.signature for c in loaded.log("silver.s").commits[:2])
    assert place is not None
    assert data is not None
    assert (place.sequence, place.attempt, place.offsets) == (data.sequence, data.attempt, data.offsets)
    assert maintain(loaded).status is Status.IDLE
    assert loaded.run().status is Status.IDLE


def test_a_table_that_is_not_there_yet_has_nothing_to_maintain(lake: Lake) -> None:
    lake.bronze()
    assert lakehouse.maintenance_due(lake.project()) == []
    assert maintain(lake)["bronze.a"].reason == "the table has no rows yet"


@pytest.mark.parametrize("table", ["silver.s", "bronze.a"])
def test_s92_a_table_is_laid_out_anew_from_itself_and_its_readers_see_no_change(loaded: Lake, table: str) -> None:
    layout = "partitioned_by: t\ncomment: Things.\nconstraints: {some: id > 0}"
    loaded.tables(gold={"n": "sql: SELECT count(*) AS c FROM silver.s"})
    loaded.run()
    if table == "silver.s":
        loaded.tables(silver={"s": SILVER + layout})
    else:
        loaded.bronze(more=layout)
    refused = loaded.run(ok=False, select=table)[table].error
    assert "lakehouse maintain --rewrite" in str(refused)
    (row,) = [r for r in lakehouse.maintenance_due(loaded.project(), rewrite=True) if r["operation"] == "rewrite"]
    assert (row["table"], row["reason"]) == (table, "`partitioned_by` was changed from nothing to t")
    before, sources = loaded.rows(table), list(loaded.landing.rglob("*.csv"))
    for path in sources:
        path.unlink()
    done = rewritten(loaded, table)
    assert done.reason == "partitioned by nothing, from now on by t"
    assert (done.status, done.rows_written) == (Status.COMPLETED, 4)
    assert loaded.rows(table) == before
    assert (loaded.log(table).partitioned_by, loaded.kinds(table)[-1]) == (("t",), "rewrite")
    assert maintain(loaded, rewrite=True).status is Status.IDLE
    assert loaded.run()["gold.n"].status is Status.IDLE, "what reads it whole does not read it again"
    assert loaded.log(table).properties["delta.constraints.some"] == "id > 0"
    assert loaded.log(table).description == "Things."
    loaded.file("3.csv", "3,10,z")
    loaded.run()
    assert loaded.rows(table, "id") == [(1,), (1,), (2,), (2,), (3,)]
    assert loaded.rows("silver.s", "id") == [(1,), (1,), (2,), (2,), (3,)]
    assert loaded.rows("gold.n") == [(5,)]


def test_s92_columns_keep_their_comments_and_null_stays_out(lake: Lake) -> None:
    lake.bronze()
    columns = "schema: {id: {type: int, nullable: false, comment: Number.}, t: string}\n"
    lake.tables(silver={"s": SILVER + columns})
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.tables(silver={"s": SILVER + columns + "partitioned_by: t"})
    rewritten(lake)
    lake.run()
    log = lake.log("silver.s")
    assert (log.partitioned_by, log.comments) == (("t",), {"id": "Number."})
    assert log.properties["delta.constraints.id_not_null"] == "`id` IS NOT NULL"
    assert lake.run().status is Status.IDLE


def test_s92_killed_before_its_commit_a_rewrite_has_changed_nothing_and_after_it_all(
    loaded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.bronze(more="partitioned_by: t")

    def dies(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.engine.rewrite.commit.signed", dies)
        maintain(loaded, ok=False, select="bronze.a", rewrite=True)
    assert loaded.kinds("bronze.a") == ["create", "data", "data"]
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "confirm", dies)
        maintain(loaded, ok=False, select="bronze.a", rewrite=True)
    assert loaded.kinds("bronze.a")[-1] == "rewrite"
    assert rewritten(loaded, "bronze.a").status is Status.IDLE
    loaded.file("3.csv", "3,10,z")
    loaded.run()
    assert loaded.rows("bronze.a", "id", "_batch") == [(1, 1), (1, 1), (2, 2), (2, 2), (3, 5)]
    assert loaded.rows("silver.s", "id") == [(1,), (1,), (2,), (2,), (3,)]


def test_s90_s92_a_query_that_changed_too_is_computed_anew_after_the_rewrite(loaded: Lake) -> None:
    loaded.tables(gold={"g": "partitioned_by: t\nsql: SELECT t, sum(id) AS c FROM silver.s GROUP BY t"})
    rewritten(loaded, "gold.g")
    assert loaded.rows("gold.g") == [("x", 2), ("y", 2)]
    assert loaded.run()["gold.g"].reason == "its definition changed"
    assert loaded.rows("gold.g") == [("x", 3), ("y", 3)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("schema: {id: int, d: {type: int, generated_as: id * 2}}", "partitioned_by: id", "make plain columns of d"),
        ("cluster_by: id", "partitioned_by: id", "is clustered by id"),
    ],
)
def test_s92_what_a_rewrite_would_lose_is_refused(lake: Lake, before: str, after: str, said: str) -> None:
    lake.bronze()
    keys = before if before.startswith("schema") else ""
    lake.tables(silver={"s": SILVER + before})
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.tables(silver={"s": f"{SILVER}{keys}\n{after}"})
    (row,) = [r for r in lakehouse.maintenance_due(lake.project(), rewrite=True) if r["operation"] == "rewrite"]
    assert (row["due"], said in row["reason"]) == (False, True)
    error = rewritten(lake, ok=False).error
    assert isinstance(error, StepError)
    assert (error.code, said in error.message) == ("table.rewrite", True)
    assert lake.kinds("silver.s") == ["create", "data"]


def test_s92_empty_texts_that_delta_would_store_as_null_are_refused(lake: Lake) -> None:
    lake.bronze(hints="id: int, n: int, t: string")
    lake.tables(silver={"s": SILVER + "cleanse: [{fill_null: {t: ''}}]"})
    lake.file("1.csv", "1,10,")
    lake.run()
    lake.tables(silver={"s": SILVER + "cleanse: [{fill_null: {t: ''}}]\npartitioned_by: t"})
    error = rewritten(lake, ok=False).error
    assert isinstance(error, StepError)
    assert (error.code, "empty texts in t" in error.message) == ("table.rewrite", True)


def test_an_empty_text_in_a_partition_column_meets_what_is_stored(lake: Lake) -> None:
    lake.bronze(hints="id: int, n: int, t: string")
    text = "from: bronze.a\ncleanse: [{fill_null: {t: ''}}]\nmerge: {keys: [t, id], sequence_by: n}\npartitioned_by: t"
    lake.tables(silver={"s": text})
    for number in (10, 20):
        lake.file(f"{number}.csv", f"1,{number},")
        lake.run()
    assert lake.rows("silver.s", "id", "n", "t") == [(1, 20, None)]


def test_s92_rows_that_others_write_meanwhile_are_not_lost_in_silence(
    loaded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.tables(silver={"s": SILVER + "partitioned_by: t"})
    planned = attempt.commits.plan

    def meanwhile(*args: Any, **more: Any) -> None:
        planned(*args, **more)
        loaded.sql("INSERT INTO {silver.s} (id, n, t) VALUES (9, 90, 'w')")

    monkeypatch.setattr(attempt.commits, "plan", meanwhile)
    error = rewritten(loaded, ok=False).error
    assert isinstance(error, StepError)
    assert (error.code, "RESTORE it to version" in error.fix) == ("table.rewrite", True)
