from __future__ import annotations

import datetime as dt

import pytest

from lakehouse.errors import StepError
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.expectations import judge
from lakehouse.quality.models import Expectation, column_specs
from lakehouse.quality.routing import accepted, rejected, stored_as
from lakehouse.quality.schema import enforce

ROWS = [("1", "10", "EWR"), ("2", "1.5", "JFK"), ("x", "y", None), (" 4 ", None, "LGA")]
DDL = "flight string, delay string, origin string"


def run(spark, schema, rows=ROWS, ddl=DDL, expectations=None, **options):
    checks = Checks(**options)
    frame = enforce(keep_input(spark.createDataFrame(rows, ddl).coalesce(1)), column_specs(schema), checks)
    rules = {name: Expectation.model_validate(rule) for name, rule in (expectations or {}).items()}
    return judge(frame, rules, checks), checks


def broken(frame, checks):
    rows = rejected(frame, checks, TableName("silver", "flights"), 7, "attempt", "run", "input").collect()
    return [[(f["name"], f["column"], f["value"], f["message"]) for f in r["_failures"]] for r in rows], rows


def test_s29_s32_declared_columns_in_their_order_and_types(spark):
    frame, checks = run(spark, {"origin": "string", "flight": "int"})
    stored = accepted(frame, checks)
    assert [c for c in stored.columns if not c.startswith("__")] == ["origin", "flight"]
    assert dict(stored.dtypes)["flight"] == "int"
    assert [(r["origin"], r["flight"]) for r in stored.collect()] == [("EWR", 1), ("JFK", 2), ("LGA", 4)]


def test_s28_all_failures_of_a_row_and_no_double_blame(spark):
    frame, checks = run(
        spark,
        {"flight": {"type": "int", "nullable": False}, "delay": "int", "origin": {"type": "string", "nullable": False}},
        expectations={
            "positive": {"expect": "flight > 0", "on_violation": "quarantine"},
            "both": {"expect": "flight + delay > 0", "on_violation": "quarantine"},
            "home": {"expect": "origin in ('EWR', 'JFK')", "on_violation": "quarantine"},
        },
    )
    failures, _ = broken(frame, checks)
    by_value = {tuple(f) for row in failures for f in row}
    assert sorted(len(row) for row in failures) == [1, 2, 4]
    assert by_value == {
        ("schema.delay", "delay", "1.5", "does not fit int"),
        ("schema.flight", "flight", "x", "does not fit int"),
        ("schema.delay", "delay", "y", "does not fit int"),
        ("schema.origin", "origin", None, "is NULL"),
        ("home", "origin", None, "is not: origin in ('EWR', 'JFK')"),
        ("both", None, '{"delay":null,"flight":4}', "is not: flight + delay > 0"),
        ("home", "origin", "LGA", "is not: origin in ('EWR', 'JFK')"),
    }
    counts = {r.name: (r.judged, r.violations) for r in evaluate(frame, checks).results}
    assert counts == {
        "schema.flight": (4, 1),
        "schema.delay": (4, 2),
        "schema.origin": (4, 1),
        "positive": (3, 0),
        "both": (2, 1),
        "home": (4, 2),
    }


def test_on_schema_violation_null_stores_the_row_but_never_a_null_where_none_may_be(spark):
    frame, checks = run(
        spark,
        {"flight": "int", "delay": "int", "origin": {"type": "string", "nullable": False}},
        on_schema_violation="null",
    )
    stored = [(r["flight"], r["delay"], r["origin"]) for r in accepted(frame, checks).collect()]
    assert stored == [(1, 10, "EWR"), (2, None, "JFK"), (4, None, "LGA")]
    found = evaluate(frame, checks)
    assert (found.rows, found.quarantined, found.accepted) == (4, 1, 3)
    assert {r.name: r.violations for r in found.results} == {"schema.flight": 1, "schema.delay": 2, "schema.origin": 1}
    assert not found.failing


def test_on_schema_violation_null_of_a_column_that_takes_no_null_is_quarantined(spark):
    frame, checks = run(spark, {"flight": {"type": "int", "nullable": False}}, on_schema_violation="null")
    assert [r["flight"] for r in accepted(frame, checks).collect()] == [1, 2, 4]


def test_on_schema_violation_fail_writes_nothing(spark):
    frame, checks = run(spark, {"flight": "int"}, on_schema_violation="fail")
    found = evaluate(frame, checks)
    assert [r.name for r in found.failing] == ["schema.flight"]
    assert found.message() == "schema.flight: 1 of 4 rows break it"


def test_s14_a_rescued_value_is_a_violation_with_that_value(spark):
    rows = [
        (1, 5, None),
        (2, None, '{"delay":"late","_file_path":"f"}'),
        (3, None, None),
        (4, 9, '{"DELAY":"other spelling"}'),
    ]
    frame, checks = run(spark, {"id": "int", "delay": "int"}, rows, "id int, delay int, _rescued_data string")
    failures, _ = broken(frame, checks)
    assert failures == [[("schema.delay", "delay", "late", "was rescued, because it did not fit the input's column")]]
    assert sorted(r["id"] for r in accepted(frame, checks).collect()) == [1, 3, 4]


def test_s14_a_rescued_value_is_found_through_rename_and_derive(spark):
    from lakehouse import cleanse

    rows = [(1, None, '{"Year":"MMXIII"}'), (2, 2013, None), (3, None, None)]
    frame, checks = keep_input(spark.createDataFrame(rows, "id int, Year int, _rescued_data string")), Checks()
    for rule in (
        {"rename": {"year": "y"}},
        {
            "derive": {
                "day": "make_date(y, 1, 1)",
                "safe": "coalesce(string(y), get_json_object(_rescued_data, '$.Year'))",
            }
        },
    ):
        frame = cleanse.apply(rule, frame, checks)
    frame = enforce(frame, column_specs({"id": "int", "day": "date", "safe": "string"}), checks)
    failures, _ = broken(frame, checks)
    assert failures == [[("schema.day", "day", "MMXIII", "was rescued, because it did not fit the input's column")]]
    assert sorted(
        (r["id"], r["day"], r["safe"]) for r in accepted(frame, checks).select("id", "day", "safe").collect()
    ) == [
        (2, dt.date(2013, 1, 1), "2013"),
        (3, None, None),
    ]


def test_s32_a_missing_column_names_the_nearest(spark):
    with pytest.raises(StepError, match=r"schema.fligth: .*did you mean 'flight'"):
        run(spark, {"fligth": "int"})


def test_s33_undeclared_columns_go_or_follow(spark):
    frame = spark.createDataFrame([("1", "b", "c", 3)], "a string, z string, y string, _batch bigint")
    checks = Checks()
    assert enforce(frame, column_specs({"a": "int"}), checks).columns == ["a", "_batch", "__f0", "__b0"]
    assert enforce(frame, column_specs({"a": "int"}), Checks(), keep_others=True).columns == [
        "a",
        "z",
        "y",
        "_batch",
        "__f0",
        "__b0",
    ]


def test_s34_default_for_an_absent_column_only(spark):
    schema = {
        "a": {"type": "string", "default": "'none'"},
        "b": {"type": "string", "default": "'none'"},
        "n": {"type": "decimal(5,2)", "default": 1.5},
        "d": {"type": "date", "default": "date(:day)"},
    }
    frame, _ = run(spark, schema, [(None,)], "a string", variables={"day": "2013-01-02"})
    row = frame.first()
    assert (row["a"], row["b"], str(row["n"]), row["d"]) == (None, "none", "1.50", dt.date(2013, 1, 2))


def test_s16_columns_are_found_in_any_case(spark):
    frame, _ = run(spark, {"FLIGHT": "int"}, [("7",)], "flight string")
    assert [c for c in frame.columns if not c.startswith("__")] == ["FLIGHT"]
    assert frame.first()["FLIGHT"] == 7


def test_bronze_columns_are_stored_when_named(spark):
    frame, _ = run(spark, {"a": "int", "_batch": "bigint"}, [("1", 4)], "a string, _batch bigint")
    assert [c for c in frame.columns if not c.startswith("__")] == ["a", "_batch"]


def test_s54_s55_rejected_rows_are_the_rows_as_read(spark):
    rows = [("x", 3), ("x", 3), ("1", 4), (None, 5)]
    frame, checks = run(spark, {"a": {"type": "int", "nullable": False}}, rows, "a string, _batch bigint")
    out = rejected(frame, checks, TableName("silver", "t"), 7, "att", "run1", "input")
    assert out.columns == [
        "a", "_input_batch", "_failures", "_quarantine_id", "_stage", "_batch", "_attempt", "_run_id", "_quarantined_at",
        "_replay_id", "_replayed_at",
    ]  # fmt: skip
    assert dict(out.dtypes)["_failures"] == "array<struct<name:string,column:string,value:string,message:string>>"
    assert dict(out.dtypes)["a"] == "string"
    got = out.collect()
    assert sorted((r["a"] or "", r["_input_batch"], r["_batch"], r["_stage"]) for r in got) == [
        ("", 5, 7, "input"),
        ("x", 3, 7, "input"),
        ("x", 3, 7, "input"),
    ]
    ids = {r["_quarantine_id"] for r in got}
    assert len(ids) == 3
    again = rejected(frame.repartition(3), checks, TableName("silver", "t"), 7, "other", "run2", "input").collect()
    assert {r["_quarantine_id"] for r in again} == ids
    later = rejected(frame, checks, TableName("silver", "t"), 8, "att", "run1", "input").collect()
    assert not {r["_quarantine_id"] for r in later} & ids
    assert stored_as("_batch") == "_input_batch"
    assert stored_as("_source_file") == "_source_file"


def test_s60_values_of_pii_columns_are_shown_nowhere(spark):
    from lakehouse import cleanse

    checks = Checks()
    frame = keep_input(spark.createDataFrame([("secret", "x")], "ssn_raw string, n string"))
    for rule in ({"cast": {"ssn_raw": "int"}}, {"rename": {"ssn_raw": "ssn"}}):
        frame = cleanse.apply(rule, frame, checks)
    frame = enforce(
        frame, column_specs({"ssn": {"type": "int", "pii": True, "nullable": False}, "n": "string"}), checks
    )
    rules = {
        "r": {"expect": "ssn is not null or n = 'y'", "on_violation": "quarantine"},
        "n": {"expect": "n = 'y' and n <> ssn", "on_violation": "quarantine"},
    }
    frame = judge(frame, {k: Expectation.model_validate(v) for k, v in rules.items()}, checks)
    (row,) = rejected(frame, checks, TableName("silver", "t"), 1, "a", "r", "input").collect()
    assert row["ssn_raw"] == "secret"
    assert "secret" not in str(row["_failures"])
    assert [(f["name"], f["value"]) for f in row["_failures"]] == [("cast.ssn_raw", None)]


def test_the_input_is_not_read_for_rows_that_pass(spark, tmp_path):
    """Job 0 and the data job read only the columns that they need from the files."""
    path = str(tmp_path / "t")
    spark.createDataFrame(
        [("1", "a", "b", None)], "n string, kept string, unused string, _rescued_data string"
    ).write.parquet(path)
    checks = Checks()
    frame = enforce(
        keep_input(spark.read.parquet(path)),
        column_specs({"n": "int", "kept": "string"}),
        checks,
        rescued_column="none",
    )
    frame = judge(frame, {"r": Expectation.model_validate({"expect": "n > 0", "on_violation": "quarantine"})}, checks)
    assert _read(accepted(frame, checks).select("n", "kept")) == "struct<n:string,kept:string>"
    seen = []
    original = type(frame).collect

    def spy(self):
        seen.append(_read(self))
        return original(self)

    type(frame).collect = spy
    try:
        evaluate(frame, checks)
    finally:
        type(frame).collect = original
    assert seen == ["struct<n:string>"]


def _read(frame):
    plan = frame._jdf.queryExecution().explainString(
        frame.sparkSession._jvm.org.apache.spark.sql.execution.ExplainMode.fromString("extended")
    )
    return plan.rpartition("ReadSchema: ")[2].split("\n")[0].strip()
