"""Whole runs over small tables: every way to write, quarantine, rules that fail, pins, and when nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

import lakehouse
from lakehouse.engine import attempt
from lakehouse.engine.results import Event, Status
from lakehouse.errors import DataError, TransientError
from tests.engine.lake import Lake, failures, parsed

WAYS = {
    "silver": {
        "log": "from: bronze.a\nschema: {id: int, n: int}\nappend: true",
        "keyed": "from: bronze.a\nschema: {id: int, n: int}\nappend: {keys: id}",
        "latest": "from: bronze.a\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: _source_modified}",
        "versions": "from: bronze.a\nschema: {id: int, n: int}\n"
        "merge: {keys: id, sequence_by: _source_modified, stored_as_scd_type: 2}",
        "mirror": "from: bronze.a\nschema: {id: int, t: string}\noverwrite: true",
    },
    "gold": {
        "by_t": "from: silver.mirror\naggregate: {by: t, measures: {rows: count(*), ids: sum(id)}}",
        "top": "sql: SELECT max(l.n) AS n, count(*) AS rows FROM silver.latest l",
    },
}


def test_every_way_to_write_then_new_rows_then_nothing(lake: Lake) -> None:
    lake.bronze()
    lake.tables(**WAYS)
    lake.file("1.csv", "1,10,x", "2,20,y")
    first = lake.run()
    assert {str(n): s.rows_written for n, s in first.steps.items()} == {
        "bronze.a": 2, "silver.log": 2, "silver.keyed": 2, "silver.latest": 2, "silver.versions": 2, "silver.mirror": 2,
        "gold.by_t": 2, "gold.top": 1,
    }  # fmt: skip
    lake.file("2.csv", "2,21,x", "3,30,z")
    second = lake.run()
    assert lake.rows("silver.log") == [(1, 10), (2, 20), (2, 21), (3, 30)]
    assert lake.rows("silver.keyed") == [(1, 10), (2, 20), (3, 30)]
    assert lake.rows("silver.latest") == [(1, 10), (2, 21), (3, 30)]
    assert lake.rows("silver.versions", "id", "n", "is_current") == [
        (1, 10, True), (2, 20, False), (2, 21, True), (3, 30, True),
    ]  # fmt: skip
    assert lake.rows("silver.mirror") == [(1, "x"), (2, "x"), (2, "y"), (3, "z")]
    assert lake.rows("gold.by_t") == [("x", 2, 3), ("y", 1, 2), ("z", 1, 3)]
    assert lake.rows("gold.top") == [(30, 3)]
    assert second["silver.log"].rows_written == 2
    assert (second["silver.latest"].rows_written, second["silver.latest"].rows_updated) == (1, 1)
    before = lake.versions()
    assert set(before.values()) == {2}, "a CREATE and a commit per run, and nothing else"
    third = lake.run()
    assert lake.versions() == before
    assert {s.status for s in third.steps.values()} == {Status.IDLE}
    assert not third.used_spark


def test_s52_s54_s55_a_row_that_breaks_rules_is_kept_as_it_came_with_all_of_them(lake: Lake) -> None:
    lake.bronze(hints="id: int")
    lake.file("1.csv", "1,10, a ", "2,none, b ", "3,-5, c ", "4,-7, d ", "5,50,e")
    lake.tables(
        silver={
            "s": """
from: bronze.a
cleanse: [{trim: t}]
schema: {id: int, n: int, t: string}
expectations:
  positive: {expect: n > 0, on_violation: quarantine}
  known: {expect: "t <> 'd'", on_violation: drop}
  small: {expect: id < 5, on_violation: warn}
"""
        }
    )
    result = lake.run()["silver.s"]
    assert lake.rows("silver.s") == [(1, 10, "a"), (5, 50, "e")]
    assert (result.rows_read, result.rows_written, result.rows_rejected, result.rows_dropped) == (5, 2, 3, 0)
    rows = {r["id"]: r for r in lakehouse.quarantine(lake.project(), "silver.s", spark=lake.spark)}
    assert {i: failures(r) for i, r in rows.items()} == {
        2: [("schema.n", "none")], 3: [("positive", "-5")], 4: [("positive", "-7"), ("known", "d")],
    }  # fmt: skip
    assert (rows[2]["n"], rows[2]["t"]) == ("none", " b "), "as read: before the rules, before the casts"
    assert {(r["_stage"], r["_batch"], r["_attempt"], r["_replayed_at"]) for r in rows.values()} == {
        ("input", 1, result.attempt, None)
    }
    assert len({r["_quarantine_id"] for r in rows.values()}) == 3
    assert [w for w in result.warnings if w.startswith("small")] == ["small: 1 of 5 rows break it"]


def test_s27_s53_a_rule_that_fails_writes_nothing_at_all_and_its_first_rows_are_kept(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    table = "from: bronze.a\nexpectations:\n  low: {expect: n < 100, on_violation: fail}\n  odd: {expect: id > 1, on_violation: quarantine}\n"
    lake.tables(silver={"s": table, "reader": "sql: SELECT count(*) AS rows FROM silver.s"})
    lake.run(select="bronze.a")
    lake.file("2.csv", *(f"{i},{100 + i},y" for i in range(2, 153)))
    result = lake.run(ok=False)
    assert isinstance(result["silver.s"].error, DataError)
    assert "low: 151 of 152 rows break it" in str(result["silver.s"].error)
    assert result["silver.reader"].reason == "waits for silver.s, which failed"
    assert lake.kinds("silver.s") == ["create"]
    assert lake.log("silver.s").sequence is None
    assert not lake.exists("silver.s_quarantine")
    assert not [r for r in lake.audit("commits") if r["table"] == "silver.s"]
    rules = {r["name"]: r for r in lake.audit("expectations", result)}
    assert (rules["low"]["passed"], rules["low"]["judged"], rules["low"]["violations"]) == (False, 152, 151)
    sample = parsed(rules["low"]["sample"])
    assert len(sample) == 100
    assert sample[0]["name"] == "low"
    assert int(sample[0]["value"]) > 100
    lake.tables(silver={"s": table.replace("100", "1000")})
    assert lake.run()["silver.s"].rows_read == 152, "the offset stayed where it was"
    assert len(lake.rows("silver.s")) == 151


def test_s53a_mostly_lets_a_share_pass_and_below_it_even_a_quarantine_stops_the_step(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", *(f"{i},{i},x" for i in range(10)))

    def table(share: float, action: str) -> str:
        return f"from: bronze.a\nexpectations: {{high: {{expect: n > 1, mostly: {share}, on_violation: {action}}}}}"

    lake.tables(
        silver={
            f"{a}_{w}": table(s, a) for a in ("warn", "fail", "quarantine") for w, s in (("at", 0.8), ("below", 0.81))
        }
    )
    done = lake.run(ok=False)
    states = {n.table: s.status.value for n, s in done.steps.items() if n.layer == "silver"}
    assert states == {
        "warn_at": "completed", "warn_below": "completed", "fail_at": "completed", "fail_below": "failed",
        "quarantine_at": "completed", "quarantine_below": "failed",
    }  # fmt: skip
    assert not done["silver.warn_at"].warnings
    assert done["silver.warn_below"].warnings == ["high: 2 of 10 rows break it"]
    assert (len(lake.rows("silver.fail_at")), len(lake.rows("silver.quarantine_at"))) == (10, 8)
    assert not lake.exists("silver.quarantine_below_quarantine")
    assert lake.rows("silver.quarantine_below") == []


def test_s49_of_an_aggregate_the_groups_are_judged(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,1,x", "2,2,x", "3,3,y")
    lake.tables(
        gold={"g": "from: bronze.a\naggregate: {by: t, measures: {rows: count(*)}}\nexpectations: {many: rows > 1}"}
    )
    found = lake.run()["gold.g"].expectations[0]
    assert (found.judged, found.violations, found.passed) == (2, 1, False)


def test_s33_what_schema_does_not_name_is_not_stored_unless_the_table_takes_new_columns(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(
        silver={
            "strict": "from: bronze.a\nschema: {n: int}",
            "open": "from: bronze.a\nschema: {n: int}\nschema_evolution: add_new_columns",
            "free": "from: bronze.a",
        }
    )
    lake.run(select="bronze.a")
    explained = lakehouse.plan(lake.project())
    told = {t: explained[f"silver.{t}"].not_stored for t in ("strict", "open", "free")}
    assert told == {"strict": ("id", "t"), "open": (), "free": ()}
    assert ("writes", "append; not stored: id, t") in explained["silver.strict"].lines()
    done = lake.run()
    noted = {r["step"]: parsed(r["metrics"])["not_stored"] for r in lake.audit("steps", done)}
    assert (noted["silver.strict"], noted["silver.open"], noted["silver.free"]) == (["id", "t"], [], [])
    assert [lake.columns(f"silver.{t}") for t in ("strict", "open", "free")] == [
        ["n"],
        ["n", "id", "t"],
        ["id", "n", "t"],
    ]
    assert lake.rows("silver.open") == [(10, 1, "x")]


def test_s77_a_table_of_this_run_is_read_at_its_version_others_as_they_were_when_it_began(lake: Lake) -> None:
    lake.bronze()
    lake.tables(
        silver={"s": "from: bronze.a\nschema: {id: int}"}, gold={"g": "sql: SELECT count(*) AS rows FROM bronze.a"}
    )
    lake.file("1.csv", "1,10,x")
    assert lake.run()["silver.s"].offsets["bronze.a"] == {
        "id": lake.log("bronze.a").table_id, "version": 1, "batch": 1,
    }  # fmt: skip
    lake.file("2.csv", "2,20,y")
    lake.run(select="bronze.a")
    lake.file("3.csv", "3,30,z")

    def somebody_loads_more(event: Event) -> None:
        if event.kind == "step started" and str(event.step) == "silver.s":
            assert lake.run(select="bronze.a")["bronze.a"].version == 3

    done = lake.run(select="silver.s gold.g", listener=somebody_loads_more)
    assert lake.version("bronze.a") == 3
    assert {str(n): s.offsets["bronze.a"]["version"] for n, s in done.steps.items()} == {"silver.s": 2, "gold.g": 2}
    assert lake.rows("silver.s") == [(1,), (2,)]
    assert lake.rows("gold.g") == [(2,)]
    lake.run()
    assert lake.rows("silver.s") == [(1,), (2,), (3,)]


def test_s78_when_nothing_is_left_an_empty_commit_moves_the_offset(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(
        silver={"s": "from: bronze.a\ncleanse: [{filter: n > 100}]"},
        gold={"g": "sql: SELECT count(*) AS c FROM silver.s"},
    )
    result = lake.run()["silver.s"]
    assert lake.kinds("silver.s") == ["create", "data"]
    assert lake.file_paths("silver.s") == set()
    assert (result.status, result.rows_written, result.offsets["bronze.a"]["batch"]) == (Status.COMPLETED, 0, 1)
    before = lake.versions()
    assert lake.run()["silver.s"].status is Status.IDLE
    assert lake.versions() == before


def test_s78_versions_without_a_change_of_data_are_no_input(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a"}, gold={"g": "sql: SELECT count(*) AS c FROM silver.s"})
    for n in (1, 2):
        lake.file(f"{n}.csv", f"{n},10,x")
        lake.run()
    lake.sql("OPTIMIZE {bronze.a}")
    lake.sql("OPTIMIZE {silver.s}")
    lake.sql("ALTER TABLE {bronze.a} SET TBLPROPERTIES ('somebody' = 'else')")
    before = lake.versions()
    result = lake.run()
    assert {str(n): s.status.value for n, s in result.steps.items()} == dict.fromkeys(
        ("bronze.a", "silver.s", "gold.g"), "idle"
    )
    assert (lake.versions(), result.used_spark) == (before, False)
    lake.file("3.csv", "3,10,x")
    assert lake.run()["silver.s"].rows_written == 1, "and after the rewrite only what is new is read"


def test_rules_are_counted_once_however_often_an_attempt_is_made(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,-1,y")
    lake.tables(
        silver={"s": "from: bronze.a\nmax_retries: 1\nretry_delay: 0.01 seconds\nexpectations: {positive: n > 0}"}
    )
    whole, failed = attempt.write_rows, []

    def once(tried: Any, *args: Any) -> Any:
        if tried.step.name.layer == "silver" and not failed:
            failed.append(tried)
            raise TransientError("lost an executor")
        return whole(tried, *args)

    monkeypatch.setattr(attempt, "write_rows", once)
    result = lake.run()["silver.s"]
    assert (result.status, result.retries) == (Status.COMPLETED, 1)
    assert [(e.judged, e.violations) for e in result.expectations] == [(2, 1)]
    assert result.warnings == ["positive: 1 of 2 rows break it"]
    assert result.reason.startswith("new rows: bronze.a")
    assert lake.rows("silver.s") == [(1, 10, "x"), (2, -1, "y")]


def test_s56_a_rejected_update_leaves_the_stored_row_as_it_was(lake: Lake) -> None:
    lake.bronze()
    lake.tables(
        silver={
            "s": "from: bronze.a\nschema: {id: int, n: int}\n"
            "expectations: {positive: {expect: n > 0, on_violation: quarantine}}\n"
            "merge: {keys: id, sequence_by: _source_modified}"
        }
    )
    lake.file("1.csv", "1,10,a", "2,20,b")
    lake.run()
    lake.file("2.csv", "1,-1,a", "2,21,b")
    assert lake.run()["silver.s"].rows_rejected == 1
    assert sorted(row[:2] for row in lake.rows("silver.s")) == [(1, 10), (2, 21)]
