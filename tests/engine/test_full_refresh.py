"""`--full-refresh`: a table made anew from its whole inputs, in one commit, and what it is guarded against."""

from __future__ import annotations

from typing import Any

import pytest

import lakehouse
from lakehouse.engine import attempt
from lakehouse.engine.results import Status
from lakehouse.errors import SpecError, StepError
from tests.engine.lake import Lake

MERGE = "from: bronze.a\nmerge: {keys: id, sequence_by: n}\n"


def refreshed(lake: Lake, table: str = "silver.s", **options: Any) -> Any:
    return lake.run(full_refresh=table, **options)[table]


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    lake.bronze()
    lake.tables(silver={"s": MERGE}, gold={"g": "sql: SELECT count(*) AS c FROM silver.s"})
    lake.file("1.csv", "1,10,x", "2,20,y")
    lake.run()
    lake.file("2.csv", "1,30,z", "3,5,w")
    lake.run()
    return lake


def test_s89_a_changed_rule_counts_for_all_rows_after_a_full_refresh(loaded: Lake) -> None:
    loaded.tables(silver={"s": MERGE + "cleanse: [{upper: t}, {filter: id < 3}]"})
    (warned,) = lakehouse.plan(loaded.project())["silver.s"].warnings
    assert "`lakehouse run --full-refresh silver.s` makes all of them anew" in warned
    assert loaded.run().status is Status.IDLE
    done = refreshed(loaded)
    assert (done.reason, done.rows_read, done.rows_written, done.commits) == ("a full refresh was asked for", 4, 2, 1)
    assert loaded.rows("silver.s", "id", "n", "t") == [(1, 30, "Z"), (2, 20, "Y")]
    assert loaded.kinds("silver.s")[-1] == "refresh"
    assert loaded.rows("gold.g") == [(2,)]
    assert loaded.run().status is Status.IDLE
    loaded.file("3.csv", "2,40,v")
    loaded.run()
    assert loaded.rows("silver.s", "id", "n", "t") == [(1, 30, "Z"), (2, 40, "V")]
    before = loaded.version("silver.s")
    loaded.sql(f"RESTORE TABLE {{silver.s}} TO VERSION AS OF {before - 1}")
    loaded.run()
    assert loaded.rows("silver.s", "id", "n", "t") == [(1, 30, "Z"), (2, 40, "V")]


def test_s73_s91_other_keys_types_and_columns_are_taken_by_a_full_refresh(loaded: Lake) -> None:
    other = "from: bronze.a\nschema: {t: string, n: bigint}\nmerge: {keys: t, sequence_by: n}\npartitioned_by: t"
    loaded.tables(silver={"s": other})
    said = str(loaded.run(ok=False)["silver.s"].error)
    assert "`lakehouse run --full-refresh silver.s`" in said
    refreshed(loaded)
    log = loaded.log("silver.s")
    assert dict(log.columns) == {"t": "string", "n": "bigint", "_sequence": "bigint"}
    assert (log.partitioned_by, log.properties["lakehouse.merge"].partition(";")[0]) == (("t",), "keys t")
    assert loaded.rows("silver.s") == [("w", 5), ("x", 10), ("y", 20), ("z", 30)]
    assert loaded.run().status is Status.IDLE
    loaded.file("3.csv", "9,50,x")
    loaded.run()
    assert loaded.rows("silver.s") == [("w", 5), ("x", 50), ("y", 20), ("z", 30)]


def test_s53_a_full_refresh_that_fails_leaves_the_old_rows(loaded: Lake) -> None:
    rules = MERGE + "expectations: {small: {expect: n < 25, on_violation: fail}}"
    loaded.tables(silver={"s": rules})
    before = loaded.rows("silver.s")
    assert loaded.run(ok=False, full_refresh="silver.s")["silver.s"].status is Status.FAILED
    assert (loaded.rows("silver.s"), loaded.kinds("silver.s")[-1]) == (before, "data")


def test_rejected_rows_are_judged_anew_and_never_doubled(loaded: Lake) -> None:
    rules = MERGE + "expectations: {small: {expect: n < %d, on_violation: quarantine}}"
    loaded.tables(silver={"s": rules % 25})
    refreshed(loaded)
    assert loaded.rows("silver.s", "id", "n") == [(1, 10), (2, 20), (3, 5)]

    def rejected() -> list[int]:
        return sorted(r["n"] for r in lakehouse.quarantine(loaded.project(), "silver.s", spark=loaded.spark))

    assert rejected() == [30]
    refreshed(loaded)
    assert rejected() == [30]
    loaded.tables(silver={"s": rules % 15})
    refreshed(loaded)
    assert rejected() == [20, 30]


@pytest.mark.parametrize("where", ["plan", "confirm"])
def test_killed_a_full_refresh_has_done_nothing_or_all(
    loaded: Lake, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    loaded.tables(silver={"s": MERGE + "cleanse: [{upper: t}]"})
    before = loaded.rows("silver.s")

    def dies(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(attempt, where, dies)
        loaded.run(ok=False, full_refresh="silver.s")
    after = [(i, n, t.upper()) for i, n, t in before]
    assert loaded.rows("silver.s") == (before if where == "plan" else after)
    loaded.run()
    assert loaded.rows("silver.s") == (before if where == "plan" else after)
    refreshed(loaded)
    assert loaded.rows("silver.s") == after


def test_s79_who_reads_on_from_a_table_that_was_made_anew_is_told(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a\nappend: {keys: id}"})
    lake.file("1.csv", "1,10,x")
    lake.run()
    assert refreshed(lake).reason == "a full refresh was asked for"
    assert lake.rows("silver.s") == [(1, 10, "x")]


GUARDED = {
    "forbidden": (MERGE + "full_refresh: false", "`full_refresh: false` forbids it"),
    "history": ("from: bronze.a\nmerge: {keys: id, sequence_by: n, stored_as_scd_type: 2}", "it keeps a history"),
    "slices": ("from: bronze.a\nreplace_where: n > 0", "`replace_where` replaced a part of it"),
}


def test_rows_that_only_the_table_has_are_not_lost_by_mistake(loaded: Lake) -> None:
    loaded.tables(silver={name: text for name, (text, _) in GUARDED.items()})
    for name, (_, why) in GUARDED.items():
        with pytest.raises(SpecError) as found:
            loaded.run(full_refresh=f"silver.{name}")
        assert f"silver.{name}: {why}" in str(found.value)
        assert "--allow-data-loss" in str(found.value)
    with pytest.raises(SpecError, match=r"bronze\.a: a full refresh of a Bronze table is not available yet"):
        loaded.run(full_refresh="bronze.a", allow_data_loss=True)
    with pytest.raises(SpecError, match=r"gold\.g: the run does not select it"):
        loaded.run(select="silver.s", full_refresh="gold.g")
    loaded.run()
    loaded.run(full_refresh="layer:silver", allow_data_loss=True)
    assert {loaded.kinds(f"silver.{name}")[-1] for name in GUARDED} == {"refresh"}
    assert loaded.rows("silver.slices", "id") == [(1,), (1,), (2,), (3,)]
    assert loaded.rows("silver.history", "id", "is_current") == [(1, False), (1, True), (2, True), (3, True)]


def test_s93_rows_of_a_table_that_is_no_input_any_more_are_not_lost_by_mistake(lake: Lake) -> None:
    lake.bronze()
    lake.bronze("b")
    lake.tables(silver={"s": "from: [bronze.a, bronze.b]\nappend: true"})
    lake.file("1.csv", "1,10,x")
    lake.file("1.csv", "2,20,y", table="b")
    lake.run()
    lake.tables(silver={"s": "from: bronze.a\nappend: true"})
    error = lake.run(ok=False, full_refresh="silver.s")["silver.s"].error
    assert isinstance(error, StepError)
    assert (error.code, "came from bronze.b" in error.message) == ("refresh.inputs", True)
    lake.run(full_refresh="silver.s", allow_data_loss=True)
    assert lake.rows("silver.s", "id") == [(1,)]
    lake.tables(silver={"s": "from: [bronze.a, bronze.b]\nappend: true"})
    lake.run()
    assert lake.rows("silver.s", "id") == [(1,), (2,)], "it is read from its beginning again"


def test_tombstones_of_other_keys_are_named_before_anything_is_written(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a\nmerge: {keys: id, sequence_by: n, apply_as_deletes: t = 'D'}"})
    lake.file("1.csv", "1,10,x", "2,20,D")
    lake.run()
    lake.tables(silver={"s": "from: bronze.a\nmerge: {keys: t, sequence_by: n, apply_as_deletes: id = 2}"})
    error = lake.run(ok=False, full_refresh="silver.s")["silver.s"].error
    assert isinstance(error, StepError)
    assert error.code == "table.tombstones"
    assert lake.rows("silver.s", "id", "t") == [(1, "x")]
    (lake.root / "lake/silver/s_tombstones").rename(lake.root / "aside")
    lake.run(full_refresh="silver.s")
    assert lake.rows("silver.s", "id", "t") == [(1, "x")]
    assert lake.rows("silver.s_tombstones", "t", "kind") == [("D", "delete")]
