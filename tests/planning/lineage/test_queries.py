"""What a query makes of the columns of its tables, by hand and beside sqlglot's own lineage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.lineage import lineage as sqlglots

from lakehouse.names import TableName
from lakehouse.planning.lineage.frame import Column, Edge, Edges, Field, Frame
from lakehouse.planning.lineage.queries import frame_of
from lakehouse.quality.flow import Kind
from lakehouse.quality.references import references

KNOWN = {
    "silver.f": ("id", "carrier", "Delay", "day", "items"),
    "silver.p": ("id", "maker", "built"),
}
"""Tables whose columns are known; any other has whatever its input has."""


def table(name: TableName) -> Frame:
    columns = KNOWN.get(str(name))
    if columns is None:
        return Frame(passing={name: "string"})
    return Frame({c: Column(frozenset({Edge(Field(name, c), Kind.IDENTITY)}), "int") for c in columns})


def told(edges: Edges) -> set[str]:
    return {f"{str(e.field).removeprefix('silver.')} {e.kind}" for e in edges}


def columns(sql: str) -> dict[str, set[str]]:
    return {name: told(column.edges) for name, column in frame_of(sql, table).columns.items()}


def rows(sql: str) -> set[str]:
    return told(frame_of(sql, table).rows)


def one(sql: str) -> set[str]:
    """Where the only column of the result comes from."""
    ((_, edges),) = columns(sql).items()
    return edges


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id, DELAY AS late FROM silver.f", {"id": {"f.id identity"}, "late": {"f.Delay identity"}}),
        ("SELECT silver.f.id, f.day, x.maker FROM silver.f, silver.p AS x",
         {"id": {"f.id identity"}, "day": {"f.day identity"}, "maker": {"p.maker identity"}}),
        ("SELECT * FROM silver.p", {c: {f"p.{c} identity"} for c in KNOWN["silver.p"]}),
        ("SELECT * EXCEPT (id, BUILT) FROM silver.p", {"maker": {"p.maker identity"}}),
        ("SELECT p.*, f.day FROM silver.f f JOIN silver.p p ON f.id = p.id",
         {**{c: {f"p.{c} identity"} for c in KNOWN["silver.p"]}, "day": {"f.day identity"}}),
        ("SELECT id + 1 AS a, a * 2 AS b FROM silver.f", {"a": {"f.id transformation"}, "b": {"f.id transformation"}}),
        ("SELECT day AS id, id + 1 AS n FROM silver.f", {"id": {"f.day identity"}, "n": {"f.id transformation"}}),
        ("SELECT count(*) AS n, sum(delay) AS d, 1 AS one FROM silver.f", {"n": set(), "d": {"f.Delay aggregation"}, "one": set()}),
        ("WITH q AS (SELECT id AS k, delay + 1 AS d FROM silver.f) SELECT k, max(D) AS m FROM Q GROUP BY k",
         {"k": {"f.id identity"}, "m": {"f.Delay aggregation"}}),
        ("WITH q(a, b) AS (SELECT id, day FROM silver.f) SELECT b, a FROM q", {"b": {"f.day identity"}, "a": {"f.id identity"}}),
        ("SELECT t.a FROM (SELECT id, day FROM silver.f) AS t(a, b)", {"a": {"f.id identity"}}),
        ("SELECT id FROM (SELECT * FROM (SELECT id, day FROM silver.f))", {"id": {"f.id identity"}}),
        ("SELECT id FROM silver.f UNION ALL SELECT built FROM silver.p", {"id": {"f.id identity", "p.built identity"}}),
        ("SELECT id FROM silver.f EXCEPT SELECT id FROM silver.p", {"id": {"f.id identity"}}),
        ("SELECT id AS a, id AS b FROM silver.f UNION ALL SELECT built, built FROM silver.p",
         {"a": {"f.id identity", "p.built identity"}, "b": {"f.id identity", "p.built identity"}}),
        ("SELECT t.c FROM (SELECT * FROM silver.p a, silver.p b) AS t(x, a, y, b, c, z)", {"c": {"p.maker identity"}}),
        ("SELECT built AS b, id FROM silver.p UNION ALL BY NAME SELECT id, day AS b FROM silver.f",
         {"b": {"p.built identity", "f.day identity"}, "id": {"p.id identity", "f.id identity"}}),
        ("(SELECT id FROM silver.f)", {"id": {"f.id identity"}}),
        ("SELECT f.id, x.item FROM silver.f f LATERAL VIEW explode(f.items) x AS item",
         {"id": {"f.id identity"}, "item": {"f.items transformation"}}),
        ("SELECT x.item FROM silver.f, LATERAL explode(items) AS x(item)", {"item": {"f.items transformation"}}),
        ("SELECT q.m FROM silver.f JOIN LATERAL (SELECT max(built) AS m FROM silver.p WHERE p.id = f.id) q",
         {"m": {"p.built aggregation"}}),
        ("SELECT posexplode(items) AS (place, item) FROM silver.f",
         {"place": {"f.items transformation"}, "item": {"f.items transformation"}}),
        ("SELECT a FROM VALUES (1), (2) AS t(a)", {"a": set()}),
        ("SELECT id AS n FROM range(3)", {"n": set()}),
        ("SELECT CASE WHEN day > 1 THEN 'x' END AS c FROM silver.f", {"c": {"f.day conditional"}}),
        ("SELECT rank() OVER w AS r FROM silver.f WINDOW w AS (PARTITION BY carrier ORDER BY day)",
         {"r": {"f.carrier window", "f.day window"}}),
        ("SELECT (SELECT max(built) FROM silver.p WHERE p.id = f.id) AS m FROM silver.f f",
         {"m": {"p.built aggregation", "p.id filter", "f.id filter"}}),
        ("SELECT id IN (SELECT id FROM silver.p) AS known FROM silver.f",
         {"known": {"f.id transformation", "p.id transformation"}}),
        ("SELECT count(DISTINCT f.*) AS n FROM silver.f f", {"n": {f"f.{c} aggregation" for c in KNOWN["silver.f"]}}),
        ("SELECT struct(*) AS s FROM silver.p", {"s": {f"p.{c} transformation" for c in KNOWN["silver.p"]}}),
        ("SELECT items.a.b AS x, f.items.a, silver.f.items[0].c AS y FROM silver.f",
         {"x": {"f.items transformation"}, "a": {"f.items transformation"}, "y": {"f.items transformation"}}),
        ("SELECT * FROM silver.f JOIN silver.p USING (id)",
         {"id": {"f.id identity"}, **{c: {f"f.{c} identity"} for c in KNOWN["silver.f"][1:]},
          "maker": {"p.maker identity"}, "built": {"p.built identity"}}),
        ("SELECT t.z FROM (SELECT * FROM silver.f JOIN silver.p USING (id)) AS t(a, b, c, d, e, y, z)", {"z": {"p.built identity"}}),
        ("SELECT id FROM silver.f LEFT JOIN silver.p USING (id)", {"id": {"f.id identity", "p.id identity"}}),
        ("SELECT built FROM (silver.f JOIN silver.p ON f.id = p.id)", {"built": {"p.built identity"}}),
        ("SELECT * FROM silver.p LEFT SEMI JOIN silver.f ON f.id = p.id", {c: {f"p.{c} identity"} for c in KNOWN["silver.p"]}),
        ("SELECT n FROM STREAM(silver.f), (SELECT day AS n FROM silver.f)", {"n": {"f.day identity"}}),
        ("WITH RECURSIVE r AS (SELECT id AS n FROM silver.f UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
         {"n": {"f.id identity", "f.id transformation"}}),
    ],
)  # fmt: skip
def test_values_come_from(sql: str, expected: dict[str, set[str]]) -> None:
    assert columns(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id FROM silver.f", set()),
        ("SELECT id FROM silver.f WHERE day > 1", {"f.day filter"}),
        ("SELECT id FROM silver.f GROUP BY id, upper(carrier)", {"f.id group by", "f.carrier group by"}),
        ("SELECT id, day, count(*) AS n FROM silver.f GROUP BY ALL", {"f.id group by", "f.day group by"}),
        ("SELECT id + 1 AS k, count(*) AS n FROM silver.f GROUP BY k", {"f.id group by"}),
        ("SELECT day AS id, count(*) AS n FROM silver.f GROUP BY id", {"f.id group by"}),
        ("SELECT id, day, count(*) AS n FROM silver.f GROUP BY 2, ROLLUP (id)", {"f.id group by", "f.day group by"}),
        ("SELECT id FROM silver.f GROUP BY id HAVING max(day) > 1", {"f.id group by", "f.day filter"}),
        ("SELECT id, sum(day) AS s FROM silver.f GROUP BY id HAVING s > 1", {"f.id group by", "f.day filter"}),
        ("SELECT id AS k FROM silver.f ORDER BY k, 1 LIMIT 3", {"f.id sort"}),
        ("SELECT id FROM silver.f QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY day) = 1",
         {"f.carrier filter", "f.day filter"}),
        ("SELECT DISTINCT carrier FROM silver.f", {"f.carrier group by"}),
        ("SELECT f.id FROM silver.f JOIN silver.p ON f.id = p.id AND built > 1", {"f.id join", "p.id join", "p.built join"}),
        ("SELECT f.day FROM silver.f JOIN silver.p USING (id)", {"f.id join", "p.id join"}),
        ("SELECT f.day FROM silver.f NATURAL JOIN silver.p", {"f.id join", "p.id join"}),
        ("SELECT q.m FROM silver.f JOIN LATERAL (SELECT built AS m FROM silver.p WHERE p.id = f.id) q", {"p.id filter", "f.id filter"}),
        ("SELECT day FROM silver.f LEFT ANTI JOIN silver.p ON f.id = p.id", {"f.id join", "p.id join"}),
        ("SELECT day FROM silver.f WHERE id IN (SELECT id FROM silver.p WHERE built > 1)",
         {"f.id filter", "p.id filter", "p.built filter"}),
        ("SELECT day FROM silver.f WHERE EXISTS (SELECT 1 FROM silver.p WHERE p.id = f.id)", {"p.id filter", "f.id filter"}),
        ("WITH q AS (SELECT id FROM silver.f WHERE day > 1) SELECT * FROM q", {"f.day filter"}),
        ("SELECT id FROM silver.f WHERE day > 1 UNION ALL SELECT id FROM silver.p WHERE built > 1", {"f.day filter", "p.built filter"}),
        ("SELECT id FROM silver.f UNION SELECT id FROM silver.p", {"f.id group by", "p.id group by"}),
        ("SELECT id FROM silver.f EXCEPT ALL SELECT built FROM silver.p", {"p.built filter"}),
    ],
)  # fmt: skip
def test_rows_are_decided_by(sql: str, expected: set[str]) -> None:
    assert rows(sql) == expected


def test_a_column_of_a_table_that_may_have_any_comes_by_its_own_name() -> None:
    assert columns("SELECT id, b + c AS d FROM silver.open") == {
        "id": {"open.id identity"}, "d": {"open.b transformation", "open.c transformation"},
    }  # fmt: skip
    found = frame_of("SELECT *, b + 1 AS c FROM silver.open", table)
    assert list(found.columns) == ["c"]
    other = found.get("anything")
    assert other is not None
    assert (told(other.edges), other.type) == ({"open.anything identity"}, "string")


def test_of_an_open_and_a_known_table_what_the_known_one_does_not_have_is_of_the_open_one() -> None:
    sql = "SELECT built, other, f.id, p.id AS p FROM silver.open f JOIN silver.p p ON true"
    assert columns(sql) == {
        "built": {"p.built identity"}, "other": {"open.other identity"}, "id": {"open.id identity"}, "p": {"p.id identity"},
    }  # fmt: skip


def test_of_two_open_tables_it_is_not_guessed_which_one_is_meant() -> None:
    assert one("SELECT x FROM silver.a, silver.b") == {
        "every column of silver.a identity",
        "every column of silver.b identity",
    }
    found = frame_of("SELECT * FROM silver.a JOIN silver.b USING (id)", table)
    assert told(found.columns["id"].edges) == {"a.id identity"}
    x = found.get("x")
    assert x is not None
    assert told(x.edges) == {"every column of silver.a identity", "every column of silver.b identity"}


def test_a_name_given_in_the_query_is_meant_where_no_table_is_known_to_have_it() -> None:
    assert columns("SELECT date(t) AS d, year(d) AS y FROM silver.open")["y"] == {"open.t transformation"}
    assert rows("SELECT date(t) AS d, count(*) AS n FROM silver.open GROUP BY d") == {"open.t group by"}
    # made of a column of its own name, so there is one
    assert columns("SELECT trim(a) AS a, a AS b FROM silver.open")["b"] == {"open.a identity"}


def test_a_column_left_out_of_a_star_is_not_there() -> None:
    found = frame_of("SELECT * EXCEPT (a) FROM silver.open", table)
    assert found.get("A") is None
    assert found.get("b") is not None


def test_what_stands_behind_a_pivot_cannot_be_told_one_by_one() -> None:
    found = frame_of("SELECT * FROM silver.p PIVOT (sum(built) FOR maker IN ('a', 'b'))", table)
    column = found.get("a")
    assert column is not None
    assert told(column.edges) == {f"p.{c} transformation" for c in KNOWN["silver.p"]}


def test_a_union_by_place_behind_a_star_cannot_be_told() -> None:
    column = frame_of("SELECT * FROM silver.a UNION ALL SELECT * FROM silver.b", table).get("x")
    assert column is not None
    assert told(column.edges) == {"every column of silver.a identity", "every column of silver.b identity"}


def test_the_type_goes_along_with_a_value_that_is_not_changed() -> None:
    found = frame_of("SELECT id, id + 1 AS more, (SELECT max(id) FROM silver.f) AS m FROM silver.f", table)
    assert [c.type for c in found.columns.values()] == ["int", None, None]


def test_what_comes_from_no_column_says_what_it_is() -> None:
    found = frame_of("SELECT count(*) AS n, 'x' AS x, id FROM silver.f", table)
    assert [c.text for c in found.columns.values()] == ["count(*)", "'x'", ""]


# --- beside sqlglot -----------------------------------------------------------------------------------------------

SCHEMA = {"silver": {n.split(".")[1]: dict.fromkeys((c.lower() for c in cs), "int") for n, cs in KNOWN.items()}}


def leaves(sql: str) -> dict[str, set[str]]:
    """Column -> the columns that sqlglot finds in its value; it does not tell conditions and windows from values."""
    found = sqlglots(None, sql, SCHEMA, dialect="spark")
    return {
        name: {
            f"{leaf.expression.db}.{leaf.expression.name}.{leaf.name.rpartition('.')[2]}"
            for leaf in node.walk()
            if isinstance(leaf.expression, exp.Table)
        }
        for name, node in found.items()
    }


def direct(sql: str) -> dict[str, set[str]]:
    apart = {Kind.FILTER, Kind.JOIN, Kind.GROUP_BY, Kind.SORT}
    return {
        name.lower(): {str(e.field).lower() for e in column.edges if e.kind not in apart}
        for name, column in frame_of(sql, table).columns.items()
    }


_F = ["id", "carrier", "Delay", "day"]
_column = st.sampled_from([f"f.{c}" for c in _F] + ["p.maker", "p.built", "p.id"])
_value = st.one_of(
    _column,
    st.builds("coalesce({}, {})".format, _column, _column),
    st.builds("CASE WHEN {} > 1 THEN {} ELSE {} END".format, _column, _column, _column),
    st.builds("max({}) OVER (PARTITION BY {} ORDER BY {})".format, _column, _column, _column),
    st.builds("cast({} + 1 AS int)".format, _column),
    st.just("1"),
)
_from = st.sampled_from(
    [
        "silver.f f JOIN silver.p p ON f.id = p.id",
        "silver.f AS f, silver.p AS p",
        "(SELECT * FROM silver.f) f LEFT JOIN (SELECT id, maker, built + 1 AS built FROM silver.p WHERE maker > 1) p ON f.id = p.id",
        "(SELECT id, day AS carrier, delay, 1 AS day FROM silver.f UNION ALL SELECT built, maker, id, id FROM silver.p) f, silver.p p",
    ]
)
_select = st.builds(
    lambda values, source: f"SELECT {', '.join(f'{v} AS c{i}' for i, v in enumerate(values))} FROM {source}",
    st.lists(_value, min_size=1, max_size=4),
    _from,
)
_query = st.one_of(
    _select,
    st.builds("WITH q AS ({}) SELECT c0 AS x, c0 + 1 AS y, q.* FROM q WHERE c0 > 1".format, _select),
    st.builds("SELECT c0 FROM ({}) UNION ALL SELECT c0 FROM ({})".format, _select, _select),
    st.builds("SELECT c0, max(c0) AS m FROM ({}) t GROUP BY ALL".format, _select),
)


@settings(deadline=None, max_examples=settings().max_examples // 4)  # sqlglot takes its time
@given(_query)
def test_values_come_from_what_sqlglot_finds_too(sql: str) -> None:
    assert direct(sql) == leaves(sql)


_TOKENS = (
    "SELECT FROM WHERE GROUP BY ALL ORDER HAVING JOIN LEFT ON USING ( ) , * . f p q id day x silver.f silver.open AS "
    "count max UNION EXCEPT WITH LATERAL VIEW explode CASE WHEN THEN END 1 + = OVER PARTITION IN DISTINCT LIMIT QUALIFY"
).split()


@settings(deadline=None)
@given(st.lists(st.sampled_from(_TOKENS), max_size=12).map(lambda words: " ".join(["SELECT", *words])))
def test_whatever_parses_has_a_lineage(sql: str) -> None:
    try:
        references(sql)
    except ValueError:
        return
    frame_of(sql, table)
