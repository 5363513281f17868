"""Tables in SQL: found and replaced at their positions, whatever stands around them."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.names import TableName
from lakehouse.quality.references import (
    SqlError,
    is_grouped_scan,
    moving_parts,
    parse_query,
    references,
    replaced,
)


def names(sql: str) -> list[str]:
    return [str(r.name) for r in references(sql)]


def with_views(sql: str) -> str:
    return replaced(sql, lambda name: f"v_{name.layer}_{name.table}")


def test_every_table_in_the_order_of_the_text() -> None:
    sql = """WITH c AS (SELECT * FROM bronze.a) SELECT * FROM c JOIN silver.b ON c.x = b.x
             WHERE y IN (SELECT y FROM gold.c UNION ALL SELECT z FROM silver.b)"""
    assert names(sql) == ["bronze.a", "silver.b", "gold.c", "silver.b"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'FROM silver.a' AS t",
        "SELECT 1 -- FROM silver.a",
        "SELECT 1 /* FROM silver.a */",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT * FROM range(10)",
        "SELECT explode(array(1, 2))",
    ],
)
def test_what_only_looks_like_a_table_is_none(sql: str) -> None:
    assert names(sql) == []
    assert with_views(sql) == sql


def test_names_in_backticks_and_with_an_alias() -> None:
    (first, second) = references("SELECT * FROM `silver`.`a` AS x, silver . b")
    assert (str(first.name), first.named) == ("silver.a", True)
    assert (str(second.name), second.named) == ("silver.b", False)


def test_a_stream_is_told_from_a_table() -> None:
    sql = "SELECT * FROM STREAM(bronze.a) s JOIN silver.b"
    first, second = references(sql)
    assert (str(first.name), first.stream, second.stream) == ("bronze.a", True, False)
    assert sql[first.start : first.end] == "STREAM(bronze.a)"


def test_a_replaced_table_keeps_the_name_by_which_its_columns_are_qualified() -> None:
    sql = "SELECT b.x, silver.b.y, s.z FROM silver.b JOIN silver.c s ON s.x = silver.b.x"
    assert with_views(sql) == ("SELECT b.x, b.y, s.z FROM `v_silver_b` AS `b` JOIN `v_silver_c` s ON s.x = b.x")


def test_replacing_touches_nothing_but_the_names() -> None:
    sql = "select /* silver.b */ 'silver.b' ,\n\n\tcount( * )  from   silver.b -- silver.b\nwhere ä = 'ö'"
    assert with_views(sql) == sql.replace("from   silver.b", "from   `v_silver_b` AS `b`")


def test_a_field_of_a_struct_keeps_the_alias_of_its_table() -> None:
    sql = "SELECT l.info.name, r.info.name FROM silver.a l JOIN silver.b r ON l.x = r.x"
    assert "SELECT l.info.name, r.info.name FROM" in with_views(sql)


def test_a_field_of_a_struct_of_a_qualified_column_resolves() -> None:
    assert with_views("SELECT silver.a.info.name FROM silver.a") == "SELECT a.info.name FROM `v_silver_a` AS `a`"


@given(st.lists(st.sampled_from(["silver.a", "gold.b", "bronze.c", "silver.a t"]), min_size=1, max_size=5), st.data())
def test_replaced_text_parses_and_names_no_table_of_the_lake(tables: list[str], data: st.DataObject) -> None:
    space = data.draw(st.sampled_from([" ", "\n", " /* silver.a */ ", "\t"]))
    sql = f"SELECT{space}count(*){space}FROM{space}" + f"{space}CROSS JOIN{space}".join(tables)
    assert names(sql) == [t.split()[0] for t in tables]
    after = with_views(sql)
    sqlglot.parse_one(after, dialect="spark")
    assert names(after) == []


@pytest.mark.parametrize(
    ("sql", "line", "column", "message"),
    [
        ("SELECT a FROM silver.x WHERE\n   foo barbar baz", 2, 8, "unexpected 'barbar'"),
        ("SELECT a\nFROM silver.x\nWHERE )", 3, 7, r"unexpected '\)'"),
        ("SELECT count(* FROM silver.x", 1, 16, r"unexpected 'FROM', expecting \)"),
        ("SELECT 'a", 1, 1, "a quote or bracket stays open"),
        ("SELECT 1; SELECT 2", 1, 1, "exactly one SELECT"),
        ("  ", 1, 1, "exactly one SELECT"),
        ("DELETE FROM silver.x", 1, 1, "a SELECT is expected, not DELETE"),
        ("DROP TABLE silver.x", 1, 1, "a SELECT is expected, not DROP"),
    ],
)
def test_what_is_no_query_is_refused_at_its_place(sql: str, line: int, column: int, message: str) -> None:
    with pytest.raises(SqlError, match=message) as error:
        parse_query(sql)
    assert (error.value.line, error.value.column) == (line, column)


@given(st.text(max_size=40) | st.text("SELECT FROM silver.a()'`-/*;:,\n", max_size=40))
def test_any_text_is_a_query_or_a_sql_error(sql: str) -> None:
    found: SqlError | None = None
    try:
        references(sql)
    except SqlError as error:
        found = error
    assert found is None or (found.line >= 1 and found.column >= 1 and str(found))


@pytest.mark.parametrize(
    ("sql", "grouped"),
    [
        ("SELECT a, count(*) FROM silver.x GROUP BY a", True),
        ("SELECT a FROM silver.x", False),
        ("SELECT a, count(*) FROM silver.x JOIN silver.y USING (a) GROUP BY a", False),
        ("SELECT a, count(*) FROM silver.x WHERE b IN (SELECT b FROM silver.y) GROUP BY a", False),
    ],
)
def test_s84_one_table_and_a_group_by(sql: str, grouped: bool) -> None:
    assert is_grouped_scan(sql) is grouped


@pytest.mark.parametrize(
    "call",
    """now() current_date current_date() curdate() current_timestamp current_timestamp() localtimestamp
    localtimestamp() unix_timestamp() current_user() user() session_user() rand() random() randn() uuid() shuffle(a)
    monotonically_increasing_id() input_file_name() randstr(5) uniform(1,2)""".split(),
)
def test_s85_a_query_that_changes_by_itself(call: str) -> None:
    assert len(moving_parts(f"SELECT a FROM silver.x WHERE {call} IS NOT NULL")) == 1


@pytest.mark.parametrize(
    "call", ["max(a)", "unix_timestamp(a)", "to_date('2024-01-01')", "'now()'", "a.rand", "`current_date`", "hash(a)"]
)
def test_s85_a_query_that_only_its_inputs_change(call: str) -> None:
    assert moving_parts(f"SELECT {call} FROM silver.x a") == []


def test_names_are_as_written() -> None:
    assert references("SELECT * FROM Silver.A")[0].name == TableName("Silver", "A")
