"""Fields that are new inside of a column, from the file through every incremental way to write."""

from __future__ import annotations

import json

from tests.engine.lake import Lake

WAYS = {
    "appended": "append: true",
    "keyed": "append: {keys: id}",
    "merged": "merge: {keys: id, sequence_by: _source_modified}",
    "history": "merge: {keys: id, sequence_by: _source_modified, stored_as_scd_type: 2}",
}


def test_new_nested_fields_go_to_the_end_and_older_rows_have_null_there(lake: Lake) -> None:
    lake.tables(
        bronze={"j": 'source: {format: json, path: "${landing}/j"}'},
        silver={name: f"from: bronze.j\n{way}" for name, way in WAYS.items()},
        gold={"whole": "sql: SELECT id, s, list FROM silver.appended"},
    )
    landing = lake.landing / "j"
    landing.mkdir(parents=True)
    first = {"id": 1, "s": {"a": "x"}, "list": [{"a": "y"}]}
    (landing / "1.json").write_text(json.dumps(first))
    lake.run()
    second = {"id": 2, "s": {"c": {"d": "z"}, "a": "x"}, "list": [{"b": "q"}]}
    (landing / "2.json").write_text(json.dumps(second))
    lake.run()
    for table in ("bronze.j", *(f"silver.{name}" for name in WAYS), "gold.whole"):
        types = lake.log(table).columns
        assert types["s"] == "struct<a:string,c:struct<d:string>>", table
        assert types["list"] == "array<struct<a:string,b:string>>", table
        found = {
            row[0]: (row[1].asDict(True), [r.asDict(True) for r in row[2]])
            for row in lake.rows(table, "id", "s", "list")
        }
        assert found == {
            "1": ({"a": "x", "c": None}, [{"a": "y", "b": None}]),
            "2": ({"a": "x", "c": {"d": "z"}}, [{"a": None, "b": "q"}]),
        }, table
