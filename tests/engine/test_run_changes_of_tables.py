"""Tables that read what changed in others: by their change feeds, through whole runs (S63, S74 to S79)."""

from __future__ import annotations

from typing import Any

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import OffsetError
from tests.engine.lake import Lake

LATEST = "from: bronze.a\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: _source_modified}"
COPY = "from: silver.s\nmerge: {keys: id}"


def inputs(lake: Lake, table: str) -> list[dict[str, Any]]:
    """How `plan` says that each input of the table is read."""
    return next(s for s in lakehouse.plan(lake.project()).to_dict()["steps"] if s["step"] == table)["inputs"]


def reads(lake: Lake, table: str) -> list[str]:
    return list(lakehouse.plan(lake.project())[table].reads)


def test_s63_s75_changes_flow_through_two_merges_by_the_order_of_commits(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y")
    lake.tables(silver={"s": LATEST, "t": COPY}, gold={"g": "from: silver.t\nmerge: {keys: id}"})
    lake.run()
    assert lake.rows("gold.g") == [(1, 10), (2, 20)]
    assert lake.log("silver.s").feeds
    assert lake.log("silver.s").properties["delta.deletedFileRetentionDuration"] == "interval 30 days"
    assert not lake.log("gold.g").feeds, "nobody reads it"
    lake.file("2.csv", "2,21,y", "3,30,z")
    second = lake.run()
    assert lake.rows("silver.t", "id", "n", "_sequence") == [(1, 10, 1), (2, 21, 2), (3, 30, 2)]
    assert lake.rows("gold.g") == [(1, 10), (2, 21), (3, 30)]
    step = second["silver.t"]
    assert (step.rows_read, step.rows_written, step.rows_updated, step.rows_superseded) == (3, 1, 1, 1)
    before = lake.versions()
    assert {s.status for s in lake.run().steps.values()} == {Status.IDLE}
    assert lake.versions() == before


def test_s75_deletes_key_changes_and_rows_that_a_filter_drops_delete(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y", "3,30,z", "4,40,w", "5,50,v")
    lake.tables(
        silver={"s": LATEST, "t": "from: silver.s\ncleanse: [{filter: n < 100}]\nmerge: {keys: id}"},
        gold={"g": "from: silver.t\nmerge: {keys: id}"},
    )
    lake.run()
    lake.sql("DELETE FROM {silver.s} WHERE id = 1")
    lake.sql("UPDATE {silver.s} SET n = 200 WHERE id = 2")
    lake.sql("UPDATE {silver.s} SET id = 33 WHERE id = 3")
    lake.sql("UPDATE {silver.s} SET n = 41 WHERE id = 4")
    lake.sql("UPDATE {silver.s} SET n = 42 WHERE id = 4")
    result = lake.run()
    assert lake.rows("silver.t") == [(33, 30), (4, 42), (5, 50)]
    assert lake.rows("gold.g") == lake.rows("silver.t")
    step = result["silver.t"]
    counts = {name: getattr(step, f"rows_{name}") for name in ("read", "written", "updated", "superseded", "deleted")}
    assert counts == {"read": 9, "written": 1, "updated": 1, "superseded": 3, "deleted": 3}
    assert step.rows_filtered == 1, "and so every row is accounted for"
    lake.sql("UPDATE {silver.s} SET n = 22 WHERE id = 2")
    lake.sql("INSERT INTO {silver.s} VALUES (1, 11, now())")
    lake.sql("DELETE FROM {silver.s} WHERE id = 5")
    lake.run()
    assert lake.rows("silver.t") == lake.rows("gold.g") == [(1, 11), (2, 22), (33, 30), (4, 42)]


def test_s75_a_quarantined_update_leaves_what_is_stored_and_its_delete_still_counts(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y")
    rule = "expectations: {small: {expect: n < 100, on_violation: quarantine}}"
    lake.tables(silver={"s": LATEST, "t": f"{COPY}\nschema: {{id: int, n: int}}\n{rule}"})
    lake.run()
    lake.file("2.csv", "1,100,x", "2,200,y")
    result = lake.run()["silver.t"]
    assert (result.rows_rejected, lake.rows("silver.t")) == (2, [(1, 10), (2, 20)])
    kept = lakehouse.quarantine(lake.project(), "silver.t", spark=lake.spark)
    assert {row["_commit_version"] for row in kept} == {2}
    lake.sql("DELETE FROM {silver.s} WHERE id = 1")
    last = lake.run()["silver.t"]
    assert (last.rows_rejected, lake.rows("silver.t")) == (0, [(2, 20)])


def test_s75_what_an_overwrite_did_not_change_is_no_change(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y", "3,5,y")
    lake.tables(
        silver={"s": LATEST},
        gold={
            "by_n": "from: silver.s\naggregate: {by: {big: n > 9}, measures: {rows: count(*)}}",
            "copy": "from: gold.by_n\nmerge: {keys: big}",
        },
    )
    lake.run()
    lake.file("2.csv", "3,50,z")
    result = lake.run()["gold.copy"]
    assert lake.rows("gold.copy", "big", "rows", "_sequence") == [(True, 3, 2)]
    assert (result.rows_updated, result.rows_deleted) == (1, 1)


def test_s74_rows_added_to_a_silver_table_that_is_only_appended_to(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(
        silver={"log": "from: bronze.a\nschema: {id: int, n: int}\nappend: true", "more": "from: silver.log"},
        gold={"latest": "from: silver.more\nmerge: {keys: id, sequence_by: n}"},
    )
    lake.run()
    lake.file("2.csv", "1,11,x", "2,20,y")
    assert reads(lake, "silver.more") == []
    lake.run()
    assert lake.rows("silver.more") == [(1, 10), (1, 11), (2, 20)]
    assert lake.rows("gold.latest") == [(1, 11), (2, 20)]
    lake.sql("OPTIMIZE {silver.log}")
    assert lake.run()["silver.more"].status is Status.IDLE
    lake.sql("UPDATE {silver.log} SET n = 0 WHERE id = 2")
    error = lake.run(ok=False)["silver.more"].error
    assert getattr(error, "code", "") == "offset.changed"


def test_s75_all_changes_are_appended_as_delta_gives_them(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(silver={"s": LATEST}, gold={"log": "from: {table: silver.s, changes: true}\nappend: true"})
    lake.run()
    lake.file("2.csv", "1,11,x", "2,20,y")
    lake.run()
    found = lake.rows("gold.log", "id", "n", "_change_type", "_commit_version")
    assert found == [
        (1, 10, "insert", 1), (1, 10, "update_preimage", 2), (1, 11, "update_postimage", 2), (2, 20, "insert", 2),
    ]  # fmt: skip


def test_s76_a_reader_that_appears_reads_all_first_and_switches_the_feed_on(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y")
    lake.tables(silver={"s": LATEST})
    lake.run()
    assert not lake.log("silver.s").feeds
    lake.tables(silver={"t": COPY})
    lake.run()
    assert lake.log("silver.s").feeds
    assert lake.kinds("silver.s")[-1] == "alter"
    assert reads(lake, "silver.t") == []
    lake.file("2.csv", "2,21,y")
    lake.run(select="bronze.a+")
    lake.run()
    assert lake.rows("silver.t") == [(1, 10), (2, 21)]
    lake.sql("UPDATE {silver.s} SET n = 12 WHERE id = 1")
    assert reads(lake, "silver.t") == [
        f"silver.s version {lake.version('silver.s')}, what changed since version {lake.version('silver.s') - 1}: change feed"
    ]
    assert [i["how"] for i in inputs(lake, "silver.t")] == ["change feed"]


def test_s79_a_feed_that_was_off_for_a_change_stops_the_reader(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y")
    lake.tables(silver={"s": LATEST, "t": COPY})
    lake.run()
    lake.sql("ALTER TABLE {silver.s} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false')")
    lake.sql("DELETE FROM {silver.s} WHERE id = 1")
    step = lake.run(ok=False)["silver.t"]
    assert getattr(step.error, "code", "") == "offset.feed"
    assert lake.rows("silver.t") == [(1, 10), (2, 20)]


def test_s79_s80_an_input_that_was_restored_or_made_anew(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(silver={"s": LATEST, "t": COPY})
    lake.run()
    read_at = lake.version("silver.s")
    lake.sql("UPDATE {silver.s} SET n = 99 WHERE id = 1")
    lake.sql("RESTORE TABLE {silver.s} TO VERSION AS OF " + str(read_at))
    lake.sql("UPDATE {silver.s} SET n = 11 WHERE id = 1")
    lake.run()
    assert lake.rows("silver.t", "id", "n", "_sequence") == [(1, 11, read_at + 3)], "what was undone was never there"
    lake.sql("RESTORE TABLE {silver.s} TO VERSION AS OF " + str(read_at))
    error = lake.run(ok=False)["silver.t"].error
    assert getattr(error, "code", "") == "offset.undone"
    lake.delete("silver/s")
    error = lake.run(ok=False)["silver.t"].error
    assert getattr(error, "code", "") == "offset.recreated"


def test_s93_a_change_feed_and_a_bronze_table_in_one_from(lake: Lake) -> None:
    lake.bronze()
    lake.bronze("b")
    lake.file("1.csv", "1,10,x")
    lake.file("1.csv", "2,20,y", table="b")
    both = "from: [silver.s, bronze.b]\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: n}"
    lake.tables(silver={"s": LATEST, "both": both})
    lake.run()
    assert lake.rows("silver.both") == [(1, 10), (2, 20)]
    lake.file("2.csv", "2,21,y", table="b")
    assert [i["how"] for i in inputs(lake, "silver.both")] in ([], ["nothing new", "new rows"])
    lake.run()
    lake.sql("DELETE FROM {silver.s} WHERE id = 1")
    lake.run()
    assert lake.rows("silver.both") == [(2, 21)]


@pytest.mark.parametrize("twice", [False, True])
def test_s75_columns_that_come_and_grow_are_read_on(lake: Lake, twice: bool) -> None:
    lake.bronze(hints="id: int, n: int")
    lake.file("1.csv", "1,10,x")
    lake.tables(silver={"s": LATEST.replace(", n: int", ", n: int, t: string"), "t": COPY})
    lake.run()
    lake.tables(
        silver={
            "s": LATEST.replace("n: int", "n: bigint, t: string, extra: string").replace(
                "schema:", "cleanse: [{derive: {extra: t}}]\nschema:"
            )
        }
    )
    lake.file("2.csv", "1,3000000000,x", "2,20,y") if twice else lake.file("2.csv", "2,20,y")
    lake.run()
    lake.sql("DELETE FROM {silver.s} WHERE id = 2")
    lake.run()
    assert lake.rows("silver.t", "id", "t") == [(1, "x")]


def test_s75_what_a_filter_would_not_have_taken_deletes_nothing(lake: Lake) -> None:
    lake.bronze(hints="id: int, n: int")
    lake.tables(
        silver={"h": "from: bronze.a\nmerge: {keys: id, sequence_by: n, stored_as_scd_type: 2}"},
        gold={"now": "from: silver.h\ncleanse: [{filter: is_current}]\nmerge: {keys: id}"},
    )
    lake.file("1.csv", "1,1,a", "1,5,b")
    lake.run()
    lake.file("2.csv", "1,3,c")  # late: it changes what is not current
    lake.run()
    assert lake.rows("silver.h", "t", "valid_from", "valid_to") == [("a", 1, 3), ("b", 5, None), ("c", 3, 5)]
    assert lake.rows("gold.now", "id", "t") == [(1, "b")]
    lake.file("3.csv", "1,9,d")
    lake.run()
    assert lake.rows("gold.now", "id", "t") == [(1, "d")]


@pytest.mark.parametrize("more", ["", "cleanse: [{derive: {l: 'array(n)'}}, {explode: {column: l, into: m}}]\n"])
def test_s58_s75_a_rejected_change_is_replayed(lake: Lake, more: str) -> None:
    rule = more + "expectations: {small: {expect: n < 100, on_violation: quarantine}}"
    lake.bronze()
    lake.tables(silver={"s": LATEST, "t": f"{COPY}\n{rule}"})
    lake.file("1.csv", "1,500,x", "2,20,y")
    lake.run()
    assert lake.rows("silver.t", "id", "n") == [(2, 20)]
    lake.sql("UPDATE {silver.t_quarantine} SET n = 50" + (", m = 50" if more else ""))
    done = lakehouse.replay(lake.project(), "silver.t", lake.spark)["silver.t"]
    assert (done.error, done.rows_written) == (None, 1)
    assert lake.rows("silver.t", "id", "n") == [(1, 50), (2, 20)]


def test_s75_a_feed_is_not_read_across_another_partitioning(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a\nmerge: {keys: id, sequence_by: n}"}, gold={"g": COPY})
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.file("2.csv", "2,20,y")
    lake.run(select="bronze.a silver.s")
    layout = "from: bronze.a\nmerge: {keys: id, sequence_by: n}\npartitioned_by: t"
    lake.tables(silver={"s": layout})
    lakehouse.maintain(lake.project(), lake.spark, select="silver.s", rewrite=True)
    error = lake.run(ok=False)["gold.g"].error
    assert isinstance(error, OffsetError)
    assert error.code == "offset.feed"
    lake.run(full_refresh="gold.g")
    assert lake.rows("gold.g", "id", "t") == [(1, "x"), (2, "y")]
    lake.file("3.csv", "3,30,z")
    lake.run()
    assert lake.rows("gold.g", "id", "t") == [(1, "x"), (2, "y"), (3, "z")]


def test_a_feed_that_was_off_where_nothing_changed_is_read(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": LATEST})
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.tables(gold={"g": COPY})
    lake.run(select="gold.g")
    lake.sql("OPTIMIZE {silver.s} ZORDER BY (id)")
    lake.file("2.csv", "2,20,y")
    lake.run()
    assert lake.rows("gold.g", "id", "n") == [(1, 10), (2, 20)]


def test_changes_of_a_table_that_was_read_by_batches_are_refused(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={"s": "from: bronze.a\nappend: true"})
    lake.file("1.csv", "1,10,x")
    lake.run()
    lake.tables(silver={"s": "from: {table: bronze.a, changes: true}\nappend: true"})
    error = lake.run(ok=False)["silver.s"].error
    assert isinstance(error, OffsetError)
    assert error.code == "offset.feed"
