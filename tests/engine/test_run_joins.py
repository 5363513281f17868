"""Runs of steps that read more than one table: rows of several, and tables that are only looked up."""

from __future__ import annotations

import pytest

import lakehouse
from lakehouse.engine import attempt
from lakehouse.engine.results import Status
from lakehouse.errors import DataError, SpecError
from tests.engine.lake import Lake

PLANES = "from: bronze.p\nschema: {id: int, name: string}\nmerge: {keys: id, sequence_by: _source_modified}"
LOG = "from: bronze.a\ncleanse: [{join: {table: silver.p, using: id}}]\nschema: {id: int, n: int, name: string}"


@pytest.fixture
def joins(lake: Lake) -> Lake:
    """Rows in bronze.a, their names by way of bronze.p in silver.p."""
    lake.bronze()
    lake.bronze("p", hints="id: int")
    lake.tables(silver={"p": PLANES, "log": LOG})
    lake.file("1.csv", "1,10,x", "2,20,y")
    planes(lake, "1", "1,one", "3,three")
    return lake


def planes(lake: Lake, name: str, *rows: str) -> None:
    lake.file(f"{name}.csv", *rows, table="p", header="id,name")


def test_s45_new_rows_meet_the_lookup_as_it_is_and_later_changes_of_it_revisit_none(joins: Lake) -> None:
    joins.tables(silver={"mirror": f"{LOG}\noverwrite: true"})
    first = joins.run()
    assert joins.rows("silver.log") == joins.rows("silver.mirror") == [(1, 10, "one"), (2, 20, None)]
    assert first["silver.mirror"].rows_read == 2, "rows of a lookup are not what is read"
    offsets = joins.signature("silver.log").offsets
    assert {name: sorted(offset) for name, offset in offsets.items()} == {
        "bronze.a": ["batch", "id", "version"], "silver.p": ["id", "version"],
    }  # fmt: skip
    assert offsets["silver.p"]["version"] == joins.version("silver.p") == 1
    planes(joins, "2", "1,uno", "2,due")
    before = joins.version("silver.log")
    second = joins.run()
    assert (second["silver.log"].status, joins.version("silver.log")) == (Status.IDLE, before)
    assert second["silver.log"].reason == "no new rows in bronze.a"
    assert second["silver.mirror"].reason.startswith("changed: silver.p version 1 -> ")
    assert joins.rows("silver.mirror") == [(1, 10, "uno"), (2, 20, "due")]
    joins.file("2.csv", "1,11,x")
    joins.run()
    assert joins.rows("silver.log") == [(1, 10, "one"), (1, 11, "uno"), (2, 20, None)]
    assert joins.signature("silver.log").offsets["silver.p"]["version"] == joins.version("silver.p")


def test_s45_two_matches_write_nothing_and_say_which_key_and_what_to_do(joins: Lake) -> None:
    table = LOG.replace("silver.p", "bronze.p")
    joins.tables(silver={"log": table})
    planes(joins, "2", "3,drei")
    joins.run()
    assert joins.rows("silver.log") == [(1, 10, "one"), (2, 20, None)], "nobody asks for 3"
    joins.file("2.csv", "3,30,z", "1,11,x")
    result = joins.run(ok=False)
    error = result["silver.log"].error
    assert isinstance(error, DataError)
    assert "join.bronze.p" in error.message
    assert "for example 3: 2 rows of bronze.p match this id; have one of them there, or write `many: true`" in str(
        error
    )
    assert len(joins.rows("silver.log")) == 2
    rules = {r["name"]: r for r in joins.audit("expectations", result) if r["table"] == "silver.log"}
    assert (rules["join.bronze.p"]["action"], rules["join.bronze.p"]["passed"]) == ("fail", False)
    joins.tables(silver={"log": table.replace("using: id", "using: id, many: true")})
    joins.run()
    assert joins.rows("silver.log") == [
        (1, 10, "one"), (1, 11, "one"), (2, 20, None), (3, 30, "drei"), (3, 30, "three"),
    ]  # fmt: skip


def test_s77_a_lookup_is_read_at_the_version_of_the_run_s_begin(joins: Lake) -> None:
    joins.run()
    joins.file("2.csv", "3,30,z")
    version = joins.version("silver.p")

    def meanwhile(event: lakehouse.Event) -> None:
        if event.kind == "step started" and str(event.step) == "bronze.a":
            joins.sql("UPDATE {silver.p} SET name = 'late'")

    joins.run(select=("bronze.a", "silver.log"), listener=meanwhile)
    assert joins.version("silver.p") == version + 1
    assert joins.rows("silver.log")[-1] == (3, 30, "three")
    assert joins.signature("silver.log").offsets["silver.p"]["version"] == version


def test_a_plan_says_what_is_looked_up_and_a_lookup_must_be_there(joins: Lake) -> None:
    joins.tables(
        gold={"g": "from: silver.log\ncleanse: [{join: {table: bronze.p, using: id, prefix: p_}}]\noverwrite: true"}
    )
    with pytest.raises(SpecError) as error:
        joins.run(select="silver.log")
    problem = next(p for p in error.value.problems if "silver.p" in p.message)
    assert problem.code == "missing-table"
    assert "silver.log reads silver.p, which is not selected" in problem.message
    assert lakehouse.load(joins.root / "pipelines")
    joins.run()
    joins.file("2.csv", "2,21,x")
    joins.run(select="bronze.a")
    planes(joins, "2", "2,due")
    step = lakehouse.plan(joins.project())["silver.log"]
    assert step.condition == "", "that silver.p may change is no work for it"
    assert step.reads == (
        f"bronze.a version {joins.version('bronze.a')}, batches after 1",
        f"silver.p version {joins.version('silver.p')}, whole, as a lookup",
    )
    inputs = step.to_dict()["inputs"]
    assert [(i["table"], i["how"], i["version"]) for i in inputs] == [
        ("bronze.a", "new rows", 2), ("silver.p", "lookup", 1),
    ]  # fmt: skip
    assert [c.name for c in step.checks][:1] == ["join.silver.p"]
    assert step.step.after == {lakehouse.TableName("bronze", "a"), lakehouse.TableName("silver", "p")}


def test_rows_meet_the_version_that_was_valid_at_their_time(joins: Lake) -> None:
    history = PLANES.replace("sequence_by: _source_modified", "sequence_by: since, stored_as_scd_type: 2")
    joins.tables(
        silver={
            "p": history.replace("{id: int, name: string}", "{id: int, name: string, since: timestamp}"),
            "log": "from: bronze.a\ncleanse:\n  - cast: {t: timestamp}\n"
            "  - as_of_join: {table: silver.p, using: id, at: t, on_missing: quarantine}\n"
            "schema: {id: int, name: string}",
        }
    )
    for path in joins.landing.rglob("*.csv"):
        path.unlink()
    joins.file("1.csv", "1,one,2024-01-01", table="p", header="id,name,since")
    joins.file("2.csv", "1,uno,2024-03-01", table="p", header="id,name,since")
    joins.file("1.csv", "1,10,2024-02-29", "1,20,2024-03-01", "1,30,2023-12-31")
    result = joins.run()["silver.log"]
    assert joins.rows("silver.log") == [(1, "one"), (1, "uno")]
    assert result.rows_rejected == 1
    (row,) = lakehouse.quarantine(joins.project(), "silver.log", spark=joins.spark)
    assert (row["n"], row["_stage"]) == (30, "input")


# --- several inputs -----------------------------------------------------------------------------------------------

UNION = "from: [bronze.a, bronze.b]\nschema: {id: bigint, n: int, t: string, more: string}\nappend: true"


@pytest.fixture
def two(lake: Lake) -> Lake:
    """Rows of bronze.a and bronze.b, which have columns of their own, in silver.u."""
    lake.bronze()
    lake.bronze("b", hints="id: bigint, n: int")
    lake.tables(silver={"u": UNION})
    lake.file("1.csv", "1,10,x")
    lake.file("1.csv", "2,20,new", table="b", header="ID,n,more")
    return lake


def places(lake: Lake, table: str = "silver.u") -> dict[str, int]:
    return {name: offset["batch"] for name, offset in lake.signature(table).offsets.items()}


def test_rows_of_several_tables_are_united_by_name_with_an_offset_each(two: Lake) -> None:
    two.run()
    assert two.rows("silver.u") == [(1, 10, "x", None), (2, 20, None, "new")]
    assert places(two) == {"bronze.a": 1, "bronze.b": 1}
    two.file("2.csv", "3,30,z")
    step = lakehouse.plan(two.project())["silver.u"]
    assert step.condition == "if bronze.a brings rows"
    two.run(select="bronze.a")
    step = lakehouse.plan(two.project())["silver.u"]
    assert step.reason == "new rows: bronze.a version 1 -> 2"
    assert step.reads == ("bronze.a version 2, batches after 1", "bronze.b version 1, nothing new")
    assert [i["how"] for i in step.to_dict()["inputs"]] == ["new rows", "nothing new"]
    result = two.run()
    assert result["silver.u"].rows_written == 1
    assert two.rows("silver.u")[-1] == (3, 30, "z", None), "a column that only the other table has is there"
    assert places(two) == {"bronze.a": 2, "bronze.b": 1}
    version = two.version("silver.u")
    assert (two.run()["silver.u"].status, two.version("silver.u")) == (Status.IDLE, version)


def test_an_attempt_that_dies_leaves_every_offset_where_it_was(two: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    two.run()
    two.file("2.csv", "3,30,z")
    two.file("2.csv", "4,40,m", table="b", header="id,n,more")

    def dies(*_: object) -> None:
        raise RuntimeError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "write_rows", dies)
        two.run(ok=False)
    assert len(two.rows("silver.u")) == 2
    with monkeypatch.context() as patch:  # the commit is there, and nobody knows of it
        patch.setattr(attempt, "confirm", dies)
        two.run(ok=False)
    two.run()
    assert [row[0] for row in two.rows("silver.u")] == [1, 2, 3, 4]
    assert places(two) == {"bronze.a": 2, "bronze.b": 2}


def test_s93_an_added_input_is_read_from_its_beginning_and_rows_of_a_removed_one_stay(two: Lake) -> None:
    one = UNION.replace("[bronze.a, bronze.b]", "bronze.a").replace(", more: string", "")
    two.tables(silver={"u": one})
    two.file("2.csv", "3,30,z")
    two.run()
    assert [row[0] for row in two.rows("silver.u")] == [1, 3]
    two.tables(silver={"u": UNION})
    two.run()
    assert [row[0] for row in two.rows("silver.u")] == [1, 2, 3]
    assert places(two) == {"bronze.a": 1, "bronze.b": 1}
    two.tables(silver={"u": UNION.replace("[bronze.a, bronze.b]", "bronze.b").replace("t: string, ", "")})
    two.file("3.csv", "5,50,z")
    two.file("2.csv", "4,40,m", table="b", header="id,n,more")
    two.run()
    assert [row[0] for row in two.rows("silver.u")] == [1, 2, 3, 4], "and new rows of the removed one do not come"
    assert places(two) == {"bronze.a": 1, "bronze.b": 2}, "its offset is kept"
    two.tables(silver={"u": UNION})
    two.run()
    assert [row[0] for row in two.rows("silver.u")] == [1, 2, 3, 4, 5], "so put back it goes on, and nothing is doubled"


def test_s93_a_lookup_that_becomes_an_input_is_read_from_its_beginning(two: Lake) -> None:
    lookup = "from: bronze.a\ncleanse: [{join: {table: bronze.b, using: id, select: more}}]\n"
    two.tables(silver={"u": lookup + UNION.partition("\n")[2]})
    two.run()
    assert "batch" not in two.signature("silver.u").offsets["bronze.b"]
    two.tables(silver={"u": UNION})
    two.run()
    assert two.rows("silver.u", "id", "more") == [(1, None), (2, "new")]
    two.tables(silver={"u": lookup + UNION.partition("\n")[2]})
    two.file("2.csv", "2,30,z")
    two.run()
    two.tables(silver={"u": UNION})
    two.run()
    assert two.rows("silver.u", "id", "more") == [(1, None), (2, "new"), (2, "new")], "its rows were read, and are kept"


@pytest.mark.parametrize("hints", ["id: bigint, n: string", "id: bigint, n: date"])
def test_types_that_differ_are_refused_where_none_holds_the_others(two: Lake, hints: str) -> None:
    two.bronze("b", hints=hints)
    result = two.run(ok=False)
    other = hints.rpartition(" ")[2]
    assert result["silver.u"].error.message.endswith(  # type: ignore[union-attr]
        f"the tables in `from` have different columns 'n': int in bronze.a and {other} in bronze.b"
    )
    assert not two.exists("silver.u")


def test_a_table_read_whole_is_read_again_when_it_changes(two: Lake) -> None:
    way = "merge: {keys: id, sequence_by: _source_modified}"
    whole = UNION.replace("[bronze.a, bronze.b]", "[bronze.a, {table: bronze.b, whole: true}]")
    two.tables(silver={"u": whole.replace("append: true", way)})
    two.run()
    two.file("2.csv", "3,30,z")
    two.run(select="bronze.a")
    step = lakehouse.plan(two.project())["silver.u"]
    assert step.reads == ("bronze.a version 2, batches after 1", "bronze.b version 1, nothing new")
    two.run()
    two.file("2.csv", "2,21,newer", "4,40,m", table="b", header="id,n,more")
    result = two.run()["silver.u"]
    assert (result.rows_written, result.rows_updated) == (1, 1), "all rows of it came, and the old ones lost"
    assert two.rows("silver.u") == [(1, 10, "x", None), (2, 21, None, "newer"), (3, 30, "z", None), (4, 40, None, "m")]


def test_an_input_at_a_version_is_read_once_as_it_was(two: Lake) -> None:
    two.run(select="bronze.b")
    two.file("2.csv", "4,40,m", table="b", header="id,n,more")
    two.run(select="bronze.b")
    at = two.log("bronze.b").timestamp(1)
    assert at is not None
    for how in ("version: 1", f'timestamp: "{at.isoformat()}"'):
        name = how.partition(":")[0]
        text = UNION.replace("[bronze.a, bronze.b]", f"{{table: bronze.b, {how}}}").replace("n: int, t: string, ", "")
        two.tables(silver={name: text.replace("append: true", "append: {keys: id}")})
        two.run(select=f"silver.{name}")
        assert two.rows(f"silver.{name}") == [(2, "new")]
        version = two.version(f"silver.{name}")
        assert two.run(select=("bronze.b", f"silver.{name}"))[f"silver.{name}"].status is Status.IDLE
        assert two.run(select=f"silver.{name}")[f"silver.{name}"].status is Status.IDLE
        assert two.version(f"silver.{name}") == version
    two.tables(silver={"version": text.replace(how, "version: 7").replace("append: true", "append: {keys: id}")})
    result = two.run(select="silver.version", ok=False)
    assert result["silver.version"].error.code == "input.version"  # type: ignore[union-attr]
    assert "version 7 of bronze.b cannot be read; there are versions 0 to 2" in str(result["silver.version"].error)


# --- queries and functions over the rows --------------------------------------------------------------------------


def test_a_query_over_the_rows_reads_other_tables_at_their_pins(joins: Lake) -> None:
    joins.tables(
        silver={
            "log": "from: bronze.a\ncleanse:\n  - derive: {n: n + :plus}\n"
            "  - sql: SELECT i.id, i.n, p.name FROM input i JOIN silver.p p USING (id) WHERE i.n > :plus\n"
            "schema: {id: int, n: int, name: string}\n"
            "expectations: {small: {expect: n < 100, on_violation: quarantine}}"
        },
        head="variables: {plus: 5}",
    )
    joins.file("2.csv", "3,300,z")
    joins.run()
    assert joins.rows("silver.log") == [(1, 15, "one")]
    (row,) = lakehouse.quarantine(joins.project(), "silver.log", spark=joins.spark)
    assert (row["name"], row["_stage"]) == ("three", "cleansed")
    planes(joins, "2", "1,uno")
    assert joins.run()["silver.log"].status is Status.IDLE


def test_s85_a_function_of_one_s_own_is_never_skipped_in_a_step_over_its_whole_input(lake: Lake) -> None:
    lake.bronze()
    code = lake.root / "mine.py"
    code.write_text("def twice(rows):\n    return rows.selectExpr('id', 'n * 2 AS n')\n")
    table = "from: bronze.a\ncleanse: [{python: 'mine:twice'}]\nschema: {id: int, n: int}\n"
    lake.tables(silver={"whole": table + "overwrite: true", "new": table + "append: true"})
    lake.file("1.csv", "1,10,x")
    lake.run()
    assert lake.rows("silver.whole") == lake.rows("silver.new") == [(1, 20)]
    result = lake.run()
    assert result["silver.new"].status is Status.IDLE
    assert result["silver.whole"].reason == "`python: mine:twice` gives another value in every run"
    code.write_text("def twice(rows):\n    return rows.selectExpr('id', 'n * 3 AS n')\n")
    result = lake.run()
    assert result["silver.whole"].reason == "its definition changed"
    assert lake.rows("silver.whole") == [(1, 30)]
    assert lake.rows("silver.new") == [(1, 20)], "stored rows stay (S89)"


@pytest.mark.parametrize("by", ["using: id, select: name", "condition: input.id = p.id, select: name"])
def test_every_way_to_write_takes_joined_rows(joins: Lake, by: str) -> None:
    rows = f"from: bronze.a\ncleanse: [{{join: {{table: silver.p, {by}}}}}]\n"
    joins.tables(
        silver={
            "log": rows + "schema: {id: int, n: int, name: string}\nappend: {keys: id}",
            "scd1": rows + "schema: {id: int, n: int, name: string}\nmerge: {keys: id, sequence_by: _source_modified}",
            "scd2": rows + "schema: {id: int, name: string}\n"
            "merge: {keys: id, sequence_by: _source_modified, stored_as_scd_type: 2}",
        },
        gold={"names": rows + "aggregate: {by: name, measures: {rows: count(*)}}"},
    )
    joins.run()
    joins.file("2.csv", "1,11,x", "3,30,z")
    planes(joins, "2", "1,uno")
    joins.run()
    assert joins.rows("silver.log") == [(1, 10, "one"), (2, 20, None), (3, 30, "three")]
    assert joins.rows("silver.scd1") == [(1, 11, "uno"), (2, 20, None), (3, 30, "three")]
    assert joins.rows("silver.scd2", "id", "name", "is_current") == [
        (1, "one", False), (1, "uno", True), (2, None, True), (3, "three", True),
    ]  # fmt: skip
    assert joins.rows("gold.names") == [("three", 1), ("uno", 2), (None, 1)]


def test_s57_a_row_that_breaks_a_rule_before_an_aggregate_fails_the_step(joins: Lake) -> None:
    table = "from: bronze.a\ncleanse: [%s]\naggregate: {by: name, measures: {rows: count(*)}}"
    joins.tables(
        gold={
            "twice": table % "{join: {table: bronze.p, using: id, select: name}}",
            "cast": table.replace("by: name", "by: t") % "{cast: {t: int}}",
        }
    )
    planes(joins, "2", "1,uno")
    result = joins.run(ok=False)
    assert "join.bronze.p: for example 1: 2 rows of bronze.p match this id" in str(result["gold.twice"].error)
    assert "cast.t: for example" in str(result["gold.cast"].error)
    assert [joins.kinds(f"gold.{name}") for name in ("twice", "cast")] == [["create"], ["create"]]
    step = lakehouse.plan(joins.project())["gold.cast"]
    assert [(c.name, c.on_violation) for c in step.checks] == [("cast.t", "fail")]
