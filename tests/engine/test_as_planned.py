"""What `plan` says right before a run is what the run does, also where the file has changed."""

from __future__ import annotations

from tests.as_planned import Planned
from tests.engine.lake import Lake

SILVER = {
    "log": "from: bronze.a\nschema: {id: int, n: int}",
    "latest": "from: bronze.a\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: _batch}",
}
GOLD = {"g": "from: silver.latest\naggregate: {by: id, measures: {n: sum(n)}}"}


FEEDS = {
    "more": "from: silver.log",
    "copy": "from: [silver.latest]\nmerge: {keys: id}",
    "part": "from: silver.latest\nreplace_where: id > 0",
    "ids": "from: silver.latest\nreplace_using: id",
}


def as_planned(lake: Lake) -> list[str]:
    planned = Planned.now(lake.project())
    return planned.differences(lake.run().id)


def test_new_tables_new_rows_altered_tables_and_nothing(lake: Lake) -> None:
    lake.bronze(more="", options="max_files_per_trigger: 1")
    lake.tables(silver=SILVER, gold=GOLD)
    lake.file("1.csv", "1,10,x")
    lake.file("2.csv", "2,20,y")
    assert as_planned(lake) == []
    lake.file("3.csv", "1,11,x")
    lake.tables(
        silver={
            "log": "from: bronze.a\nschema: {id: int, n: int, t: string}\ncomment: All of them.",
            "latest": SILVER["latest"] + "\nmaintenance: {optimize: always}",
        }
    )
    assert as_planned(lake) == []
    assert as_planned(lake) == []


def test_s75_s86_s87_changes_of_tables_and_parts_that_are_replaced(lake: Lake) -> None:
    lake.bronze()
    lake.tables(silver={**SILVER, **FEEDS})
    lake.file("1.csv", "1,10,x", "2,20,y")
    assert as_planned(lake) == []
    lake.file("2.csv", "1,11,x")
    lake.run(select=["bronze.a", "silver.log", "silver.latest"])
    assert as_planned(lake) == []
    assert lake.rows("silver.copy") == lake.rows("silver.part") == lake.rows("silver.ids") == [(1, 11), (2, 20)]
    assert lake.rows("silver.more") == [(1, 10), (1, 11), (2, 20)]
    assert as_planned(lake) == []
