"""What a query gives and what it names, as far as that can be told without Spark."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakehouse.names import TableName
from lakehouse.quality.queries import look
from lakehouse.quality.references import SqlError

TABLES = {"silver.f": ("id", "carrier", "delay", "seen"), "silver.p": ("id", "seats", "model"), "gold.one": ("x",)}


def columns_of(name: TableName) -> tuple[str, ...] | None:
    """Of `bronze.open` nothing is known."""
    return TABLES.get(str(name).casefold())


def missing(sql: str) -> list[str]:
    """The names that cannot be, each as it stands in the text."""
    found = look(sql, columns_of).missing
    assert all(sql[item.start :].startswith((item.name, f"`{item.name}`")) for item in found)
    return sorted(item.name for item in found)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT idd FROM silver.f", ["idd"]),
        ("SELECT f.idd, `f`.`carier` FROM silver.f", ["carier", "idd"]),
        ("SELECT silver.f.idd FROM silver.f", ["idd"]),
        ("SELECT x.id FROM silver.f", ["x"]),
        ("SELECT f.id FROM silver.f AS g", ["f"]),
        ("SELECT id FROM silver.f WHERE dely > 1 GROUP BY carier HAVING max(sen) > 1 ORDER BY zip", ["carier", "dely", "sen", "zip"]),
        ("SELECT f.id FROM silver.f JOIN silver.p ON f.id = p.idd", ["idd"]),
        ("SELECT model FROM silver.f JOIN silver.p USING (seats)", ["seats"]),
        ("SELECT a.id FROM (SELECT id AS ident FROM silver.f) a", ["id"]),
        ("WITH c AS (SELECT id AS i FROM silver.f) SELECT id FROM c", ["id"]),
        ("WITH c(a) AS (SELECT id FROM silver.f) SELECT id FROM c", ["id"]),
        ("SELECT id FROM silver.f UNION ALL SELECT seat FROM silver.p", ["seat"]),
        ("SELECT id FROM silver.f WHERE EXISTS (SELECT 1 FROM silver.p WHERE p.id = f.idd)", ["idd"]),
        ("SELECT id FROM silver.f WHERE id IN (SELECT carrier FROM silver.p)", []),
        ("SELECT id FROM silver.f WHERE id IN (SELECT carier FROM silver.p)", ["carier"]),
        ("SELECT transform(array(1), e -> e + idd) AS a FROM silver.f", ["idd"]),
        ("SELECT id FROM silver.f LATERAL VIEW explode(array(dely)) t AS one WHERE one > 1", ["dely"]),
        ("SELECT id, row_number() OVER (PARTITION BY carier ORDER BY delay) AS n FROM silver.f", ["carier"]),
        ("SELECT make_date(yeer, 1, 1) AS d FROM silver.f", ["yeer"]),
        ("SELECT * EXCEPT (idd) FROM silver.f", ["idd"]),
        ("SELECT (SELECT max(seatz) FROM silver.p) AS m FROM silver.f", ["seatz"]),
        ("SELECT f.idd FROM silver.f JOIN bronze.open o ON true", ["idd"]),
        ("SELECT CASE WHEN dely > 1 THEN 'late' END AS l FROM silver.f", ["dely"]),
    ],
)  # fmt: skip
def test_a_name_that_nothing_has(sql: str, names: list[str]) -> None:
    assert missing(sql) == names


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ID, F.Carrier FROM Silver.F",
        "SELECT anything, o.more FROM bronze.open o",
        "SELECT anything FROM silver.f JOIN bronze.open o ON o.id = f.id",
        "SELECT * FROM silver.f WHERE my_own(nothing, here) > 1",
        "SELECT my_own(max(nothing)) AS x FROM silver.f",
        "SELECT id AS a, a + 1 AS b FROM silver.f ORDER BY a, b",
        "SELECT delay * 2 AS twice FROM silver.f GROUP BY twice HAVING twice > 1",
        "SELECT carrier.code, f.carrier.code FROM silver.f",
        "SELECT window.start AS s FROM silver.f GROUP BY window(seen, '1 hour')",
        "SELECT count(*) AS n FROM silver.f GROUP BY window(seen, '1 hour')",
        "SELECT session_window.end AS s FROM silver.f GROUP BY session_window(seen, '1 hour')",
        "SELECT key, value FROM silver.f LATERAL VIEW explode(map('a', 1)) t",
        "SELECT one FROM silver.f LATERAL VIEW OUTER explode(array(id)) t AS one",
        "SELECT col FROM explode(array(1, 2))",
        "SELECT id AS i FROM range(10)",
        "SELECT col1 FROM VALUES (1, 2)",
        "SELECT a FROM VALUES (1, 2) AS t(a, b)",
        "SELECT * FROM silver.f PIVOT (sum(delay) FOR carrier IN ('AA', 'UA'))",
        "SELECT z.s FROM silver.f, LATERAL (SELECT f.delay AS s) z",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
        "WITH c AS (SELECT * FROM bronze.open) SELECT whatever FROM c",
        "SELECT timestampdiff(HOUR, seen, seen) AS h, dateadd(DAY, 1, seen) AS d, extract(YEAR FROM seen) AS y FROM silver.f",
        "SELECT current_date AS d, localtimestamp AS t FROM silver.f",
        "SELECT any_value(id) AS i, f.* FROM silver.f GROUP BY ALL",
        "SELECT _metadata.file_path AS p FROM silver.f",
        "SELECT some_view.x FROM some_view",
        "SELECT x FROM (SELECT anything.* FROM bronze.open anything)",
        "SELECT i.id FROM silver.f f LEFT SEMI JOIN silver.p i ON i.id = f.id",
        "SELECT sum(delay) FILTER (WHERE carrier = 'AA') AS s, percentile_cont(0.5) WITHIN GROUP (ORDER BY delay) AS p FROM silver.f",
        "FROM silver.f SELECT id",
        "SELECT /*+ BROADCAST(p) */ f.id FROM silver.f JOIN silver.p ON f.id = p.id",
        "SELECT sum(delay) OVER w AS s FROM silver.f WINDOW w AS (PARTITION BY carrier)",
    ],
)
def test_never_a_false_alarm(sql: str) -> None:
    assert missing(sql) == []


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT id, delay + 1 AS more FROM silver.f", ("id", "more")),
        ("SELECT * FROM silver.f", TABLES["silver.f"]),
        ("SELECT f.*, seats FROM silver.f f JOIN silver.p USING (id)", (*TABLES["silver.f"], "seats")),
        ("SELECT * EXCEPT (id) FROM silver.p", ("seats", "model")),
        ("SELECT carrier.code FROM silver.f", ("code",)),
        ("SELECT 1 AS a UNION SELECT 2 AS b", ("a",)),
        ("(SELECT 1 AS a) UNION ALL (SELECT 2 AS b)", ("a",)),
        ("WITH c(a, b) AS (SELECT id, delay FROM silver.f) SELECT * FROM c", ("a", "b")),
        ("SELECT x.* FROM VALUES (1) AS x(one)", ("one",)),
        ("SELECT * FROM bronze.open", None),
        ("SELECT o.*, 1 AS x FROM silver.f JOIN bronze.open o ON true", None),
        ("SELECT count(*) FROM silver.f", None),
        ("SELECT * FROM silver.f PIVOT (sum(delay) FOR carrier IN ('AA'))", None),
        ("SELECT explode(map('a', 1)) AS (k, v)", ("k", "v")),
    ],
)
def test_what_a_query_gives(sql: str, columns: tuple[str, ...] | None) -> None:
    assert look(sql, columns_of).columns == columns


def test_names_given_twice_and_columns_without_a_name() -> None:
    sql = "SELECT id, carrier AS ID, count(*), delay + 1, upper(carrier), cast(id AS int), count(*) AS n FROM silver.f"
    found = look(sql, columns_of)
    assert found.twice == (("ID", sql.index("ID,")),)
    assert [text for text, _ in found.nameless] == ["COUNT(*)", "delay + 1"]


def test_tables_without_a_layer_and_variables() -> None:
    sql = "WITH c AS (SELECT 1 AS x) SELECT * FROM c JOIN f ON c.x = :limit AND ':no' <> '' WHERE f.x < :day"
    found = look(sql, columns_of)
    assert found.bare == (("f", sql.index("f ON")),)
    assert found.variables == {"limit", "day"}


def test_the_nearest_names_are_those_of_the_table_that_was_named() -> None:
    (found,) = look("SELECT p.carrier FROM silver.f JOIN silver.p USING (id)", columns_of).missing
    assert found.near == TABLES["silver.p"]


TOKENS = [
    "SELECT", "FROM", "silver.f", "silver.p", "bronze.open", "f", "p", "id", "idd", "*", ",", "(", ")", "AS", "a", "JOIN", "ON", "USING",
    "WHERE", "=", "1", "'x'", "GROUP BY", "ALL", "ORDER BY", "UNION", "WITH", "LATERAL VIEW", "explode(", "->", ".", "OVER", "IN", "CASE",
    "WHEN", "THEN", "END", ":x", "STREAM(", "VALUES", "PIVOT", "FOR", "EXCEPT", "WINDOW", "window(", "`", "--", "/*", "*/", "|>",
]  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=14).map(lambda words: " ".join(["SELECT", *words]))
    | st.text(max_size=30)
)
@example("SELECT LATERAL VIEW .")
def test_any_text_is_looked_at_or_refused(sql: str) -> None:
    try:
        found = look(sql, columns_of)
    except SqlError as error:
        refused = error
    else:
        assert all(0 <= item.start < len(sql) for item in found.missing)
        return
    assert str(refused)
    assert min(refused.line, refused.column) > 0
