"""Rows of the semantics about what flows between tables and what a change of the file means, as `decide` keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.errors import StepError
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.definition import stored_columns
from lakehouse.planning.work import Create, Settle, Work
from tests.planning.projects import Lake, project
from tests.planning.test_decide import COLUMNS, TEXT, bronze, decided, idle, offset, silver, work


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "landing").mkdir()
    return Lake(project(tmp_path, TEXT))


def changed(lake: Lake, before: str, after: str) -> None:
    """The file says something else from now on."""
    assert before in TEXT
    lake.plan = compile_(project(lake.project.root, TEXT.replace(before, after)))


def test_s76_the_first_run_reads_all_and_later_ones_go_on(lake: Lake) -> None:
    bronze(lake, ["1.csv"], ["2.csv"])
    lake.create("silver.s", COLUMNS)
    (first,) = work(lake, "silver.s").inputs
    assert (first.version, first.since) == (2, {"batch": 0})
    lake.write("silver.s", 1, {"bronze.a": dict(first.offset)})
    lake.write("bronze.a", 3, {"files": {"batch": 3}})
    (later,) = work(lake, "silver.s").inputs
    assert (later.version, later.since) == (3, {"batch": 2})


def test_s81_rows_changed_by_hand_compute_what_reads_the_table_anew(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.create("gold.g", {"x": "string", "n": "bigint"})
    lake.write("gold.g", 1, {"silver.s": offset(lake, "silver.s")}, mode="overwrite")
    assert idle(lake, "gold.g") == "no input changed"
    DeltaTable(lake.path("silver.s")).update(updates={"x": "'by hand'"})
    settled = decided(lake, "silver.s")
    assert isinstance(settled, Settle), "the version that an idle run looked at is noted, nothing else happens"
    assert [c.version for c in settled.confirm] == [lake.log("silver.s").version]
    assert work(lake, "gold.g").refresh == "full"


def test_s89_other_rules_count_from_now_on(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    changed(lake, "s: {from: bronze.a, ", "s: {from: bronze.a, cleanse: [{trim: x}], ")
    assert idle(lake, "silver.s").startswith("no new rows")
    lake.write("bronze.a", 2, {"files": {"batch": 2}})
    (only,) = work(lake, "silver.s").inputs
    assert only.since == {"batch": 1}


@pytest.mark.parametrize(
    ("table", "before", "after"),
    [
        ("gold.g", "count_if(length(x) > :limit)", "count(*)"),
        ("gold.g", "variables: {limit: 1}", "variables: {limit: 2}"),
        ("gold.q", "SELECT x FROM", "SELECT upper(x) AS x FROM"),
    ],
)
def test_s90_a_function_of_its_inputs_is_computed_anew(lake: Lake, table: str, before: str, after: str) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.create(table, {"x": "string", "n": "bigint"})
    lake.write(table, 1, {"silver.s": offset(lake, "silver.s")}, mode="overwrite")
    assert idle(lake, table) == "no input changed"
    changed(lake, before, after)
    found = work(lake, table)
    assert (found.refresh, found.reason) == ("full", "its definition changed")


MORE = "s: {from: bronze.a, cleanse: [{derive: {y: upper(x)}}], schema: {x: string, y: string}}"


def test_s91_a_column_is_added_with_the_next_rows(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    changed(lake, "s: {from: bronze.a, schema: {x: string}}", MORE)
    assert list(stored_columns(lake.plan["silver.s"], {"x": "string", "y": "string"})) == ["x", "y"]
    assert idle(lake, "silver.s").startswith("no new rows"), "no ALTER: the data statement adds it"


def test_s91_a_column_that_is_taken_away_is_kept(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    before = compile_(project(lake.project.root, TEXT.replace("s: {from: bronze.a, schema: {x: string}}", MORE)))
    lake.create("silver.s", {"x": "string", "y": "string"}, like=before["silver.s"])
    lake.write("silver.s", 1, {"bronze.a": offset(lake, "bronze.a")})
    assert idle(lake, "silver.s").startswith("no new rows"), "nothing is dropped"
    assert list(lake.log("silver.s").columns) == ["x", "y"]


def test_s91_another_type_of_a_stored_column_is_refused(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    changed(lake, "s: {from: bronze.a, schema: {x: string}}", "s: {from: bronze.a, schema: {x: int}}")
    with pytest.raises(StepError, match="is stored as string and declared as int") as error:
        decided(lake, "silver.s")
    assert error.value.code == "table.type"


def test_s94_another_name_is_another_table_and_the_old_one_stays(lake: Lake) -> None:
    bronze(lake, ["1.csv"], ["2.csv"])
    text = TEXT.replace("  a: {source", "  b: {source").replace("bronze.a", "bronze.b")
    lake.plan = compile_(project(lake.project.root, text))
    found = decided(lake, "bronze.b")
    assert isinstance(found, Create)
    assert isinstance(found.then, Work)
    assert sum(len(batch.files) for batch in found.then.batches) == 2, "all files again"
    assert lake.log("bronze.a").version == 2
    with pytest.raises(KeyError):
        lake.plan["bronze.a"]


def test_s79_deleted_rows_that_are_restored_let_a_reader_go_on(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    version = lake.log("bronze.a").version
    DeltaTable(lake.path("bronze.a")).delete()
    DeltaTable(lake.path("bronze.a")).restore(version)
    found = decided(lake, "silver.s")
    assert isinstance(found, Work), "nothing new in it, but its versions are passed over by a commit"
