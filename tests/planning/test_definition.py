"""What a table is besides its rows, what changes of it mean, and which changes make its rows anew (S88)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import StepError
from lakehouse.lake.table import Column
from lakehouse.planning.alterations import alterations
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.definition import definition, properties, stored_columns
from lakehouse.planning.steps import Step
from tests.planning.projects import Lake, plan, project

SILVER = """
variables: {{limit: 3, other: 1}}
bronze:
  a: {{source: {{format: csv, path: a}}, schema: {{id: bigint, x: string}}}}
silver:
  s:
    from: bronze.a
    cleanse: [{{derive: {{a: x, b: upper(x)}}}}]
    schema: {{id: {id}, x: {x}}}
    {more}
"""


def text(id: str = "bigint", x: str = "string", more: str = "comment: a table") -> str:  # noqa: A002
    return SILVER.format(id=id, x=x, more=more)


def step(folder: Path, name: str = "silver.s", **values: str) -> Step:
    return plan(folder, text(**values))[name]


def names(step: Step, **types: str) -> list[str]:
    return list(stored_columns(step, types))


# --- stored columns -----------------------------------------------------------------------------------------------


def test_declared_columns_are_stored_as_declared_and_no_others(tmp_path: Path) -> None:
    found = step(tmp_path, id="{type: bigint, nullable: false, comment: the key}")
    assert stored_columns(found, {"x": "string", "id": "string", "extra": "int", "_batch": "bigint"}) == {
        "id": Column("bigint", nullable=False, comment="the key"),
        "x": Column("string"),
    }


def test_without_a_schema_all_columns_but_those_that_bronze_adds(tmp_path: Path) -> None:
    found = plan(tmp_path, "bronze: {a: {source: {format: csv, path: a}}}\nsilver: {s: {from: bronze.a}}\n")["silver.s"]
    assert names(found, x="int", _batch="bigint", __input="string", y="string") == ["x", "y"]


def test_new_columns_come_behind_the_declared_ones(tmp_path: Path) -> None:
    found = step(tmp_path, more="schema_evolution: add_new_columns")
    assert names(found, new="int", X="string", id="bigint", _batch="bigint") == ["id", "x", "new"]


def test_bronze_stores_what_it_adds_and_what_is_hinted(tmp_path: Path) -> None:
    hinted = "bronze: {a: {source: {format: csv, path: a}, auto_loader: {schema_hints: {b: int}}}}\n"
    found = plan(tmp_path, hinted)["bronze.a"]
    stored = stored_columns(found, {"a": "string", "B": "string", "_batch": "bigint", "__input": "string"})
    assert {n: c.type for n, c in stored.items()} == {"b": "int", "a": "string", "_batch": "bigint"}


@pytest.mark.parametrize(
    ("scd", "added"), [(1, ["_sequence"]), (2, ["_sequence", "valid_from", "valid_to", "is_current"])]
)
def test_a_merge_adds_its_columns_once(tmp_path: Path, scd: int, added: list[str]) -> None:
    found = step(tmp_path, more=f"merge: {{keys: id, sequence_by: _batch, stored_as_scd_type: {scd}}}")
    stored = stored_columns(found, {"id": "bigint", "__sequence": "bigint"})
    assert set(stored) == {"id", "x", *added}
    assert stored["_sequence"].type == "bigint"
    again = stored_columns(found, {n: c.type for n, c in stored.items()})
    assert again == stored, "the columns of the stored table give the same definition"


def test_a_merge_without_schema_does_not_take_its_own_columns_for_data(tmp_path: Path) -> None:
    body = "bronze: {a: {source: {format: csv, path: a}}}\nsilver: {s: {from: bronze.a, merge: {keys: k, sequence_by: _batch, stored_as_scd_type: 2}}}\n"
    found = plan(tmp_path, body)["silver.s"]
    first = stored_columns(found, {"k": "int", "v": "string", "__sequence": "bigint"})
    assert stored_columns(found, {n: c.type for n, c in first.items()}) == first


def test_own_properties_win_over_the_layers_and_reads_have_statistics(tmp_path: Path) -> None:
    found = step(tmp_path, more="properties: {delta.logRetentionDuration: interval 3 days, mine: 1}")
    given = properties(found, {"id": "bigint", "x": "string"})
    assert (given["delta.logRetentionDuration"], given["mine"]) == ("interval 3 days", "1")
    merged = step(tmp_path, more="merge: {keys: id, sequence_by: _batch}")
    given = properties(merged, {"id": "bigint", "x": "string", "_sequence": "bigint"})
    assert given["lakehouse.merge"] == "keys id; sequence_by _batch; scd type 1"
    bronze = step(tmp_path, name="bronze.a")
    many = {f"c{i}": "string" for i in range(40)} | {"_batch": "bigint"}
    assert "_batch" in properties(bronze, many)["delta.dataSkippingStatsColumns"]


# --- what is altered, what is refused -----------------------------------------------------------------------------


def altered(folder: Path, **values: str) -> list[str]:
    """What is done to the table of `text()` when its file becomes another."""
    lake = Lake(project(folder, text()))
    lake.create("silver.s", {"id": "bigint", "x": "string"})
    after = compile_(project(folder, text(**values)))["silver.s"]
    return list(alterations(after, lake.log("silver.s")))


def test_the_same_definition_alters_nothing(tmp_path: Path) -> None:
    assert altered(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"more": "comment: another"}, ["set comment"]),
        ({"x": "{type: string, comment: what it is}"}, ["comment x"]),
        ({"more": "comment: a table\n    properties: {mine: 1}"}, ["set mine"]),
        ({"more": "comment: a table\n    cluster_by: x"}, ["cluster by x"]),
        ({"x": "{type: string, nullable: false}"}, ["set properties", "add constraint x_not_null"]),
        ({"more": "comment: a table\n    constraints: {Low: id < 9}"}, ["set properties", "add constraint low"]),
    ],
)
def test_what_an_alter_bridges(tmp_path: Path, values: dict[str, str], expected: list[str]) -> None:
    found = altered(tmp_path, **values)
    assert all(any(e in f for f in found) for e in expected), found


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        ({"id": "int"}, "table.type", "silver.s: column id is stored as bigint and declared as int"),
        ({"more": "partitioned_by: x"}, "table.partitioned_by", "partitioned by nothing, its definition says x"),
    ],
)
def test_what_no_alter_bridges_is_refused_with_the_way_out(
    tmp_path: Path, values: dict[str, str], code: str, message: str
) -> None:
    with pytest.raises(StepError, match=message) as error:
        altered(tmp_path, **values)
    assert error.value.code == code
    assert error.value.fix


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ("merge: {keys: x, sequence_by: _batch}", "the file now says keys x; sequence_by _batch; scd type 1"),
        ("merge: {keys: id, sequence_by: _source_modified}", "sequence_by _source_modified"),
        ("merge: {keys: id, sequence_by: _batch, stored_as_scd_type: 2}", "scd type 2"),
        ("comment: no merge any more", "the file now says no merge"),
    ],
)
def test_s73_another_merge_is_refused(tmp_path: Path, after: str, says: str) -> None:
    lake = Lake(project(tmp_path, text(more="merge: {keys: id, sequence_by: _batch}")))
    lake.create("silver.s", {"id": "bigint", "x": "string", "__sequence": "bigint"})
    changed = compile_(project(tmp_path, text(more=after)))["silver.s"]
    with pytest.raises(StepError, match=says) as error:
        alterations(changed, lake.log("silver.s"))
    assert error.value.code == "table.merge"


def test_a_column_that_the_file_no_longer_has_is_kept(tmp_path: Path) -> None:
    lake = Lake(project(tmp_path, text()))
    lake.create("silver.s", {"id": "bigint", "x": "string"})
    shorter = compile_(
        project(tmp_path, text().replace("schema: {id: bigint, x: string}\n    c", "schema: {id: bigint}\n    c"))
    )
    assert set(definition(shorter["silver.s"], {}).columns) == {"id"}
    assert alterations(shorter["silver.s"], lake.log("silver.s")) == {}


# --- S88: the hash ------------------------------------------------------------------------------------------------


def hash_of(folder: Path, body: str, name: str = "silver.s") -> str:
    return plan(folder, body)[name].definition


@pytest.mark.parametrize(
    "other",
    [
        text(more="comment: another"),
        text(x="{type: string, comment: what it is}"),
        text(
            more="maintenance: {vacuum: {retain: 8 days}}\n    cluster_by: id\n    properties: {mine: 1}\n    priority: 1"
        ),
        text(more="tags: [a]\n    enabled: false\n    max_retries: 3\n    timeout: 1 hour\n    depends_on: bronze.a"),
        text().replace("other: 1", "other: 2"),
        text().replace("limit: 3", "limit: 4"),
        text().replace("  s:\n", "  t: {from: bronze.a}\n  s:\n"),
    ],
)
def test_s88_what_does_not_change_the_rows_keeps_the_definition(tmp_path: Path, other: str) -> None:
    assert hash_of(tmp_path, other) == hash_of(tmp_path, text())


@pytest.mark.parametrize(
    "other",
    [
        text(id="int"),
        text(x="{type: string, nullable: false}"),
        text(more="on_schema_violation: fail"),
        text(more="expectations: {e: id > 0}"),
        text().replace("upper(x)", "lower(x)"),
        text().replace("{a: x, b: upper(x)}", "{b: upper(x), a: x}"),
        text().replace("x: string}\n    c", "x: string, y: {type: int, default: 1}}\n    c"),
    ],
)
def test_s88_what_may_change_the_rows_changes_the_definition(tmp_path: Path, other: str) -> None:
    assert hash_of(tmp_path, other) != hash_of(tmp_path, text())


def test_s88_a_variable_counts_where_it_is_used(tmp_path: Path) -> None:
    used = text(more="expectations: {e: 'id > :limit'}")
    found = plan(tmp_path, used)["silver.s"]
    assert found.variables == {"limit": 3}
    assert hash_of(tmp_path, used.replace("limit: 3", "limit: 4")) != found.definition
    assert hash_of(tmp_path, used.replace("other: 1", "other: 4")) == found.definition


def test_s88_what_is_said_about_a_rule_does_not_count(tmp_path: Path) -> None:
    one, two = (text(more=f"expectations: {{e: {{expect: id > 0, description: {d}}}}}") for d in ("why", "because"))
    assert hash_of(tmp_path, one) == hash_of(tmp_path, two)


def test_s88_another_format_is_another_definition(tmp_path: Path) -> None:
    assert hash_of(tmp_path, text().replace("format: csv", "format: json"), "bronze.a") != hash_of(
        tmp_path, text(), "bronze.a"
    )
