"""Rules beside the table and about many rows, in whole runs: uniqueness (S50), counts and figures (S51), and what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import lakehouse
from lakehouse.errors import DataError, SpecError
from tests.engine.lake import Lake, parsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNIQUE = "{expect_column_values_to_be_unique: {column: %s}, on_violation: %s}"


def quarantined(lake: Lake, table: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = lakehouse.quarantine(lake.project(), table, spark=lake.spark)
    return sorted(tuple(row[name] for name in columns) for row in rows)


def results(lake: Lake, run: lakehouse.RunResult, *columns: str) -> list[tuple[Any, ...]]:
    rows = [row for row in lake.audit("expectations", run) if not row["name"].startswith(("schema.", "merge."))]
    return [tuple(row[name] for name in columns) for row in rows]


def test_s50_appended_rows_are_unique_beside_each_other_and_beside_what_is_stored(lake: Lake) -> None:
    lake.bronze(more=f"expectations: {{once: {UNIQUE % ('n', 'warn')}}}")
    lake.tables(
        silver={
            "s": "from: bronze.a\nschema: {id: int, n: int}\n"
            f"expectations: {{pos: {{expect: id > 0, on_violation: drop}}, once: {UNIQUE % ('n', 'quarantine')}}}"
        }
    )
    lake.file("1.csv", "-1,10,a", "1,10,b", "2,,c", "3,,d")
    lake.file("2.csv", "4,10,e", "5,20,f")
    done = lake.run()
    assert lake.rows("silver.s") == [(1, 10), (2, None), (3, None), (5, 20)], "a dropped row takes no value"
    assert quarantined(lake, "silver.s", "id") == [(4,)], "the row of the later file"
    assert results(lake, done, "table", "name", "judged", "violations") == [
        ("bronze.a", "once", 4, 2),
        ("silver.s", "pos", 6, 1),
        ("silver.s", "once", 3, 1),
    ]
    lake.file("3.csv", "6,20,g", "7,30,h")
    lake.run()
    assert lake.rows("silver.s") == [(1, 10), (2, None), (3, None), (5, 20), (7, 30)]
    assert quarantined(lake, "silver.s", "id") == [(4,), (6,)]


def test_s50_rows_that_append_with_keys_leaves_out_are_not_blamed(lake: Lake) -> None:
    lake.bronze()
    rules = f"{{once: {UNIQUE % ('n', 'quarantine')}, key: {UNIQUE % ('id', 'fail')}}}"
    lake.tables(
        silver={"s": f"from: bronze.a\nschema: {{id: int, n: int}}\nappend: {{keys: id}}\nexpectations: {rules}"}
    )
    lake.file("1.csv", "1,10,a", "2,20,b", "1,10,c")
    lake.run()
    assert lake.rows("silver.s") == [(1, 10), (2, 20)]
    assert not lake.exists("silver.s_quarantine")
    lake.file("2.csv", "1,10,a", "3,20,b", "3,30,c", "4,30,d")
    plan = lakehouse.plan(lake.project())
    assert "key always holds: `append` keeps one row of each id" in str(plan)
    lake.run()
    stored = dict(lake.rows("silver.s"))
    assert len(set(stored.values())) == len(stored), "no value twice, whichever row of id 3 comes first"
    assert {1: 10, 2: 20}.items() <= stored.items()


def test_s50_merged_rows_may_swap_values_and_none_is_taken_twice(lake: Lake) -> None:
    lake.bronze()
    lake.tables(
        silver={
            "s": "from: bronze.a\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: _source_modified}\n"
            f"expectations: {{once: {UNIQUE % ('n', 'quarantine')}}}"
        }
    )
    lake.file("1.csv", "1,10,a", "2,20,b", "3,30,c")
    lake.run()
    lake.file("2.csv", "1,20,a", "2,10,b")
    lake.run()
    assert lake.rows("silver.s") == [(1, 20), (2, 10), (3, 30)], "a swap is no conflict"
    lake.file("3.csv", "3,10,a", "4,40,b")
    lake.run()
    assert lake.rows("silver.s") == [(1, 20), (2, 10), (3, 30), (4, 40)], "the stored row stays (S56)"
    assert quarantined(lake, "silver.s", "id", "n") == [(3, 10)]
    lake.file("4.csv", "1,50,a", "3,40,b", "5,20,c", "6,60,d")
    lake.run()
    stored = lake.rows("silver.s")
    assert len({n for _, n in stored}) == len(stored)
    assert {(1, 50), (2, 10), (3, 30), (4, 40), (6, 60)} <= set(stored)


def test_s50_what_is_replaced_is_unique_in_itself(lake: Lake) -> None:
    lake.bronze()
    lake.tables(
        silver={
            "s": f"from: bronze.a\nschema: {{id: int, n: int}}\noverwrite: true\nexpectations: {{u: {UNIQUE % ('id', 'fail')}}}"
        }
    )
    lake.file("1.csv", "1,10,a")
    lake.run()
    lake.file("2.csv", "2,10,a")
    lake.run()
    assert lake.rows("silver.s") == [(1, 10), (2, 10)]
    lake.file("3.csv", "2,10,a")
    done = lake.run(ok=False)
    assert isinstance(done["silver.s"].error, DataError)
    assert lake.rows("silver.s") == [(1, 10), (2, 10)]


COUNTS = {
    "log": "append: true",
    "keyed": "append: {keys: id}",
    "latest": "merge: {keys: id, sequence_by: _source_modified}",
    "mirror": "overwrite: true",
}


def test_s51_rows_are_counted_in_the_table_after_the_commit(lake: Lake) -> None:
    lake.bronze(more="expectations: {all: {expect_table_row_count_to_equal: {value: 4}}}")
    rule = """
expectations:
  good: {expect: n > 0, on_violation: quarantine}
  rows: {expect_table_row_count_to_equal: {value: 0}}
  high: {expect_table_row_count_to_equal: {value: 0, row_condition: n > 15}}
"""
    lake.tables(silver={n: f"from: bronze.a\nschema: {{id: int, n: int}}\n{way}{rule}" for n, way in COUNTS.items()})
    lake.file("1.csv", "1,10,a", "2,20,b", "2,20,b", "3,-1,c")
    first = lake.run()
    lake.file("2.csv", "2,30,b", "4,40,d", "5,-1,e")
    second = lake.run()

    def observed(run: lakehouse.RunResult) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for table, name, value in results(lake, run, "table", "name", "observed"):
            if name in ("rows", "high", "all"):
                found.setdefault(table, []).append(parsed(value))
        return found

    assert observed(first) == {
        "bronze.a": [4], "silver.log": [3, 2], "silver.keyed": [2, 1], "silver.latest": [2, 1], "silver.mirror": [3, 2],
    }  # fmt: skip
    assert observed(second) == {
        "bronze.a": [7], "silver.log": [5, 4], "silver.keyed": [3, 2], "silver.latest": [3, 2], "silver.mirror": [5, 4],
    }  # fmt: skip
    for name in COUNTS:
        assert observed(second)[f"silver.{name}"][0] == len(lake.rows(f"silver.{name}"))


def test_s27_s51_figures_are_those_of_the_rows_of_this_run_that_the_row_rules_leave(lake: Lake) -> None:
    lake.bronze()
    lake.tables(
        silver={
            "s": """
from: bronze.a
schema: {id: int, n: int, t: {type: string, pii: true}}
expectations:
  plausible: {expect: n < 1000, on_violation: quarantine}
  mean: {expect_column_mean_to_be_between: {column: n, max_value: 100}, on_violation: fail}
  names: {expect_column_max_to_be_between: {column: t, max_value: m}}
  columns: {expect_table_columns_to_match_ordered_list: {column_list: [id, n, t]}, on_violation: fail}
  most: {expect_column_most_common_value_to_be_in_set: {column: n, value_set: [5]}}
  none: {unexpected_rows_expectation: {unexpected_rows_query: "select * from {batch} where n = 7"}}
"""
        }
    )
    lake.file("1.csv", "1,10,a", "2,5000,b", "3,20,z")
    first = lake.run()
    assert results(lake, first, "name", "passed", "observed") == [
        ("plausible", False, None), ("mean", True, "15.0"), ("names", False, None), ("columns", True, '["id", "n", "t"]'),
        ("most", False, '{"value": "10", "times": 1, "values": 2}'), ("none", True, "0"),
    ]  # fmt: skip
    assert first["silver.s"].warnings == [
        "names: it does not hold; the column is marked `pii`",
        "most: 2 values of n are the most frequent",
    ]
    lake.file("2.csv", "4,900,a", "5,800,b")
    second = lake.run(ok=False)
    error = second["silver.s"].error
    assert isinstance(error, DataError)
    assert error.message == "silver.s: mean: the mean of n is 850, not at most 100"
    assert lake.rows("silver.s", "id") == [(1,), (3,)], "nothing was written"
    assert ("mean", False, "850.0") in results(lake, second, "name", "passed", "observed")
    lake.file("2.csv", "4,30,a", at=99)
    lake.file("3.csv", "6,-2000,b")
    assert lake.run()["silver.s"].rows_written == 3, "the offset stayed: over all that is new the mean is low enough"


def test_s51_nothing_left_to_judge_is_no_violation(lake: Lake) -> None:
    lake.bronze()
    rules = "{bad: {expect: n > 99, on_violation: drop}, low: {expect_column_min_to_be_between: {column: n, min_value: 1}, on_violation: fail}}"
    lake.tables(silver={"s": f"from: bronze.a\nschema: {{id: int, n: int}}\nexpectations: {rules}"})
    lake.file("1.csv", "1,10,a")
    assert lake.run()["silver.s"].rows_dropped == 1


def test_a_rule_that_throws_fails_closed(lake: Lake) -> None:
    lake.bronze()
    query = '{unexpected_rows_expectation: {unexpected_rows_query: "select 1 / (n - 10) from {batch}"}}'
    lake.tables(silver={"s": f"from: bronze.a\nschema: {{id: int, n: int}}\nexpectations: {{r: {query}}}"})
    lake.file("1.csv", "1,10,a")
    assert "DIVIDE_BY_ZERO" in str(lake.run(ok=False)["silver.s"].error)
    assert lake.rows("silver.s") == []


def test_rows_are_counted_beside_another_table_which_is_written_first(lake: Lake) -> None:
    lake.bronze()
    same = "{same: {expect_table_row_count_to_equal_other_table: {other_table_name: silver.z}, on_violation: fail}}"
    lake.tables(
        silver={"s": f"from: bronze.a\nexpectations: {same}", "z": "from: bronze.a\ncleanse: [{filter: n > 10}]"}
    )
    assert [step.name.table for step in lakehouse.plan(lake.project()).plan.steps] == ["a", "z", "s"]
    lake.file("1.csv", "1,20,a")
    lake.run()
    lake.file("2.csv", "1,5,a")
    done = lake.run(ok=False)
    assert "would have 2 rows, and silver.z has 1" in str(done["silver.s"].error)


def mistakes(lake: Lake) -> Sequence[tuple[str, str]]:
    try:
        lakehouse.plan(lake.project())
    except SpecError as error:
        return [(problem.code, problem.message) for problem in error.problems]
    return []


def test_a_rule_about_many_rows_has_none_to_set_aside(lake: Lake) -> None:
    lake.bronze()
    mean = "{mean: {expect_column_mean_to_be_between: {column: n, max_value: 1}%s}}"
    text = "from: bronze.a\nschema: {id: int, n: int}\nexpectations: "
    lake.tables(silver={"s": text + mean % ", on_violation: quarantine"})
    message = "expect_column_mean_to_be_between is not about single rows, so there is none to put in quarantine"
    assert mistakes(lake) == [("wrong-value", message)]
    lake.tables(silver={"s": text + mean % "" + "\nexpectations_on_violation: drop"})
    assert mistakes(lake) == [("wrong-value", message.replace("put in quarantine", "drop"))]


def test_what_rules_found_is_told_also_in_the_form_of_great_expectations(lake: Lake, tmp_path: Path) -> None:
    lake.bronze()
    lake.tables(
        silver={
            "s": """
from: bronze.a
schema: {id: int, n: int}
expectations:
  small: {expect: n < 15, description: Not much.}
  some: {expect_column_values_to_not_be_null: {column: n, mostly: 0.5}}
  mean: {expect_column_mean_to_be_between: {column: n, max_value: 10, row_condition: id > 0}}
"""
        }
    )
    lake.file("1.csv", "1,10,a", "2,20,b", "3,,c")
    run = lake.run()
    lake.file("2.csv", "4,1,d")
    lake.run()
    found = lakehouse.expectations(lake.project(), "silver.s", run=run.id)
    assert [(r["name"], r["passed"], r["judged"], r["violations"], r["observed"]) for r in found[-3:]] == [
        ("small", False, 3, 2, None), ("some", True, 3, 1, None), ("mean", False, 3, 0, "15.0"),
    ]  # fmt: skip
    assert {r["run_id"] for r in lakehouse.expectations(lake.project())} != {run.id}, "the newest run by itself"
    (told,) = lakehouse.validations(lake.project(), run=run.id)
    assert (told["suite_name"], told["success"], told["statistics"]["successful_expectations"]) == (
        "silver.s",
        False,
        1,
    )
    assert [(r["success"], r["expectation_config"]["type"], r["expectation_config"]["kwargs"], r["result"]) for r in told["results"]] == [
        (False, "unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch} WHERE NOT coalesce(n < 15, false)"}, {"observed_value": 2}),
        (True, "expect_column_values_to_not_be_null", {"column": "n", "mostly": 0.5}, {"element_count": 3, "unexpected_count": 1, "unexpected_percent": 100 / 3}),
        (False, "expect_column_mean_to_be_between", {"column": "n", "max_value": 10, "row_condition": "id > 0", "condition_parser": "spark"}, {"observed_value": 15.0}),
    ]  # fmt: skip
    pytest.importorskip("great_expectations")
    first = lakehouse.data_docs(lake.project(), tmp_path / "docs", run=run.id)
    (page,) = [path for path in first.parent.rglob("*.html") if path != first]
    text = page.read_text(encoding="utf-8")
    assert first.exists()
    assert "coalesce(n" in text
    assert run.id in str(page)


def test_great_expectations_is_asked_in_a_run_and_leaves_the_session_alone(lake: Lake) -> None:
    pytest.importorskip("great_expectations")
    lake.bronze()
    lake.tables(
        silver={
            "s": """
from: bronze.a
schema: {id: int, n: int, t: string}
expectations:
  up: {expect_column_values_to_be_increasing: {column: n}}
  day: {expect_column_values_to_be_dateutil_parseable: {column: t, mostly: 0.5}, on_violation: fail}
"""
        }
    )
    lake.file("1.csv", "1,10,2013-01-01", "2,5,nothing", "3,20,")
    before = dict(lake.spark.conf.getAll)
    first = lake.run()
    assert results(lake, first, "name", "passed", "judged", "violations") == [("up", False, 3, 1), ("day", True, 2, 1)]
    assert dict(lake.spark.conf.getAll) == before
    lake.file("2.csv", "4,30,never", "5,40,no")
    second = lake.run(ok=False)
    assert "day: 2 of 2 values of t break it, 0.5 of them must pass" in str(second["silver.s"].error)
    assert len(lake.rows("silver.s")) == 3
