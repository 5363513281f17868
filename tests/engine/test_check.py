"""`validate --data`: what of a table's new files would not load as it is; nothing is written."""

from __future__ import annotations

import lakehouse
from tests.engine.lake import Lake


def problems(found: lakehouse.DataCheck) -> list[tuple[str, int | None]]:
    return [(problem.kind, problem.rows) for problem in found.problems if problem.sample is None]


def test_every_kind_of_problem_is_told_and_nothing_is_written(lake: Lake) -> None:
    rule = "expectations: {not_negative: {expect: n IS NULL OR n >= 0, on_violation: drop}}"
    lake.bronze(more=rule)
    lake.file("1.csv", "1,1,x", "2,oops,y", "3", "4,-1,z")
    (lake.landing / "a" / "2.csv.gz").write_bytes(b"no gzip")
    lake.file("3.csv", "5,5,x,new", header="id,n,t,more")
    found = lakehouse.validate_data(lake.project(), "bronze.a", spark=lake.spark)
    assert not found.ok
    assert (found.files, found.rows, found.new_columns) == (3, 3, {"t": "string", "more": "string"})
    assert problems(found) == [("file", None), ("record", 1), ("rescued", 1), ("not_negative", 1)]
    samples = {p.kind: (p.file or "", p.sample) for p in found.problems if p.sample is not None}
    assert samples["record"][1] == "3"
    assert '"n":"oops"' in (samples["rescued"][1] or "")
    assert samples["rescued"][0].endswith("1.csv")
    assert not (lake.root / "lake").exists(), "nothing was written"

    lake.run()
    versions = lake.versions()
    again = lakehouse.validate_data(lake.project(), "bronze.a", spark=lake.spark)
    assert (again.ok, again.files, again.rows) == (True, 0, 0), "what is loaded is not looked at again"
    lake.file("4.csv", "7,x,y")
    assert problems(lakehouse.validate_data(lake.project(), "bronze.a", spark=lake.spark)) == [("rescued", 1)]
    assert lake.versions() == versions


def test_a_column_that_would_fail_the_step_is_a_problem(lake: Lake) -> None:
    (lake.landing / "c").mkdir(parents=True)
    source = 'source: {format: csv, path: "${landing}/c", options: {header: true}}'
    lake.tables(bronze={"c": f"{source}\ncopy_into: {{}}"})
    lake.file("1.csv", "1", table="c", header="id")
    lake.run()
    lake.file("2.csv", "1,2", table="c", header="id,more")
    found = lakehouse.validate_data(lake.project(), "bronze.c", spark=lake.spark)
    assert [(p.kind, "more" in p.message) for p in found.problems] == [("columns", True)]


def test_only_so_many_rows_are_read(lake: Lake) -> None:
    lake.bronze(options="max_files_per_trigger: 1")
    lake.file("1.csv", *(f"{i},{i},x" for i in range(10)), "bad")
    lake.file("2.csv", "x,x,x")
    found = lakehouse.validate_data(lake.project(), "bronze.a", rows=5, spark=lake.spark)
    assert (found.ok, found.files, found.rows) == (True, 1, 5)
    assert not lakehouse.validate_data(lake.project(), "bronze.a", rows=50, spark=lake.spark).ok


def test_select_of_copy_into_from_files_to_table(lake: Lake) -> None:
    items = '["cast(id AS int) AS id", "_metadata.file_name", "upper(t) AS T"]'
    source = 'source: {format: csv, path: "${landing}/c", options: {header: true}}'
    lake.tables(bronze={"c": f"{source}\ncopy_into: {{select: {items}}}"})
    lake.file("1.csv", "1,1,x", "2,2,y", table="c")
    lake.run()
    assert lake.rows("bronze.c", "id", "file_name", "T") == [(1, "1.csv", "X"), (2, "1.csv", "Y")]
    lake.file("2.csv", "3,3,z", table="c")
    lake.run()
    assert dict(lake.log("bronze.c").columns)["id"] == "int"
    assert len(lake.rows("bronze.c", "id")) == 3
    assert not lake.run().used_spark
