"""What of a table is kept as its file says: constraints, columns that Delta gives, keys and words, and for how much."""

from __future__ import annotations

from typing import Any

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import StepError
from tests.engine.lake import Lake

MERGE = "merge: {keys: id, sequence_by: _source_modified}"


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """One Bronze table with one file of three rows, of which one has no text."""
    lake.bronze(hints="id: int, n: int, t: string")
    lake.file("1.csv", "1,10,x", "2,20,y", "3,-3,")
    return lake


def silver(lake: Lake, more: str, schema: str = "{id: int, n: int, t: string}", way: str = "append: true") -> None:
    lake.tables(silver={"s": f"from: bronze.a\nschema: {schema}\n{way}\n{more}"})


def done(lake: Lake) -> tuple[str, int]:
    """The reason of a run of the table, and the commits that it made."""
    before = lake.version("silver.s") if lake.exists("silver.s") else -1
    result = lake.run()["silver.s"]
    return ("" if result.status is Status.IDLE else result.reason, lake.version("silver.s") - before)


def refused(lake: Lake) -> StepError:
    before = lake.versions()
    error = lake.run(ok=False)["silver.s"].error
    assert isinstance(error, StepError)
    assert lake.versions() == before
    return error


def test_s91_constraints_are_made_with_the_table_and_then_only_what_differs_is_altered(loaded: Lake) -> None:
    silver(loaded, "constraints: {small: n   < 100, Even_Id: \"id <> 50 AND 'it  s' <> 'x'\"}\nprimary_key: id")
    assert done(loaded) == ("new rows: bronze.a version 1", 2), "a CREATE that holds them, and the rows"
    assert done(loaded) == ("", 0)
    silver(loaded, "constraints: {small: n   < 1000, low: 'n > -5'}\nprimary_key: [id, n]\nproperties: {mine: 1}")
    altered = (
        "drop constraint even_id, small; set lakehouse.primary_key, mine; add constraint small; add constraint low"
    )
    assert done(loaded) == (f"altered: {altered}", 4), "Delta takes the new ones one by one"
    assert done(loaded) == ("", 0)
    log = loaded.log("silver.s")
    assert {n: v for n, v in log.properties.items() if n.startswith("delta.constraints.")} == {
        "delta.constraints.small": "n < 1000", "delta.constraints.low": "n > - 5",
    }  # fmt: skip
    assert (log.properties["lakehouse.primary_key"], log.properties["lakehouse.constraints"]) == ("id, n", "low,small")
    loaded.file("2.csv", "4,-50,z")
    assert "low" in str(refused_rows(loaded))
    loaded.sql("ALTER TABLE {silver.s} ADD CONSTRAINT theirs CHECK (id > 0)")
    silver(loaded, "")
    assert done(loaded)[1] == 3, "dropped, the lists of what is ours, and the rows"
    assert "delta.constraints.theirs" in loaded.log("silver.s").properties, "what others made is left alone"


def refused_rows(lake: Lake) -> Exception | None:
    """The error of a step whose rows break a constraint; nothing of them is written."""
    before = lake.version("silver.s")
    error = lake.run(ok=False)["silver.s"].error
    assert lake.version("silver.s") == before
    return error


def test_s91_stored_rows_that_break_a_new_constraint_or_not_null_stop_the_step_before_anything(loaded: Lake) -> None:
    silver(loaded, "")
    loaded.run()
    silver(loaded, "constraints: {positive: n > 0, known: 'id < 9'}\nproperties: {mine: 1}")
    error = refused(loaded)
    assert error.code == "table.constraint"
    assert error.message == "silver.s: of the rows that are stored 1 break positive (n > 0); nothing was altered"
    silver(loaded, "", "{id: {type: int, nullable: false}, n: int, t: {type: string, nullable: false}}")
    error = refused(loaded)
    assert "1 break t_not_null (`t` IS NOT NULL)" in error.message
    assert "leave `nullable: false` out" in error.fix
    loaded.sql("UPDATE {silver.s} SET t = 'w' WHERE t IS NULL")
    assert done(loaded) == (
        "altered: set properties; add constraint id_not_null; add constraint t_not_null", 3,
    )  # fmt: skip
    assert done(loaded) == ("", 0)
    with pytest.raises(Exception, match="t_not_null"):
        loaded.sql("UPDATE {silver.s} SET t = NULL")
    silver(loaded, "")
    assert done(loaded) == ("altered: drop constraint id_not_null, t_not_null", 1)
    loaded.sql("UPDATE {silver.s} SET t = NULL")


def test_s91_a_constraint_over_a_new_column_waits_for_it(loaded: Lake) -> None:
    silver(loaded, "", "{id: int}")
    loaded.run()
    silver(loaded, "constraints: {low: n IS NULL OR n < 100}", "{id: int, n: int}")
    assert done(loaded) == ("", 0)
    loaded.file("2.csv", "4,40,z")
    assert done(loaded)[1] == 3, "the rows, then the list of what is ours and the constraint, in the same run"
    assert done(loaded) == ("", 0)


@pytest.mark.parametrize("way", ["append: true", "append: {keys: id}", MERGE, MERGE[:-1] + ", stored_as_scd_type: 2}"])
def test_s46_delta_numbers_rows_that_are_inserted_and_an_update_keeps_the_number(loaded: Lake, way: str) -> None:
    schema = (
        "{sk: {type: bigint, identity: {start: 100, step: 10}}, id: int, n: int,"
        " twice: {type: int, generated_as: n * 2}}"
    )
    silver(loaded, "expectations: {even: {expect: twice < 100, on_violation: quarantine}}", schema, way)
    loaded.run()
    first = {row[1]: row[0] for row in loaded.rows("silver.s", "sk", "id")}
    assert len(set(first.values())) == 3
    assert {(sk >= 100, sk % 10) for sk in first.values()} == {(True, 0)}, "there may be gaps"
    loaded.file("2.csv", "1,11,x", "4,40,z", "5,90,v")
    loaded.run()
    rows = loaded.rows("silver.s", "sk", "id", "n", "twice")
    assert all(n * 2 == twice for _, _, n, twice in rows)
    assert len({sk for sk, *_ in rows}) == len(rows), "each its own"
    assert {i: sk for sk, i, *_ in rows if i in (2, 3)} == {i: sk for i, sk in first.items() if i in (2, 3)}
    if way == MERGE:
        assert [(sk, n) for sk, i, n, _ in rows if i == 1] == [(first[1], 11)]
    assert 5 not in [i for _, i, *_ in rows], "rules see what is generated"
    assert done(loaded) == ("", 0)
    with pytest.raises(Exception, match="CHECK constraint"):
        loaded.sql("INSERT INTO {silver.s} (id, n, twice) VALUES (9, 1, 3)")


def test_s46_columns_that_delta_gives_are_overwritten_too(loaded: Lake) -> None:
    schema = "{sk: {type: bigint, identity: true}, id: int, twice: {type: bigint, generated_as: id * 2}}"
    silver(loaded, "", schema, "overwrite: true")
    loaded.run()
    loaded.file("2.csv", "4,40,z")
    loaded.run()
    assert [row[1:] for row in loaded.rows("silver.s", "id", "sk", "twice")] != []
    assert sorted(loaded.rows("silver.s", "id", "twice")) == [(1, 2), (2, 4), (3, 6), (4, 8)]
    assert loaded.log("silver.s").given["sk"] == ((1, 1), "")
    assert done(loaded) == ("", 0)


def test_s46_what_delta_gives_cannot_be_changed_later(loaded: Lake) -> None:
    silver(loaded, "", "{sk: {type: bigint, identity: true}, id: int, d: {type: int, generated_as: id + 1}}")
    loaded.run()
    for schema, says in {
        "{sk: {type: bigint, identity: {start: 5}}, id: int}": "is an identity from 1 by 1, the file says it is an",
        "{sk: bigint, id: int}": "the file says it takes its values from rows",
        "{id: int, d: {type: int, generated_as: id + 2}}": "is generated as `CAST(id + 1 AS int)`, the file says it is generated as",
        "{id: int, e: {type: int, generated_as: id + 2}}": "takes its values from rows, the file says it is generated",
    }.items():
        silver(loaded, "cleanse: [{derive: {sk: 'id + 1'}}]" if "sk: bigint" in schema else "", schema)
        error = refused(loaded)
        assert (error.code, says in error.message) == ("table.given", True), error.message


def test_keys_and_words_of_columns_are_kept_as_properties(loaded: Lake) -> None:
    loaded.tables(silver={"other": "from: bronze.a\nschema: {id: int}"})
    more = "foreign_keys: [{columns: id, references: silver.other}]"
    silver(loaded, more, "{id: {type: int, tags: [key, a]}, n: {type: int, tags: {unit: m}}}")
    loaded.run()
    found = {n: v for n, v in loaded.log("silver.s").properties.items() if n.startswith("lakehouse.")}
    assert found["lakehouse.foreign_keys"] == '[{"columns": ["id"], "references": "silver.other"}]'
    assert (found["lakehouse.tags.id"], found["lakehouse.tags.n"]) == ("key, a", '{"unit": "m"}')
    assert done(loaded) == ("", 0)


def test_s46_a_reader_of_an_identity_is_warned(loaded: Lake) -> None:
    loaded.tables(
        silver={"s": "from: bronze.a\nschema: {sk: {type: bigint, identity: true}, id: int}"},
        gold={"g": "from: silver.s\naggregate: {by: sk, measures: {rows: count(*)}}"},
    )
    loaded.run()
    loaded.tables(gold={"g": "from: silver.s\naggregate: {by: sk, measures: {n: count(*)}}"})
    found: Any = lakehouse.plan(loaded.project())
    assert any("sk of silver.s is an identity" in text for text in found["gold.g"].warnings)


@pytest.mark.parametrize("way", ["append: true", "append: {keys: id}", MERGE, MERGE[:-1] + ", stored_as_scd_type: 2}"])
def test_s91_a_wider_type_is_taken_in_place_and_a_narrower_one_is_refused(loaded: Lake, way: str) -> None:
    more = "constraints: {low: n < 100, id_low: id < 100}"
    silver(loaded, more, "{id: int, n: int}", way)
    loaded.run()
    silver(loaded, more, "{id: int, n: bigint}", way)
    explained = lakehouse.plan(loaded.project())["silver.s"]
    steps = ("drop constraint low", "set delta.enableTypeWidening", "widen n to bigint", "add constraint low")
    assert explained.alters == steps
    assert done(loaded) == ("altered: " + "; ".join(steps), 4)
    assert done(loaded) == ("", 0)
    loaded.file("2.csv", "4,-30,z", "2,20,y")
    silver(loaded, more, "{id: int, n: 'decimal(22,2)'}", way)
    loaded.run()
    assert {(i, str(n)) for i, n in loaded.rows("silver.s", "id", "n")} == {
        (1, "10.00"), (2, "20.00"), (3, "-3.00"), (4, "-30.00"),
    }  # fmt: skip
    for schema in ("{id: int, n: bigint}", "{id: string, n: 'decimal(22,2)'}"):
        silver(loaded, more, schema, way)
        assert refused(loaded).code == "table.type"


@pytest.mark.parametrize("way", ["append: true", "append: {keys: id}", MERGE, MERGE[:-1] + ", stored_as_scd_type: 2}"])
def test_s91_a_table_without_schema_follows_the_types_of_its_input(loaded: Lake, way: str) -> None:
    loaded.bronze(hints="id: int, n: int, t: string")
    loaded.tables(silver={"s": f"from: bronze.a\n{way}"})
    loaded.run()
    loaded.bronze(hints="id: int, n: int, t: string", more="properties: {delta.enableTypeWidening: true}")
    loaded.run()
    loaded.sql("ALTER TABLE {bronze.a} ALTER COLUMN n TYPE bigint")
    loaded.bronze(hints="id: int, n: bigint, t: string", more="properties: {delta.enableTypeWidening: true}")
    loaded.file("2.csv", "4,3000000000,z", "2,20,y")
    loaded.run()
    assert loaded.log("silver.s").columns["n"] == "bigint"
    assert (4, 3000000000) in loaded.rows("silver.s", "id", "n")
    assert done(loaded) == ("", 0)


def test_s91_what_a_generated_column_is_made_of_keeps_its_type(loaded: Lake) -> None:
    silver(loaded, "", "{id: int, twice: {type: int, generated_as: id * 2}}")
    loaded.run()
    silver(loaded, "", "{id: bigint, twice: {type: int, generated_as: id * 2}}")
    assert "of which another one, twice, is generated" in refused(loaded).message
