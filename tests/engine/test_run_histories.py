"""Histories (`stored_as_scd_type: 2`) in runs: late rows, what is remembered for them, RESTORE, replay."""

from __future__ import annotations

import lakehouse
from lakehouse.lake.target import location
from tests.engine.lake import Lake

HISTORY = """from: bronze.a
schema: {id: int, v: string, u: int, at: int}
merge: {keys: id, sequence_by: at, stored_as_scd_type: 2, track_history_column_list: v}
"""
COLUMNS = ("id", "v", "u", "valid_from", "valid_to", "_sequence")
HEADER, HINTS = "id,v,u,at", "id: int, u: int, at: int"
SPLICED = [(1, "a", 11, 1, 3, 1), (1, "a", 15, 5, None, 5), (1, "b", 13, 3, 5, 3), (2, "z", 20, 2, None, 2)]


def counts(lake: Lake, done: lakehouse.RunResult) -> dict[str, int]:
    (row,) = (row for row in lake.audit("steps", done) if row["step"] == "silver.s")
    return {name[5:]: count for name, count in row.items() if name.startswith("rows_") and count}


def remembered(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("silver.s_tombstones", "id", "_sequence", "kind", "u", "_batch")


def test_s65_s67_late_rows_are_spliced_by_what_is_remembered(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    lake.tables(silver={"s": HISTORY})
    lake.file("1.csv", "1,a,11,1", "2,z,20,2", header=HEADER)
    lake.run()
    assert not lake.exists("silver.s_tombstones"), "nothing was forgotten"
    lake.file("2.csv", "1,a,15,5", header=HEADER)
    assert counts(lake, lake.run()) == {"read": 1, "updated": 1}
    assert remembered(lake) == [(1, 1, "same", 11, 2), (1, 5, "same", 15, 2)]
    lake.file("3.csv", "1,b,13,3", header=HEADER)
    done = lake.run()
    assert lake.rows("silver.s", *COLUMNS) == SPLICED
    assert counts(lake, done) == {"read": 1, "late": 1}
    assert lake.kinds("silver.s")[-3:] == ["data", "data", "data"]
    before = lake.versions()
    lake.run()
    assert lake.versions() == before

    # both rows come once more, together: what was remembered by commits that are undone is not told
    lake.spark.sql(f"RESTORE TABLE {location(lake.path('silver.s'))} TO VERSION AS OF 1")
    assert counts(lake, lake.run()) == {"read": 2, "written": 2}
    assert lake.rows("silver.s", *COLUMNS) == SPLICED


def test_s58_a_late_row_is_replayed_into_a_history(lake: Lake) -> None:
    lake.bronze(hints=HINTS)
    rule = "expectations: {known: {expect: v <> '?', on_violation: quarantine}}\n"
    lake.tables(silver={"s": HISTORY + rule})
    lake.file("1.csv", "1,a,11,1", "1,?,13,3", "1,a,15,5", "2,z,20,2", header=HEADER)
    lake.run()
    lake.spark.sql(f"UPDATE {location(lake.path('silver.s_quarantine'))} SET v = 'b'")
    step = lakehouse.replay(lake.project(), "silver.s", lake.spark)["silver.s"]
    assert step.error is None
    assert lake.rows("silver.s", *COLUMNS) == SPLICED
