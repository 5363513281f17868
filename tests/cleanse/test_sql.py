"""Queries over the rows so far: what they read, what they may be about, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from lakehouse.cleanse.base import one_rule
from lakehouse.errors import StepError
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.partial import needs_all
from lakehouse.quality.rows import INPUT

from .helpers import apply


def test_a_query_sees_the_rows_so_far_and_other_tables_whole(spark):
    tables = {TableName("silver", "p"): spark.createDataFrame([(1, "x"), (3, "z")], "id int, name string")}
    frame = keep_input(spark.createDataFrame([(1, 5), (2, 6)], "id int, n int"))
    checks = Checks(tables=tables, variables={"least": 5}, now=datetime(2024, 1, 1, tzinfo=UTC))
    text = "SELECT i.id, silver.p.name, current_date() AS day FROM input i LEFT JOIN silver.p ON i.id = p.id WHERE n >= :least"
    after = apply(frame, {"derive": {"n": "n + 0"}}, {"sql": text}, checks=checks)
    assert [(r["id"], r["name"], str(r["day"])) for r in after.orderBy("id").collect()] == [
        (1, "x", "2024-01-01"), (2, None, "2024-01-01"),
    ]  # fmt: skip
    assert not spark.catalog.tableExists("input")
    assert after.schema[INPUT].dataType.names == ["id", "name", "day"], "rejected rows are kept as they are after it"


def test_a_query_after_a_query_sees_what_that_gave(spark):
    frame = spark.createDataFrame([(1,)], "a int")
    after = apply(frame, {"sql": "SELECT a + 1 AS b FROM input"}, {"sql": "SELECT b * 2 AS c FROM input"})
    assert [r["c"] for r in after.collect()] == [4]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("SELECT 1 AS a, 2 AS A FROM input", "sql: two columns are called 'A'"),
        ("SELECT 1 AS __a FROM input", "sql: '__a' cannot be a column"),
    ],
)
def test_columns_that_no_table_can_have_are_refused(spark, text, wrong):
    with pytest.raises(StepError, match=wrong):
        apply(spark.createDataFrame([(1,)], "a int"), {"sql": text})


def test_rules_that_check_rows_do_not_stand_in_front_of_it(spark):
    frame = spark.createDataFrame([("1",)], "a string")
    with pytest.raises(StepError) as error:
        apply(frame, {"cast": {"a": "int"}}, {"sql": "SELECT * FROM input"})
    assert error.value.message == "sql: what the rule cast.a found before it would be lost"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("SELECT FROM", "the SQL does not parse"),
        ("SELECT * FROM silver.p", "does not read `input`"),
        ("SELECT * FROM input JOIN STREAM(silver.p) USING (id)", "leave out `STREAM()`"),
        ("DELETE FROM input", "a SELECT is expected"),
    ],
)
def test_what_is_no_query_over_the_rows_is_refused(text, wrong):
    with pytest.raises(ValidationError) as error:
        one_rule({"sql": text})
    assert wrong in str(error.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT * FROM input", ""),
        ("SELECT a, upper(b) AS b FROM input WHERE a > 1 ORDER BY a", ""),
        ("SELECT i.*, p.n FROM input i JOIN (SELECT id, count(*) AS n FROM silver.p GROUP BY id) p ON i.id = p.id", ""),
        ("SELECT *, (SELECT max(n) FROM silver.p WHERE p.id = input.id) AS m FROM input", ""),
        ("WITH p AS (SELECT DISTINCT id FROM silver.p) SELECT * FROM input WHERE id IN (SELECT id FROM p)", ""),
        ("SELECT i.* FROM input i LEFT JOIN silver.p p ON i.id = p.id LEFT ANTI JOIN silver.q q ON i.id = q.id", ""),
        ("SELECT * FROM silver.p p JOIN input i ON i.id = p.id", ""),
        ("SELECT a, t FROM input LATERAL VIEW explode(tags) x AS t", ""),
        ("SELECT a FROM input WHERE a > 1 UNION ALL SELECT b FROM input", "reading `input` 2 times"),
        ("SELECT * FROM input UNION ALL SELECT * FROM silver.p", "UNION ALL with rows of other tables"),
        ("SELECT * FROM silver.p WHERE id IN (SELECT id FROM input)", "a SELECT from other tables"),
        ("SELECT * FROM silver.p p LEFT JOIN input i ON i.id = p.id", "LEFT JOIN"),
        ("SELECT * FROM silver.p p LEFT ANTI JOIN input i ON i.id = p.id", "LEFT ANTI JOIN"),
        ("SELECT * FROM input i FULL JOIN silver.p p ON i.id = p.id", "FULL JOIN"),
        ("SELECT * FROM input i RIGHT JOIN silver.p p ON i.id = p.id", "RIGHT JOIN"),
        ("SELECT * FROM input TABLESAMPLE (5 PERCENT)", "PIVOT or TABLESAMPLE"),
        ("SELECT * FROM input PIVOT (max(a) FOR b IN (1, 2))", "PIVOT or TABLESAMPLE"),
        ("WITH x AS (SELECT * FROM input) SELECT a.id FROM x a JOIN x b ON a.id = b.n", "reading `x` 2 times"),
        ("SELECT count(*) AS n FROM input", "the aggregate COUNT(*)"),
        ("SELECT a, sum(b) AS b FROM input GROUP BY a", "GROUP BY"),
        ("SELECT DISTINCT a FROM input", "DISTINCT"),
        ("SELECT a FROM input LIMIT 3", "LIMIT"),
        ("SELECT a, row_number() OVER (ORDER BY a) AS n FROM input", "a window function"),
        ("WITH x AS (SELECT a FROM input) SELECT max(a) AS m FROM x", "the aggregate MAX(a)"),
        ("SELECT a FROM input UNION SELECT a FROM silver.p", "UNION ALL with rows of other tables"),
        ("SELECT a FROM input EXCEPT SELECT a FROM silver.p", "EXCEPT"),
        ("SELECT x.a FROM input x JOIN input y ON x.a = y.b", "reading `input` 2 times"),
        ("SELECT a FROM (SELECT a FROM input LIMIT 1)", "LIMIT"),
    ],
)
def test_s41_what_depends_on_which_rows_come_together_is_found(text, found):
    assert needs_all(text, "input") == found
