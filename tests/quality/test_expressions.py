# ruff: noqa: DTZ001 - a time in the session's zone is what Spark takes and gives
from __future__ import annotations

import datetime as dt
import decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.quality import binding
from lakehouse.quality import expressions as sql
from lakehouse.quality.binding import bound, sql_literal


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a > 1 and B < c", {"a", "B", "c"}),
        ("a.b.c = 1", {"a"}),
        ("`weird name` + 1", {"weird name"}),
        ("transform(a, x -> x + y)", {"a", "y"}),
        ("aggregate(a, 0, (acc, x) -> acc + x + z)", {"a", "z"}),
        ("make_date(year, month, day)", {"year", "month", "day"}),
        ("timestampdiff(DAY, a, b)", {"a", "b"}),
        ("extract(year from d)", {"d"}),
        ("current_date() - d", {"d"}),
        ("current_date", set()),
        ("'a' = \"b\"", set()),
        ("v:a.b > :x", {"v"}),
        ("count_if(late > :p) filter (where ok)", {"late", "ok"}),
        ("1", set()),
    ],
)
def test_columns_of(text, columns):
    assert sql.columns_of(text) == columns


def test_bare_column():
    assert [sql.bare_column(t) for t in ("a", "`a b`", "a.b", "a + 0", "current_date", "1")] == [
        "a",
        "a b",
        None,
        None,
        None,
        None,
    ]


def test_variables_of():
    assert sql.variables_of("a > :x and v:b = ':c' -- :d") == {"x"}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a >", 1, 3, "unexpected '>'"),
        ("a b", 1, 3, "unexpected 'b'"),
        ("a\n  b", 2, 3, "unexpected 'b'"),
        ("", 1, 1, "missing"),
        ("'a", 1, 1, "stays open"),
        ("a in (select 1)", 1, 1, "query"),
        ("1; drop table x", 1, 7, "unexpected"),
        ("a = ?", 1, 1, "placeholder"),
    ],
)
def test_what_is_not_an_expression_has_its_place(text, line, column, words):
    with pytest.raises(sql.ExpressionError, match=words) as caught:
        sql.parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_braces_and_comments_have_a_hint():
    for text in ("{a: 1", "a #"):
        with pytest.raises(sql.ExpressionError) as caught:
            sql.parse(text)
        assert "in quotes" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("rand() + 1", ["rand"]),
        ("random()", ["rand"]),
        ("uuid()", ["uuid"]),
        ("monotonically_increasing_id()", ["monotonically_increasing_id"]),
        ("shuffle(a)", ["shuffle"]),
        ("rand + uuid", []),
        ("s.rand", []),
        ("'rand()'", []),
        ("now()", []),
        ("if(a, RAND(3), 0)", ["rand"]),
    ],
)
def test_s36_nondeterministic(text, names):
    assert sql.nondeterministic(text) == names


def test_s36_current():
    assert sql.current("now() > a") == ["current_timestamp"]
    assert sql.current("current_date - 1") == ["current_date"]
    assert sql.current("unix_timestamp(a)") == []


def test_s41_windows_and_aggregates():
    assert len(sql.windows("row_number() over (order by a)")) == 1
    assert sql.windows("a + b") == []
    assert sql.aggregates("sum(a) / count(*)") == ["SUM(a)", "COUNT(*)"]
    assert sql.aggregates("sum(a) over (partition by b)") == []
    assert sql.aggregates("aggregate(a, 0, (x, y) -> x + y) + greatest(a, b) + array_max(c) + element_at(a, 1)") == []
    assert sql.generators("explode(a)") == ["explode"]


NOW = dt.datetime(2013, 2, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a = :x", "a = 5"),
        ("a = :x and v:x > :x", "a = 5 and v:x > 5"),
        ("v:x::int = :x", "v:x::int = 5"),
        ("':x' || `:x` /* :x */ || :x -- :x", "':x' || `:x` /* :x */ || 5 -- :x"),
        ("case when a then:x end", "case when a then5 end"),
        ("a::int = :x", "a::int = 5"),
        ("s.now + v:now", "s.now + v:now"),
        ("now > 1", "now > 1"),
    ],
)
def test_only_variables_are_replaced(text, result):
    got = bound(text, {"x": 5}, NOW)
    assert got.replace("then 5", "then5") == result


def test_an_unknown_variable_is_an_error_with_the_nearest():
    with pytest.raises(sql.ExpressionError, match="'punktual'") as caught:
        bound("a > :punktual", {"punctual": 1})
    assert caught.value.fix == "did you mean 'punctual'?"


def test_a_map_has_no_literal():
    with pytest.raises(ValueError, match="dict"):
        sql_literal({"a": 1})


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
    | st.dates(min_value=dt.date(1, 1, 1))
    | st.datetimes(min_value=dt.datetime(1900, 1, 1), max_value=dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=1, max_size=8))
def test_a_variable_arrives_as_its_value_whatever_it_holds(spark, values):
    variables = {f"v{i}": value for i, value in enumerate(values)}
    columns = [binding.column(f":v{i}", variables).alias(f"v{i}") for i in range(len(values))]
    row = spark.sql("SELECT 1 AS one").select(*columns).collect()[0]
    for i, value in enumerate(values):
        got = row[f"v{i}"]
        wanted = value.astimezone().replace(tzinfo=None) if isinstance(value, dt.datetime) else value
        assert got == wanted
        assert isinstance(got, (type(value), decimal.Decimal))


def test_text_cannot_leave_its_literal(spark):
    for evil in ("' or 1=1 --", "\\' or 1=1 --", "\\", "a\\u0027b", "'; drop table x", "x' /*"):
        frame = spark.createDataFrame([("a",)], "t string")
        assert frame.filter(binding.column("t = :x", {"x": evil})).count() == 0
        assert frame.select(binding.column(":x", {"x": evil}).alias("v")).first()["v"] == evil
