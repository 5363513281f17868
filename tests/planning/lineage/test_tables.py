"""What every key of a table does to its columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import Edges, Frame
from lakehouse.planning.lineage.tables import stored_frames
from tests.planning.projects import plan

BRONZE = """
variables: {limit: 3}
bronze:
  a:
    source: {format: csv, path: in/a, options: {header: true}}
    schema: {id: bigint, amount: "decimal(10,2)", at: timestamp, note: string}
  open: {source: {format: csv, path: in/open}}
"""
SILVER = BRONZE + "silver:\n  s:\n    from: bronze.a\n"
LOOSE = BRONZE + "silver:\n  s:\n    from: bronze.open\n"


def frames(folder: Path, text: str) -> dict[str, Frame]:
    return {str(name): frame for name, frame in stored_frames(plan(folder, text).steps).items()}


def told(edges: Edges) -> set[str]:
    return {f"{str(e.field).removeprefix('bronze.')} {e.kind}" for e in edges}


def columns(folder: Path, text: str, table: str = "silver.s") -> dict[str, set[str]]:
    return {name: told(column.edges) for name, column in frames(folder, text)[table].columns.items()}


def rows(folder: Path, text: str, table: str = "silver.s") -> set[str]:
    return told(frames(folder, text)[table].rows)


# --- Bronze -------------------------------------------------------------------------------------------------------

ADDED = ("_source_file", "_source_modified", "_ingested_at", "_batch")


def test_a_bronze_column_comes_from_the_field_of_its_name(tmp_path: Path) -> None:
    found = frames(tmp_path, BRONZE)["bronze.a"]
    assert {n: told(c.edges) for n, c in found.columns.items() if n not in ADDED} == {
        "id": {"in/a:id transformation"}, "amount": {"in/a:amount transformation"}, "at": {"in/a:at transformation"},
        "note": {"in/a:note identity"}, "_rescued_data": {"every field of in/a transformation"},
    }  # fmt: skip
    assert not found.is_open


def test_what_bronze_adds_comes_from_no_column_and_says_so(tmp_path: Path) -> None:
    found = frames(tmp_path, BRONZE)["bronze.a"]
    assert all(not found.columns[name].edges and "added by Bronze" in found.columns[name].text for name in ADDED)


@pytest.mark.parametrize(
    ("keys", "is_open"),
    [
        ("", True),
        ("schema: {x: int}", False),
        ("schema: {x: int}, auto_loader: {schema_evolution_mode: add_new_columns}", True),
        ("schema: {x: int}, copy_into: {merge_schema: true}", True),
        ("schema: {x: int}, copy_into: {}", False),
        ("copy_into: {}", True),
        ('copy_into: {select: ["*", a as b]}', True),
        ("copy_into: {select: [a, b.c]}", False),
    ],
)
def test_a_bronze_table_has_whatever_its_files_have_unless_it_is_declared(
    tmp_path: Path, keys: str, is_open: bool
) -> None:
    found = frames(tmp_path, f"bronze: {{a: {{source: {{format: json, path: p}}, {keys}}}}}")["bronze.a"]
    assert found.is_open is is_open


def test_hints_and_the_name_of_the_rescued_data(tmp_path: Path) -> None:
    text = "bronze: {a: {source: {format: csv, path: p}, auto_loader: {schema_hints: {Dep Time: int, s: string}, rescued_data_column: _rest}}}"
    found = columns(tmp_path, text, "bronze.a")
    assert (found["Dep_Time"], found["s"]) == ({"p:Dep_Time transformation"}, {"p:s identity"})
    assert found["_rest"] == {"every field of p transformation"}
    assert "_rescued_data" not in found


def test_what_copy_into_selects_comes_from_the_columns_of_the_expression(tmp_path: Path) -> None:
    items = '[a, "upper(a || b.x) AS c", _metadata.file_name, cast(d AS int) d]'
    found = columns(
        tmp_path, f"bronze: {{a: {{source: {{format: csv, path: p}}, copy_into: {{select: {items}}}}}}}", "bronze.a"
    )
    assert {name: edges for name, edges in found.items() if not name.startswith("_")} == {
        "a": {"p:a identity"}, "c": {"p:a transformation", "p:b transformation"}, "file_name": set(),
        "d": {"p:d transformation"},
    }  # fmt: skip


def test_columns_that_readers_name_are_known_whatever_their_case(tmp_path: Path) -> None:
    text = LOOSE + "    cleanse: [{trim: Name}, {drop: name}, {filter: k > 1}]\n    schema: {x: int}\n"
    text += "gold: {g: {sql: SELECT NAME AS n FROM bronze.open}}\n"
    found = columns(tmp_path, text, "bronze.open")
    assert {n: e for n, e in found.items() if not n.startswith("_")} == {
        "NAME": {"in/open:NAME identity"}, "k": {"in/open:k identity"}, "x": {"in/open:x identity"},
    }  # fmt: skip


# --- cleanse and schema -------------------------------------------------------------------------------------------


def test_columns_pass_rules_and_are_stored_as_the_schema_says(tmp_path: Path) -> None:
    text = LOOSE + (
        "    cleanse:\n"
        "      - trim: name\n"
        "      - rename: {old: new}\n"
        '      - derive: {both: "concat(name, new)", again: both}\n'
        "    schema: {both: string, again: string, new: string, number: int, Same: string, _batch: bigint, made: {type: int, default: 1}}\n"
    )
    assert columns(tmp_path, text) == {
        "both": {"open.name transformation", "open.old transformation"},
        "again": {"open.name transformation", "open.old transformation"},
        "new": {"open.old identity"},
        "number": {"open.number transformation"},
        "Same": {"open.Same identity"},
        "_batch": {"open._batch identity"},
        "made": {"open.made transformation"},
    }
    found = frames(tmp_path, text)["silver.s"]
    assert found.columns["made"].text == "default 1 where the input has no such column"
    assert not found.is_open


def test_a_default_of_a_column_that_is_known_not_to_come(tmp_path: Path) -> None:
    found = frames(tmp_path, SILVER + "    schema: {id: bigint, made: {type: int, default: 1}}\n")["silver.s"]
    assert told(found.columns["id"].edges) == {"a.id identity"}
    assert (found.columns["made"].edges, found.columns["made"].text) == (frozenset(), "default 1")


def test_a_cast_to_another_type_changes_the_value_and_one_to_the_same_does_not(tmp_path: Path) -> None:
    text = SILVER + "    cleanse: [{cast: {note: int}}]\n    schema: {id: bigint, amount: double, note: int}\n"
    assert columns(tmp_path, text) == {
        "id": {"a.id identity"}, "amount": {"a.amount transformation"}, "note": {"a.note transformation"},
    }  # fmt: skip


def test_without_a_schema_all_columns_pass_but_those_that_bronze_added(tmp_path: Path) -> None:
    assert columns(tmp_path, SILVER) == {c: {f"a.{c} identity"} for c in ("id", "amount", "at", "note")}
    found = frames(tmp_path, LOOSE)["silver.s"]
    assert found.is_open
    assert found.get("_batch") is None
    anything = found.get("anything")
    assert anything is not None
    assert (told(anything.edges), anything.type) == ({"open.anything identity"}, "string")


def test_a_column_that_is_known_of_an_open_table_is_known_of_the_open_tables_that_read_it(tmp_path: Path) -> None:
    text = (
        LOOSE
        + "  t: {from: bronze.open}\ngold:\n  g: {sql: SELECT x FROM silver.s}\n  h: {sql: SELECT * FROM silver.t}\n"
    )
    found = frames(tmp_path, text)
    assert [list(found[n].columns) for n in ("silver.s", "silver.t", "gold.h")] == [["x"], ["x"], ["x"]]
    assert "x" in found["bronze.open"].columns
    assert {str(e.field) for e in found["gold.h"].columns["x"].edges} == {"silver.t.x"}


def test_of_a_schema_that_evolves_the_rest_passes(tmp_path: Path) -> None:
    found = frames(tmp_path, SILVER + "    schema: {id: bigint}\n    schema_evolution: add_new_columns\n")["silver.s"]
    assert list(found.columns) == ["id", "amount", "at", "note"]
    assert frames(tmp_path, LOOSE + "    schema: {id: bigint}\n    schema_evolution: add_new_columns\n")[
        "silver.s"
    ].is_open


def test_fields_of_a_struct_and_elements_of_a_map(tmp_path: Path) -> None:
    text = LOOSE + (
        "    cleanse: [{from_json: {column: body, schema: 'a int, m map<string,int>'}}, {flatten: body}, {explode: {column: body_m}}]\n"
        "    schema: {body_a: int, body_m_key: string, body_m_value: int}\n"
    )
    assert columns(tmp_path, text) == {
        n: {"open.body transformation"} for n in ("body_a", "body_m_key", "body_m_value")
    }
    assert rows(tmp_path, text) == {"open.body filter"}


def test_what_the_rule_knows_of_the_columns_after_it_holds(tmp_path: Path) -> None:
    text = BRONZE.replace("note: string", "props: 'map<string,int>'") + (
        "silver: {s: {from: bronze.a, cleanse: [{explode: {column: props}}, {drop: [amount, at]}]}}"
    )
    assert columns(tmp_path, text) == {
        "id": {"a.id identity"}, "props_key": {"a.props transformation"}, "props_value": {"a.props transformation"},
    }  # fmt: skip


# --- ways to write ------------------------------------------------------------------------------------------------


def test_scd_1_adds_its_sequence_and_is_decided_by_keys_and_sequence(tmp_path: Path) -> None:
    text = SILVER + "    schema: {id: bigint, note: string}\n    merge: {keys: id, sequence_by: at}\n"
    assert columns(tmp_path, text) == {
        "id": {"a.id identity"},
        "note": {"a.note identity"},
        "_sequence": {"a.at identity"},
    }
    assert rows(tmp_path, text) == {"a.id join", "a.at sort"}


def test_scd_2_adds_the_time_a_row_was_valid(tmp_path: Path) -> None:
    text = (
        SILVER + "    schema: {id: bigint}\n    merge: {keys: id, sequence_by: [at, amount], stored_as_scd_type: 2}\n"
    )
    made = {"a.at transformation", "a.amount transformation"}
    assert columns(tmp_path, text) == {
        "id": {"a.id identity"},
        **dict.fromkeys(("valid_from", "valid_to", "is_current", "_sequence"), made),
    }
    one = text.replace("[at, amount]", "at")
    assert columns(tmp_path, one)["valid_from"] == {"a.at identity"}
    assert columns(tmp_path, one)["valid_to"] == {"a.at transformation"}


def test_a_merge_may_be_ordered_by_what_is_not_stored_and_keyed_by_what_is_computed(tmp_path: Path) -> None:
    text = SILVER + (
        "    cleanse: [{derive: {key: upper(note)}}]\n    schema: {key: string}\n"
        "    merge: {keys: key, sequence_by: [cast(at AS date), _source_modified]}\n"
    )
    assert columns(tmp_path, text)["_sequence"] == {"a.at transformation", "a._source_modified transformation"}
    assert rows(tmp_path, text) == {"a.note join", "a.at sort", "a._source_modified sort"}


def test_a_merge_without_a_schema_stores_what_comes_and_its_own(tmp_path: Path) -> None:
    text = LOOSE + "    merge: {keys: id, sequence_by: _batch}\n"
    found = frames(tmp_path, text)["silver.s"]
    assert told(found.columns["_sequence"].edges) == {"open._batch identity"}
    assert found.is_open
    assert found.get("_batch") is None


def test_append_with_keys_compares_them_with_those_that_are_there(tmp_path: Path) -> None:
    assert rows(tmp_path, SILVER + "    append: {keys: [id, note]}\n") == {"a.id join", "a.note join"}
    assert rows(tmp_path, SILVER + "    append: true\n") == set()


def test_an_aggregate(tmp_path: Path) -> None:
    text = SILVER + (
        "gold:\n  g:\n    from: silver.s\n    aggregate:\n"
        "      by: [id, {day: date(at)}]\n"
        "      measures: {n: count(*), most: max(amount), few: count_if(amount > :limit)}\n"
        "      where: note <> ''\n      having: most > 1 AND id > 0\n      window: {column: at, size: 1 hour}\n"
    )
    found = {n: {e.removeprefix("silver.s.") for e in c} for n, c in columns(tmp_path, text, "gold.g").items()}
    assert found == {
        "id": {"id identity"}, "day": {"at transformation"}, "window_start": {"at transformation"},
        "window_end": {"at transformation"}, "n": set(), "most": {"amount aggregation"}, "few": {"amount aggregation"},
    }  # fmt: skip
    assert {e.removeprefix("silver.s.") for e in rows(tmp_path, text, "gold.g")} == {
        "id group by", "at group by", "note filter", "amount filter", "id filter",
    }  # fmt: skip
    assert frames(tmp_path, text)["gold.g"].columns["n"].text == "count(*)"


def test_expectations_that_take_rows_away_are_filters_and_others_are_not(tmp_path: Path) -> None:
    text = SILVER + (
        "    expectations:\n"
        "      warned: id > 0\n"
        "      failing: {expect: amount > 0, on_violation: fail}\n"
        "      dropped: {expect_column_values_to_not_be_null: {column: at}, on_violation: drop}\n"
        "      set_aside: {expect: \"note <> ''\", on_violation: quarantine}\n"
    )
    assert rows(tmp_path, text) == {"a.at filter", "a.note filter"}
    assert "a.id filter" in rows(tmp_path, text + "    expectations_on_violation: drop\n")


# --- queries ------------------------------------------------------------------------------------------------------


def test_a_query_over_known_and_open_tables(tmp_path: Path) -> None:
    text = SILVER + (
        "gold:\n  g:\n    sql: SELECT s.*, _batch, other FROM silver.s s JOIN bronze.open o ON s.id = o.key WHERE _batch > 1\n"
        "  h: {sql: SELECT id AS Key FROM gold.g, schema: {Key: bigint}}\n"
    )
    found = {n: {e.removeprefix("silver.") for e in c} for n, c in columns(tmp_path, text, "gold.g").items()}
    assert found == {
        **{c: {f"s.{c} identity"} for c in ("id", "amount", "at", "note")},
        "other": {"open.other identity"},
    }
    assert columns(tmp_path, text, "gold.h") == {"Key": {"gold.g.id identity"}}
    assert {"key", "other"} <= frames(tmp_path, text)["bronze.open"].columns.keys()


def test_a_query_after_rules_and_with_a_schema(tmp_path: Path) -> None:
    text = SILVER + (
        "gold:\n  g:\n    sql: SELECT id, count(*) AS n FROM silver.s GROUP BY id\n"
        "    cleanse: [{derive: {twice: n * 2}}]\n    schema: {id: bigint, n: int, twice: bigint}\n"
    )
    assert columns(tmp_path, text, "gold.g") == {"id": {"silver.s.id identity"}, "n": set(), "twice": set()}


def test_steps_in_a_long_row_are_no_deep_recursion(tmp_path: Path) -> None:
    chain = "".join(f"  t{n}: {{sql: SELECT * FROM gold.t{n - 1}}}\n" for n in range(1, 400))
    text = LOOSE + "gold:\n  t0: {sql: SELECT * FROM silver.s}\n" + chain + "  last: {sql: SELECT x FROM gold.t399}\n"
    found = frames(tmp_path, text)
    assert {str(e.field) for e in found["gold.t200"].columns["x"].edges} == {"gold.t199.x"}
    assert "x" in found["bronze.open"].columns


def test_every_table_of_a_project_is_told(tmp_path: Path) -> None:
    compiled = plan(tmp_path, SILVER)
    assert list(stored_frames(compiled.steps)) == [step.name for step in compiled.steps]
    assert TableName("bronze", "a") in stored_frames(compiled.steps)


# --- joins --------------------------------------------------------------------------------------------------------

MADE = """
silver:
  p:
    from: bronze.a
    cleanse: [{derive: {_x: length(note), maker: upper(note)}}]
    schema: {id: bigint, note: string, _x: int, maker: string}
"""
JOINED = BRONZE + MADE + "  s:\n    from: bronze.a\n    cleanse: [{join: {table: %s, %s}}]\n    schema: {%s}\n"


def test_what_a_join_takes_comes_from_the_other_table_and_its_keys_decide(tmp_path: Path) -> None:
    text = JOINED % ("silver.p", "using: id, prefix: p_", "id: bigint, p_note: string, p_maker: string")
    assert columns(tmp_path, text) == {
        "id": {"a.id identity"}, "p_note": {"silver.p.note identity"}, "p_maker": {"silver.p.maker identity"},
    }  # fmt: skip
    assert rows(tmp_path, text) == {"a.id join", "silver.p.id join"}


def test_the_sides_of_a_join_s_condition_decide_too(tmp_path: Path) -> None:
    text = JOINED % ("silver.p", "condition: input.id = p.id AND p._x > 1, select: maker", "id: bigint, maker: string")
    assert columns(tmp_path, text)["maker"] == {"silver.p.maker identity"}
    assert rows(tmp_path, text) == {"a.id join", "silver.p.id join", "silver.p._x join"}


def test_a_join_of_rows_that_stay_or_go_takes_nothing(tmp_path: Path) -> None:
    text = JOINED % ("silver.p", "using: id, how: anti", "id: bigint, note: string")
    assert columns(tmp_path, text)["note"] == {"a.note identity"}
    assert rows(tmp_path, text) == {"a.id join", "silver.p.id join"}


def test_of_a_lookup_that_nobody_declares_a_column_comes_by_its_name(tmp_path: Path) -> None:
    text = JOINED % ("bronze.open", "using: id", "note: string, maker: string")
    assert columns(tmp_path, text) == {"note": {"a.note identity"}, "maker": {"open.maker identity"}}
    text = JOINED % ("bronze.open", "using: id, prefix: p_", "p_maker: string")
    assert columns(tmp_path, text) == {"p_maker": {"every column of bronze.open transformation"}}


def test_a_query_over_the_rows_is_followed_through(tmp_path: Path) -> None:
    text = (
        BRONZE + MADE + "  s:\n    from: bronze.a\n    cleanse:\n      - rename: {note: text}\n      - sql: |\n"
        "          SELECT i.id, upper(text) AS big, maker FROM input i JOIN silver.p p ON i.id = p.id WHERE amount > 1\n"
        "    schema: {id: bigint, big: string, maker: string}\n"
    )
    assert columns(tmp_path, text) == {
        "id": {"a.id identity"}, "big": {"a.note transformation"}, "maker": {"silver.p.maker identity"},
    }  # fmt: skip
    assert rows(tmp_path, text) == {"a.id join", "silver.p.id join", "a.amount filter"}
