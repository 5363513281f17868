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
        (STORED + "    merge: {keys: id, sequence_by: at, stored_as_scd_type: 2, track_history_column_list: [amount, nota]}\n", "nota", "nota]"),
        (SILVER + "    merge: {keys: id, sequence_by: at, stored_as_scd_type: 2, track_history_except_column_list: nota}\n", "nota", "nota}"),
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


PAIR = SILVER.replace(
    "silver:\n",
    "silver:\n  p:\n    from: bronze.a\n    schema: {id: bigint, maker: {type: string, default: upper('b')}}\n",
)
JOIN = PAIR + "    cleanse: [{join: {table: silver.p, %s}}, {filter: %s}]\n"


@pytest.mark.parametrize(
    ("join", "then", "wrong", "where", "fix"),
    [
        ("using: idd", "id > 1", "idd", "here", "did you mean 'id'?"),
        ("using: [id, note]", "id > 1", "note", "in silver.p", "there are id, maker"),
        ("using: id, select: makr", "id > 1", "makr", "in silver.p", "did you mean 'maker'?"),
        ("using: id", "makr > 'a'", "makr", "here", "did you mean 'maker'?"),
        ("using: id, prefix: p_", "maker > 'a'", "maker", "here", "did you mean 'p_maker'?"),
        ("using: id, how: semi", "maker > 'a'", "maker", "here", None),
        ("condition: input.idd = p.id, prefix: p_", "id > 1", "idd", "here", "did you mean 'id'?"),
        ("condition: input.id = p.nr, prefix: p_", "id > 1", "nr", "in silver.p", None),
    ],
)
def test_a_join_s_columns_are_told_on_both_sides_and_behind_it(tmp_path, join, then, wrong, where, fix):
    code, message, told, _ = one(tmp_path, JOIN % (join, then))
    assert (code, message) == ("unknown-column", f"there is no column {wrong!r} {where}")
    assert fix is None or told == fix


def test_s45_columns_that_both_sides_have_are_told(tmp_path):
    code, message, _, _ = one(tmp_path, JOIN % ("condition: input.id = p.id", "id > 1"))
    assert code == "wrong-value"
    assert message == (
        "`join`: there is already a column 'id', and silver.p brings another; give its columns a `prefix`, or leave it"
        " out by `select`"
    )


def test_the_variables_of_a_join_s_condition_are_known(tmp_path):
    code, message, _, place = one(tmp_path, JOIN % ("'condition': 'input.id = p.id + :limt', prefix: p_", "id > 1"))
    assert (code, message) == ("unknown-variable", "`:limt` is not a variable of this pipeline")
    assert place.startswith(":limt")


def test_of_a_lookup_whose_columns_nobody_declares_nothing_is_said(tmp_path):
    text = JOIN % ("using: nr, select: maker", "maker > 'a' AND id > 1")
    assert plan(tmp_path, text.replace("silver.p, using: nr", "bronze.open, using: id"))
    assert plan(tmp_path, text.replace("silver.p, using: nr, select: maker", "bronze.open, using: id"))


@pytest.mark.parametrize("key", ["whole: true", "version: 3", "timestamp: 2024-01-31"])
def test_what_is_read_whole_is_not_appended_again_and_again(tmp_path, key):
    text = BRONZE + f"silver:\n  s:\n    from: {{table: bronze.a, {key}}}\n"
    for way in ("", "    append: true\n"):
        with pytest.raises(SpecError) as error:
            plan(tmp_path, text + way)
        (problem,) = error.value.problems
        word = key.partition(":")[0]
        assert (problem.code, problem.fix) == (
            "conflicting-keys", "write `append: {keys: …}`, `merge` or `overwrite`"
        )  # fmt: skip
        assert (
            problem.message == f"`append` would add rows of bronze.a again that are there: `{word}` reads all of them"
        )
    for way in ("    append: {keys: id}\n", "    overwrite: true\n", "    merge: {keys: id, sequence_by: at}\n"):
        assert plan(tmp_path, text + way)


def test_s41_a_step_that_reads_whole_may_need_all_rows_at_once(tmp_path):
    pivot = (
        "    cleanse: [{pivot: {by: id, column: note, values: [x], measures: {n: count(*)}}}]\n    append: {keys: id}\n"
    )
    assert one(tmp_path, SILVER + pivot)[0] == "not-incremental"
    assert plan(tmp_path, SILVER.replace("bronze.a\n", "{table: bronze.a, whole: true}\n") + pivot)


def test_a_table_is_read_in_one_way(tmp_path):
    with pytest.raises(SpecError) as error:
        plan(tmp_path, BRONZE + "silver: {s: {from: {table: bronze.a, whole: true, version: 2}, overwrite: true}}\n")
    assert "`version` and `whole` are two ways to read the same table" in str(error.value)


def test_columns_of_several_tables_are_known_together(tmp_path):
    other = SILVER.replace(
        "  open:", "  b:\n    source: {format: csv, path: b}\n    schema: {id: bigint, more: string}\n  open:"
    )
    text = other.replace("from: bronze.a", "from: [bronze.a, bronze.b]") + "    cleanse: [{trim: [more, note, moer]}]\n"
    code, message, fix, _ = one(tmp_path, text)
    assert (code, message, fix) == ("unknown-column", "there is no column 'moer' here", "did you mean 'more'?")


def test_types_of_several_tables_that_none_of_them_holds_are_told(tmp_path):
    text = SILVER.replace(
        "  open:", "  b:\n    source: {format: csv, path: b}\n    schema: {ID: int, note: date}\n  open:"
    )
    code, message, _, _ = one(tmp_path, text.replace("from: bronze.a", "from: [bronze.a, bronze.b]"))
    assert code == "wrong-value"
    assert message == "the tables have different columns 'note': string in bronze.a and date in bronze.b"


QUERY = PAIR + "    cleanse:\n      - sql: %s\n      - filter: %s\n    append: {keys: id}\n"


@pytest.mark.parametrize(
    ("sql", "then", "code", "message", "place"),
    [
        ("SELECT id, noet FROM input", "id > 1", "unknown-column", "there is no column 'noet' here", "noet FROM"),
        ("SELECT i.id, p.makr FROM input i JOIN silver.p p USING (id)", "id > 1", "unknown-column",
         "there is no column 'makr' here", "makr FROM"),
        ("SELECT id, upper(note) AS big FROM input", "bgi > 'A'", "unknown-column", "there is no column 'bgi' here", "bgi"),
        ("SELECT id FROM input WHERE id > :limt", "id > 1", "unknown-variable",
         "`:limt` is not a variable of this pipeline", ":limt"),
        ("SELECT * FROM input JOIN silver.q USING (id)", "id > 1", "unknown-table", "there is no table silver.q", "SELECT"),
        ("SELECT id, count(*) AS n FROM input GROUP BY id", "id > 1", "not-incremental",
         "GROUP BY needs all rows at once, this step sees only what is new", "SELECT"),
    ],
)  # fmt: skip
def test_what_a_query_over_the_rows_gives_is_known_behind_it(tmp_path, sql, then, code, message, place):
    found = one(tmp_path, QUERY % (sql, then))
    assert found[:2] == (code, message)
    assert found[3].startswith(place)
    assert plan(tmp_path, QUERY % ("SELECT *, upper(note) AS big FROM input JOIN silver.p USING (id)", "big > maker"))


def test_s41_a_query_over_all_rows_may_group_them(tmp_path):
    text = QUERY.replace("from: bronze.a\n    cleanse", "from: {table: bronze.a, whole: true}\n    cleanse")
    assert text != QUERY
    assert plan(tmp_path, text % ("SELECT id, count(*) AS n FROM input GROUP BY id", "n > 1"))


@pytest.mark.parametrize("rule", ["sql: SELECT * FROM input", "python: mine:f"])
def test_rules_that_check_rows_stand_behind_what_nobody_can_follow(tmp_path, rule):
    (tmp_path / "mine.py").write_text("def f(rows): return rows\n")
    text = SILVER + "    cleanse:\n      - cast: {note: int}\n      - " + rule + "\n"
    word = rule.partition(":")[0]
    code, message, fix, _ = one(tmp_path, text)
    assert (code, message) == ("conflicting-keys", f"what `cast.note` finds before `{word}` would be lost")
    assert fix == f"put `{word}` in front of it"
    assert plan(tmp_path, text.replace("      - cast: {note: int}\n", "") + "      - cast: {note: int}\n")


def test_a_function_that_is_not_there_is_told_and_its_text_is_part_of_the_definition(tmp_path):
    text = SILVER + "    cleanse: [{python: 'mine.rules:clean'}]\n"
    assert one(tmp_path, text)[1] == "there is no module mine.rules"
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "rules.py"
    file.write_text("def claen(rows):\n    return rows\n")
    assert one(tmp_path, text)[1:3] == ("there is no function 'clean' in rules.py", "did you mean 'claen'?")
    file.write_text("def clean(rows):\n    return rows\n")
    before = plan(tmp_path, text)["silver.s"].definition
    assert plan(tmp_path, text)["silver.s"].definition == before
    file.write_text("def clean(rows):\n    return rows.distinct()\n")
    assert plan(tmp_path, text)["silver.s"].definition != before


def test_s71_lists_of_columns_name_what_is_there_and_stand_not_beside_a_schema(tmp_path: Path) -> None:
    merged = "    merge: {keys: id, sequence_by: at, column_list: [id, amuont]}\n"
    assert one(tmp_path, SILVER + merged)[1:3] == ("there is no column 'amuont' here", "did you mean 'amount'?")
    deletes = "    merge: {keys: id, sequence_by: at, apply_as_deletes: nota = 1}\n"
    assert one(tmp_path, SILVER + deletes)[2] == "did you mean 'note'?"
    found = "    merge: {keys: id, sequence_by: at, except_column_list: note}\n"
    reader = "gold: {g: {from: silver.s, aggregate: {by: note, measures: {n: count(*)}}}}\n"
    assert one(tmp_path, SILVER + found + reader)[1] == "there is no column 'note' here"
    with pytest.raises(SpecError, match="`except_column_list` and `schema` both say what is stored"):
        plan(tmp_path, STORED + found)
