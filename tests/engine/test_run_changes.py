"""What a run does when the file, the inputs or the tables themselves have changed."""

from __future__ import annotations

from typing import Any

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import OffsetError
from lakehouse.lake.table import PROJECT
from tests.engine.lake import Lake


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """One Bronze table with one file of two rows."""
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y")
    return lake


def error(lake: Lake, step: str, **options: Any) -> str:
    return str(lake.run(ok=False, **options)[step].error)


# --- Gold: skip or the whole (S84, S85, S88, S90) ------------------------------------------------------------------


def test_s84_s85_s88_s90_gold_is_skipped_until_an_input_its_definition_or_a_variable_in_it_changes(
    loaded: Lake,
) -> None:
    groups = "from: bronze.a\naggregate: {by: t, measures: {rows: count_if(n > :least)}}"
    loaded.tables(
        head="variables: {least: 5, other: 1}",
        gold={
            "g": groups,
            "q": "sql: SELECT sum(n) AS n FROM bronze.a",
            "day": "sql: SELECT current_date() AS d FROM bronze.a LIMIT 1",
        },
    )
    assert {s.reason for n, s in loaded.run().steps.items() if n.layer == "gold"} == {"first run"}

    def reasons(**variables: Any) -> dict[str, str]:
        done = loaded.run(variables=variables)
        return {n.table: s.reason for n, s in done.steps.items() if n.layer == "gold" and s.status is not Status.IDLE}

    always = {"day": "CURRENT_DATE gives another value in every run"}
    assert reasons() == always
    assert reasons(other=2) == always, "a variable that is not used in it"
    loaded.tables(gold={"g": groups + "\ndescription: Rows.\nmaintenance: {optimize: never}\npriority: 3"})
    assert reasons() == always
    assert reasons(least=15) == {**always, "g": "its definition changed"}
    assert loaded.rows("gold.g") == [("x", 0), ("y", 1)]
    assert reasons(least=15) == always
    loaded.tables(gold={"q": "sql: SELECT max(CAST(n AS bigint)) AS n FROM bronze.a"})
    assert reasons(least=15) == {**always, "q": "its definition changed"}
    assert loaded.rows("gold.q") == [(20,)]


def test_s90_a_query_that_gives_another_type_replaces_the_table(loaded: Lake) -> None:
    loaded.tables(gold={"q": "sql: SELECT sum(n) AS n FROM bronze.a"})
    loaded.run()
    loaded.tables(gold={"q": "sql: SELECT max(n) AS n FROM bronze.a"})
    loaded.run()
    assert loaded.rows("gold.q") == [(20,)]


def test_s88_comments_and_properties_make_one_alter_and_then_none(loaded: Lake) -> None:
    loaded.tables(gold={"g": "comment: One.\nsql: SELECT sum(n) AS n FROM bronze.a"})
    loaded.run()
    offsets = loaded.signature("gold.g").offsets
    loaded.tables(
        gold={"g": "comment: Two.\nproperties: {delta.appendOnly: false}\nsql: SELECT sum(n) AS n FROM bronze.a"}
    )
    changed = loaded.run()["gold.g"]
    assert loaded.kinds("gold.g") == ["create", "data", "alter"]
    assert (changed.status, changed.reason) == (Status.COMPLETED, "altered: set comment, delta.appendOnly")
    log = loaded.log("gold.g")
    assert (log.description, log.properties["delta.appendOnly"], log.sequence) == ("Two.", "false", 1)
    assert loaded.signature("gold.g").offsets == offsets
    assert loaded.run()["gold.g"].status is Status.IDLE
    assert loaded.version("gold.g") == 2


# --- columns and layout (S91, S92) ---------------------------------------------------------------------------------


def test_s91_an_added_column_comes_with_the_next_rows_in_their_own_commit_and_a_removed_one_stays(loaded: Lake) -> None:
    ways = {"log": "append: true", "latest": "merge: {keys: id, sequence_by: _source_modified}"}

    def declare(schema: str) -> None:
        loaded.tables(silver={name: f"from: bronze.a\nschema: {schema}\n{way}" for name, way in ways.items()})

    declare("{id: int, n: int}")
    loaded.run()
    declare("{id: int, t: {type: string, comment: A letter.}}")
    assert {s.status for s in loaded.run().steps.values()} == {Status.IDLE}, "there is nothing to write yet"
    loaded.file("2.csv", "2,21,z")
    loaded.run()
    for name in ways:
        assert loaded.kinds(f"silver.{name}")[:3] == ["create", "data", "data"]
        assert loaded.log(f"silver.{name}").comments == {"t": "A letter."}
    assert loaded.rows("silver.log", "id", "n", "t") == [(1, 10, None), (2, 20, None), (2, None, "z")]
    assert [r[::2] for r in loaded.rows("silver.latest", "id", "n", "t")] == [(1, None), (2, "z")]
    assert loaded.run()["silver.log"].status is Status.IDLE, "and nothing is left to be altered"


def test_s91_another_type_and_a_new_column_without_null_are_refused_before_anything_is_written(loaded: Lake) -> None:
    loaded.tables(silver={"s": "from: bronze.a\nschema: {id: int, n: int}"})
    loaded.run()
    loaded.file("2.csv", "3,30,z")
    loaded.run(select="bronze.a")
    loaded.tables(silver={"s": "from: bronze.a\nschema: {id: int, n: string}"})
    assert "column n is stored as int and declared as string" in error(loaded, "silver.s")
    loaded.tables(silver={"s": "from: bronze.a\nschema: {id: int, n: int, t: {type: string, nullable: false}}"})
    assert "nullable: false" in error(loaded, "silver.s"), "rows that are stored would hold NULL there"
    assert loaded.kinds("silver.s") == ["create", "data"]


def test_s92_cluster_by_is_altered(loaded: Lake) -> None:
    loaded.tables(silver={"s": "from: bronze.a\ncluster_by: id"})
    loaded.run()
    assert loaded.log("silver.s").clustered_by == ("id",)
    loaded.tables(silver={"s": "from: bronze.a\ncluster_by: [t, id]"})
    assert loaded.run()["silver.s"].reason == "altered: cluster by t, id"
    assert loaded.log("silver.s").clustered_by == ("t", "id")
    assert loaded.kinds("silver.s") == ["create", "data", "alter"]
    assert loaded.run()["silver.s"].status is Status.IDLE


def test_s94_a_table_that_is_in_no_file_any_more_is_told_and_kept(loaded: Lake) -> None:
    text = "from: bronze.a\nexpectations: {low: {expect: n < 20, on_violation: quarantine}}"
    loaded.tables(silver={"old": text, "s": text})
    loaded.run()
    (loaded.root / "lake/silver/theirs").mkdir()
    assert lakehouse.plan(loaded.project()).gone == ()
    del loaded._layers["silver"]["old"]
    loaded.tables()
    found = lakehouse.plan(loaded.project(), select="bronze.a")
    assert str(found).splitlines()[-1] == "gone from the files: silver.old; nothing is done to what is stored"
    assert found.to_dict()["gone"] == ["silver.old"]
    before = loaded.versions()
    loaded.run()
    assert loaded.versions() == before


# --- somebody else's hand (S74, S79) -------------------------------------------------------------------------------


def test_s74_an_update_of_bronze_stops_its_reader_with_the_remedies_which_work(loaded: Lake) -> None:
    loaded.tables(silver={"s": "from: bronze.a\nschema: {id: int, n: int}"})
    loaded.run()
    loaded.sql("UPDATE {bronze.a} SET n = 0 WHERE id = 1")
    loaded.file("2.csv", "3,30,z")
    done = loaded.run(ok=False)
    said = done["silver.s"].error
    assert isinstance(said, OffsetError)
    assert "version 2 of bronze.a (UPDATE) changed rows in a table that is read as append-only" in str(said)
    assert "RESTORE bronze.a to version 1, or make silver.s anew" in str(said)
    assert loaded.rows("silver.s") == [(1, 10), (2, 20)]
    loaded.delete("silver/s")
    loaded.run()
    assert loaded.rows("silver.s") == [(1, 0), (2, 20), (3, 30)]


def test_s74_a_restore_of_bronze_to_where_its_reader_stands_lets_it_go_on(loaded: Lake) -> None:
    loaded.tables(silver={"s": "from: bronze.a\nschema: {id: int, n: int}"})
    loaded.run()
    loaded.sql("UPDATE {bronze.a} SET n = 0 WHERE id = 1")
    assert "RESTORE bronze.a to version 1" in error(loaded, "silver.s")
    loaded.sql("RESTORE TABLE {bronze.a} TO VERSION AS OF 1")
    loaded.file("2.csv", "3,30,z")
    loaded.run()
    assert loaded.rows("silver.s") == [(1, 10), (2, 20), (3, 30)]


def test_s79_an_input_that_was_made_anew_stops_its_reader_and_a_deleted_table_starts_anew(loaded: Lake) -> None:
    loaded.tables(
        silver={"s": "from: bronze.a\nexpectations: {low: {expect: n < 20, on_violation: quarantine}}"},
        gold={"g": "sql: SELECT count(*) AS c FROM silver.s"},
    )
    before = loaded.run()["bronze.a"].table_id
    loaded.delete("bronze/a")
    done = loaded.run(ok=False)
    assert done["bronze.a"].table_id != before
    assert loaded.rows("bronze.a") == [(1, 10, "x"), (2, 20, "y")], "all its files are read again"
    assert "bronze.a is another table than the one read before" in str(done["silver.s"].error)
    assert "make silver.s anew" in str(done["silver.s"].error)
    assert done["gold.g"].status is Status.SKIPPED
    loaded.delete("silver/s")
    loaded.run()
    assert loaded.rows("silver.s") == [(1, 10, "x")]
    assert loaded.rows("gold.g") == [(1,)]
    assert len(loaded.rows("silver.s_quarantine")) == 2, "those of the table that is gone are still there"


def test_a_bronze_table_without_its_ledger_refuses_and_says_how_to_get_it_back(loaded: Lake) -> None:
    loaded.tables(silver={"s": "from: bronze.a"})
    loaded.run()
    loaded.delete("_lakehouse")
    said = error(loaded, "bronze.a")
    assert "bronze.a has loaded 1 batches and its ledger has no row" in said
    assert "run `lakehouse files bronze.a --rebuild`" in said
    assert "or bring `_lakehouse` back from a backup" in said
    assert loaded.versions() == {"bronze.a": 1, "silver.s": 1}
    lakehouse.rebuild_ledger(loaded.project(), "bronze.a", spark=loaded.spark)
    loaded.run(take_over=True)
    assert not loaded.run().used_spark
    assert loaded.versions() == {"bronze.a": 2, "silver.s": 2}
    assert (loaded.kinds("bronze.a")[-1], loaded.kinds("silver.s")[-1]) == ("alter", "alter")


def test_s96_a_table_that_another_project_writes_is_refused_until_it_is_taken_over(loaded: Lake) -> None:
    loaded.tables(silver={"s": "from: bronze.a\nappend: true"})
    loaded.run()
    before = loaded.log("silver.s").properties[PROJECT]
    assert before == loaded.log("bronze.a").properties[PROJECT]
    loaded.delete("_lakehouse")
    lakehouse.rebuild_ledger(loaded.project(), "bronze.a", spark=loaded.spark)
    said = error(loaded, "silver.s")
    assert "is written by another project" in said
    assert "lakehouse run --take-over" in said
    planned = lakehouse.plan(loaded.project())["silver.s"]
    assert (planned.action, planned.reason in said) == ("refuses", True)
    loaded.file("2.csv", "3,30,z")
    assert "is written by another project" in error(loaded, "silver.s")
    assert len(loaded.rows("silver.s")) == 2
    done = loaded.run(take_over=True)["silver.s"]
    assert f"take the table over from project {before}" in done.reason
    assert loaded.rows("silver.s", "id") == [(1,), (2,), (3,)]
    assert loaded.log("silver.s").properties[PROJECT] == loaded.log("bronze.a").properties[PROJECT] != before
    assert not loaded.run().used_spark
