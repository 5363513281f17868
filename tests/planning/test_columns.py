"""Columns, variables and functions that cannot work, told without Spark at their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import SpecError
from tests.planning.projects import marked, plan, problems

BRONZE = """
variables: {limit: 3}
bronze:
  a:
    source: {format: csv, path: a, options: {header: true}}
    schema: {id: bigint, amount: "decimal(10,2)", at: timestamp, note: string}
  open: {source: {format: csv, path: b}}
"""
SILVER = BRONZE + "silver:\n  s:\n    from: bronze.a\n"
OPEN = BRONZE + "silver:\n  s:\n    from: bronze.open\n"
STORED = SILVER + "    schema: {id: bigint, amount: double, note: string}\n"
MERGED = STORED + "    merge: {keys: id, sequence_by: at}\n"


def one(folder: Path, text: str) -> tuple[str, str, str, str]:
    (found,) = problems(folder, text)
    return found.code, found.message, found.fix, marked(folder, found)


@pytest.mark.parametrize(
    ("text", "wrong", "near", "place"),
    [
        (SILVER + "    cleanse: [{trim: [note, nots]}]\n", "nots", "note", "nots]"),
        (SILVER + "    cleanse: [{derive: {x: id + amuont}}]\n", "amuont", "amount", "amuont"),
        (SILVER + "    cleanse: [{filter: amout > 1}]\n", "amout", "amount", "amout > 1"),
        (SILVER + "    cleanse: [{rename: {nota: n}}]\n", "nota", "note", ""),
        (SILVER + "    cleanse: [{drop: nota}]\n", "nota", "note", "nota"),
        (SILVER + "    cleanse: [{select: [id, nota]}]\n", "nota", "note", "nota]"),
        (SILVER + "    cleanse: [{cast: {nota: int}}]\n", "nota", "note", ""),
        (SILVER + "    cleanse:\n      - drop: note\n      - upper: nota\n", "nota", None, "nota"),
        (SILVER + "    cleanse:\n      - rename: {note: remark}\n      - upper: remakr\n", "remakr", "remark", "remakr"),
        (SILVER + "    cleanse:\n      - derive: {extra: id + 1}\n      - filter: extar > 1\n", "extar", "extra", "extar"),
        (SILVER + "    schema: {id: bigint, amuont: int}\n", "amuont", "amount", "amuont: int"),
        (STORED + "    expectations: {e: amuont > 0}\n", "amuont", "amount", "amuont > 0"),
        (
            STORED + "    expectations: {e: {expect_column_values_to_not_be_null: {column: amuont}}}\n",
            "amuont", "amount", "amuont}}}",
        ),
        (STORED + "    merge: {keys: id, sequence_by: att}\n", "att", "at", "att}"),
        (SILVER + "    merge: {keys: [id, nota], sequence_by: at}\n", "nota", "note", "nota]"),
        (STORED + "gold: {g: {from: silver.s, aggregate: {by: [idd], measures: {n: count(*)}}}}\n", "idd", "id", "idd]"),
        (
            STORED + "gold: {g: {from: silver.s, aggregate: {by: {x: idd + 1}, measures: {n: count(*)}}}}\n",
            "idd", "id", "idd + 1",
        ),
        (
            STORED + "gold: {g: {from: silver.s, aggregate: {by: id, measures: {n: sum(amuont)}}}}\n",
            "amuont", "amount", "amuont)",
        ),
        (
            STORED + "gold: {g: {from: silver.s, aggregate: {by: id, where: amuont > 0, measures: {n: count(*)}}}}\n",
            "amuont", "amount", "amuont > 0",
        ),
        (
            STORED + "gold: {g: {from: silver.s, aggregate: {by: id, having: nn > 0, measures: {nnn: count(*)}}}}\n",
            "nn", "nnn", "nn > 0",
        ),
        (
            STORED + "gold: {g: {from: silver.s, aggregate: {by: id, window: {column: noet, size: 1 hour}, measures: {n: count(*)}}}}\n",
            "noet", "note", "noet",
        ),
    ],
)  # fmt: skip
def test_an_unknown_column_is_told_at_its_place_with_the_nearest(
    tmp_path: Path, text: str, wrong: str, near: str | None, place: str
) -> None:
    code, message, fix, at = one(tmp_path, text)
    assert (code, message) == ("unknown-column", f"there is no column {wrong!r} here")
    assert fix == (f"did you mean {near!r}?" if near else "there are id, amount, at")
    assert at.startswith(place)


@pytest.mark.parametrize(
    "text",
    [
        SILVER + "    cleanse: [{upper: NOTE}, {filter: ID > 1 AND _batch > 0 AND _rescued_data IS NULL}]\n",
        SILVER + "    cleanse: [{derive: {x: id, y: x + 1}}, {filter: y > :limit}]\n",
        SILVER + "    cleanse: [{rename: {note: remark, id: note}}, {lower: [remark, note]}]\n",
        SILVER + "    cleanse: [{drop: note}, {derive: {note: upper(_source_file)}}, {lower: note}]\n",
        SILVER + "    schema: {id: bigint, _batch: bigint, made: {type: int, default: 1}}\n",
        MERGED + "    expectations: {e: at IS NOT NULL}\n",
        MERGED,
        STORED + "    merge: {keys: id, sequence_by: [at, _source_modified, cast(note AS int)]}\n",
        MERGED + "gold: {g: {from: silver.s, aggregate: {by: id, measures: {n: max(_sequence)}}}}\n",
        STORED + "    merge: {keys: id, sequence_by: at, stored_as_scd_type: 2}\n"
        "gold: {g: {from: silver.s, aggregate: {by: id, where: is_current, measures: {n: max(valid_from)}}}}\n",
        STORED
        + "gold: {g: {from: silver.s, aggregate: {by: id, having: n > 1 AND id > 0, measures: {n: count(*)}}}}\n",
        SILVER + "    cleanse: [{derive: {x: 'transform(array(1), e -> e + 1)'}}]\n",
        STORED + "gold: {g: {from: silver.s, aggregate: {by: id, measures: {n: count(*), share: n / max(amount)}}}}\n",
        STORED
        + "gold: {g: {from: silver.s, aggregate: {by: id, measures: {n: count(*)}}, expectations: {e: n > id}}}\n",
        STORED + "gold: {g: {sql: SELECT note AS n FROM silver.s}, h: {sql: SELECT n FROM gold.g}}\n",
        SILVER + "    cleanse: [{derive: {x: 'my_own(nothing)'}}]\n",
    ],
)
def test_what_is_there_is_found_whatever_its_case(tmp_path: Path, text: str) -> None:
    assert plan(tmp_path, text).steps


@pytest.mark.parametrize(
    "text",
    [
        BRONZE + "silver: {s: {from: bronze.open, cleanse: [{upper: anything}], schema: {what: int}}}\n",
        BRONZE + "silver: {s: {from: bronze.open, expectations: {e: anything > 0}}}\n",
        BRONZE + "gold: {g: {sql: SELECT * FROM bronze.open}, h: {from: gold.g, aggregate: {by: x, measures: {n: max(y)}}}}\n",
        OPEN + "    schema: {id: bigint}\n    schema_evolution: add_new_columns\ngold: {g: {from: silver.s, aggregate: {by: x, measures: {n: max(y)}}}}\n",
        BRONZE.replace("note: string}", "note: string}\n    auto_loader: {schema_evolution_mode: add_new_columns}")
        + "silver: {s: {from: bronze.a, cleanse: [{upper: anything}]}}\n",
    ],
)  # fmt: skip
def test_of_an_open_set_of_columns_nothing_is_said(tmp_path: Path, text: str) -> None:
    assert plan(tmp_path, text).steps


@pytest.mark.parametrize(
    ("text", "wrong", "place"),
    [
        (SILVER + "gold: {g: {sql: SELECT idd FROM silver.s}}\n", "idd", "idd FROM"),
        (SILVER + "gold:\n  g:\n    sql: |\n      SELECT s.id\n      FROM silver.s\n      WHERE s.nota > 1\n", "nota", "nota > 1"),
        (STORED + "gold: {g: {sql: SELECT id AS n FROM silver.s}, h: {sql: SELECT id FROM gold.g}}\n", "id", "id FROM gold.g"),
        (STORED + "gold: {g: {sql: SELECT id AS n FROM silver.s, expectations: {e: id > 0}}}\n", "id", "id > 0"),
        (STORED + "gold: {g: {from: silver.s, aggregate: {by: id, measures: {n: count(*)}}, expectations: {e: amount > 0}}}\n", "amount", "amount > 0"),
        (STORED + "    expectations: {e: {expect_column_pair_values_to_be_equal: {column_A: id, column_B: nota}}}\n", "nota", "nota}}}"),
        (STORED + "    expectations: {e: {expect_column_values_to_not_be_null: {column: id, row_condition: nota > 1}}}\n", "nota", "nota > 1"),
        (STORED + "    append: {keys: [id, nota]}\n", "nota", "nota]"),
        (SILVER + "    append: {keys: nota}\n", "nota", "nota}"),
    ],
)  # fmt: skip
def test_columns_are_followed_to_wherever_they_are_named(tmp_path: Path, text: str, wrong: str, place: str) -> None:
    code, message, _, at = one(tmp_path, text)
    assert code == "unknown-column"
    assert repr(wrong) in message
    assert at.startswith(place)


def test_a_schema_closes_what_was_open(tmp_path: Path) -> None:
    text = BRONZE + "silver: {s: {from: bronze.open, schema: {x: int}}}\n"
    code, message, _, _ = one(
        tmp_path, text + "gold: {g: {from: silver.s, aggregate: {by: x, measures: {n: sum(y)}}}}\n"
    )
    assert (code, message) == ("unknown-column", "there is no column 'y' here")


def test_what_follows_from_one_mistake_is_not_told(tmp_path: Path) -> None:
    text = (
        SILVER
        + "    cleanse:\n      - rename: {nota: remark}\n      - upper: [remark, note]\n      - filter: nothing > 1\n"
    )
    text += "    schema: {id: int, remark: string}\ngold: {g: {sql: 'SELECT note, remark FROM silver.s'}}\n"
    assert [p.message for p in problems(tmp_path, text)] == [
        "there is no column 'nota' here",
        "there is no column 'nothing' here",
    ]


def test_a_column_twice_in_one_expression_is_one_problem(tmp_path: Path) -> None:
    assert len(problems(tmp_path, SILVER + "    cleanse: [{filter: x1 > 1 AND x1 < 5}]\n")) == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (SILVER + "    cleanse: [{filter: id > :limt}]\n", ":limt"),
        (BRONZE + "silver: {s: {from: bronze.open, cleanse: [{derive: {x: ':limt'}}]}}\n", ":limt'"),
        (
            STORED + "gold: {g: {from: silver.s, aggregate: {by: id, measures: {n: count_if(id > :limt)}}}}\n",
            ":limt",
        ),
        (STORED + "    merge: {keys: id, sequence_by: id + :limt}\n", ":limt"),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest(tmp_path: Path, text: str, place: str) -> None:
    code, message, fix, at = one(tmp_path, text)
    assert (code, message, fix) == (
        "unknown-variable", "`:limt` is not a variable of this pipeline", "did you mean 'limit'?",
    )  # fmt: skip
    assert at.startswith(place)


@pytest.mark.parametrize("call", ["rand()", "uuid()", "monotonically_increasing_id()"])
def test_s36_an_order_that_changes_at_each_retry_is_refused(tmp_path: Path, call: str) -> None:
    code, message, fix, at = one(tmp_path, STORED + f"    merge: {{keys: id, sequence_by: [at, '{call}']}}\n")
    assert code == "not-repeatable"
    assert message == f"{call} gives another value at each retry"
    assert fix
    assert at.startswith(f"'{call}'")


def test_s36_the_time_of_the_run_is_fixed_and_allowed(tmp_path: Path) -> None:
    text = SILVER + "    cleanse: [{filter: at < current_timestamp()}, {derive: {x: current_date()}}]\n"
    assert plan(tmp_path, text).steps


def test_text_does_not_order_versions(tmp_path: Path) -> None:
    code, message, fix, at = one(tmp_path, SILVER + "    merge: {keys: id, sequence_by: [at, note]}\n")
    assert (code, message) == ("text-sequence", "'note' is text, and as text 9 comes after 10")
    assert fix == "write a cast, as `cast(note AS timestamp)`"
    assert at == "note]}"


def test_an_order_that_is_text_after_a_cast_is_found_through_the_rules(tmp_path: Path) -> None:
    code, *_ = one(tmp_path, SILVER + "    cleanse: [{rename: {note: n}}]\n    merge: {keys: id, sequence_by: n}\n")
    assert code == "text-sequence"
    text = SILVER + "    cleanse: [{cast: {note: int}}]\n    merge: {keys: id, sequence_by: note}\n"
    assert plan(tmp_path, text).steps


def test_bronze_columns_that_are_text_do_not_order_either(tmp_path: Path) -> None:
    text = BRONZE + "silver: {s: {from: bronze.open, merge: {keys: id, sequence_by: _source_file}}}\n"
    # of an open table nothing is known but what Bronze adds
    assert one(tmp_path, text)[0] == "text-sequence"


LAYOUTS = {
    "partitioned_by: [idd]": "idd]",
    "cluster_by: [id, idd]": "idd]",
    "maintenance: {zorder_by: idd}": "idd}",
    "maintenance: {zorder_by: [id, idd]}": "idd]}",
    "maintenance: {bloom_filter: {idd: {fpp: 0.1}}}": "",
    "maintenance: {statistics: [idd]}": "idd]",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_by_a_column_that_an_aggregate_or_merge_does_not_store(tmp_path: Path, layout: str) -> None:
    text = STORED + "gold:\n  g:\n    from: silver.s\n    aggregate: {by: id, measures: {n: count(*)}}\n    " + layout
    with pytest.raises(SpecError) as error:
        plan(tmp_path, text + "\n")
    (found,) = error.value.problems
    assert (found.code, found.message, found.fix) == (
        "unknown-column", "the table has no column 'idd'", "did you mean 'id'?",
    )  # fmt: skip
    assert marked(tmp_path, found).startswith(LAYOUTS[layout])


@pytest.mark.parametrize("column", ["_sequence", "valid_from", "IS_CURRENT"])
def test_a_layout_may_use_what_a_merge_adds(tmp_path: Path, column: str) -> None:
    text = STORED + "    merge: {keys: id, sequence_by: at, stored_as_scd_type: 2}\n"
    assert plan(tmp_path, text + f"    maintenance: {{zorder_by: [{column}]}}\n").steps


def test_zorder_by_a_partition_is_refused(tmp_path: Path) -> None:
    text = SILVER + "    partitioned_by: id\n    maintenance: {zorder_by: [amount, ID]}\n"
    with pytest.raises(SpecError, match="'ID' is a partition column, within which") as error:
        plan(tmp_path, text)
    assert marked(tmp_path, error.value.problems[0]) == "ID]}"


@pytest.mark.parametrize("key", ["partitioned_by: id", "maintenance: {zorder_by: id}"])
def test_two_layouts_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(SpecError) as error:
        plan(tmp_path, STORED + f"    cluster_by: id\n    {key}\n")
    assert len(error.value.problems) == 1


def test_s41_a_rule_for_all_rows_at_once_is_refused_where_only_new_ones_are_read(tmp_path: Path) -> None:
    rule = "    cleanse:\n      - pivot: {by: id, column: note, measures: {n: count(*)}, values: [a, b]}\n"
    code, message, _, at = one(tmp_path, SILVER + rule)
    assert (code, message) == ("not-incremental", "`pivot` needs all rows at once, this step sees only what is new")
    assert at.startswith(("pivot:", "{by"))
    assert plan(tmp_path, SILVER + rule + "    overwrite: true\n").steps
