"""Tables of which a part is replaced, through whole runs."""

from __future__ import annotations

import pytest

import lakehouse
from lakehouse.engine.results import Status
from lakehouse.errors import DataError
from tests.engine.lake import Lake, failures

WHERE = """
from: bronze.a
cleanse: [{filter: "n >= :low"}]
schema: {id: int, n: int}
replace_where: n >= :low
"""


def test_s86_the_input_is_read_whole_and_a_row_outside_fails_the_step(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "2,20,y")
    lake.tables("variables: {low: 0}", silver={"s": WHERE})
    lake.run()
    lake.file("2.csv", "3,15,z")
    second = lake.run(variables={"low": 15})
    assert lake.rows("silver.s") == [(1, 10), (2, 20), (3, 15)]
    assert (second["silver.s"].rows_written, second["silver.s"].rows_filtered) == (2, 1)
    before = lake.versions()
    assert lake.run(variables={"low": 15})["silver.s"].status is Status.IDLE
    assert lake.versions() == before
    lake.tables(silver={"s": WHERE.replace("replace_where: n >= :low", "replace_where: n > :low")})
    failed = lake.run(ok=False, variables={"low": 15})["silver.s"]
    assert isinstance(failed.error, DataError)
    assert "replace_where: 1 of 2 rows break it; for example 15: the row does not meet the condition, n > :low" in str(
        failed.error
    )
    assert lake.versions() == before, "nothing was written"


def test_s86_s99_day_by_day_over_a_query_in_gold_the_other_days_stay(lake: Lake) -> None:
    lake.bronze(hints="id: int, n: int, t: date")
    lake.file("1.csv", "1,10,2024-01-01", "2,20,2024-01-02")
    query = "sql: SELECT t, sum(n) AS n FROM bronze.a WHERE t = :day GROUP BY t\nreplace_where: t = :day\n"
    lake.tables("variables: {day: 2024-01-01}", gold={"days": query})
    for day in ("2024-01-01", "2024-01-02", "2024-01-01"):
        lake.run(variables={"day": day})
    assert [(str(t), n) for t, n in lake.rows("gold.days")] == [("2024-01-01", 10), ("2024-01-02", 20)]
    assert lake.kinds("gold.days") == ["create", "data", "data", "data"]


def test_s87_values_that_come_again_are_replaced_and_null_is_set_aside(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x", "1,11,y", "2,20,z", ",5,w")
    table = 'from: bronze.a\ncleanse: [{filter: "n >= :low"}]\nschema: {id: int, n: int}\nreplace_using: id\n'
    table += "expectations: {few: {expect_table_row_count_to_be_between: {max_value: 3}, on_violation: fail}}\n"
    lake.tables("variables: {low: 0}", silver={"s": table})
    first = lake.run()["silver.s"]
    assert (first.rows_written, first.rows_rejected) == (3, 1)
    kept = lakehouse.quarantine(lake.project(), "silver.s", spark=lake.spark)
    assert [failures(row) for row in kept] == [[("replace_using", None)]]
    lake.file("2.csv", "1,100,x", "3,300,x")
    second = lake.run(variables={"low": 100})["silver.s"]
    assert lake.rows("silver.s") == [(1, 100), (2, 20), (3, 300)]
    assert (second.rows_written, second.rows_updated) == (2, 0)
    lake.file("3.csv", "4,400,x")
    assert "few" in str(lake.run(ok=False, variables={"low": 100})["silver.s"].error), "of the table, not of the run"
    lake.run(variables={"low": 1000}, ok=True)
    assert lake.rows("silver.s") == [(1, 100), (2, 20), (3, 300)], "an empty result replaces nothing"


@pytest.mark.parametrize("way", ["replace_where: a > 0", "replace_using: a"])
def test_columns_are_added_and_widened_beside_rows_that_stay(lake: Lake, way: str) -> None:
    lake.bronze(hints="id: int, n: int")
    lake.file("1.csv", "1,1,x", "2,2,y")
    lake.tables(
        silver={"s": f"from: bronze.a\ncleanse: [{{rename: {{id: a}}}}, {{drop: n}}, {{filter: a = 1}}]\n{way}\n"}
    )
    lake.run()
    lake.tables(
        silver={"s": f"from: bronze.a\ncleanse: [{{rename: {{id: a}}}}, {{filter: a = 2}}]\n{way.replace('0', '1')}\n"}
    )
    lake.run()
    assert lake.columns("silver.s") == ["a", "t", "n"]
    assert lake.rows("silver.s", "a", "t", "n") == [(1, "x", None), (2, "y", 2)]
