"""What is known only when a run starts: the definition has the reference, the step that starts has the value."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.planning.explain import explain
from lakehouse.planning.late import as_planned, date_of, with_values
from lakehouse.spec.environment import Environment
from tests.planning.projects import marked, plan, problems

TEXT = """
variables: {day: "${run.date}", list: ["${run.id}", x], other: "${run.id}", password: "${env:HOME}"}
bronze:
  a:
    source: {format: csv, path: "in/${run.date}", options: {header: true}}
    comment: "as $${run.date}"
silver:
  s:
    from: bronze.a
    cleanse: [{derive: {d: "cast(:day as date)", i: "'$${run.id} ${run.id}'"}}, {filter: "array_contains(:list, x)"}]
  plain: {from: bronze.a, cleanse: [{filter: "x = 'plain'"}]}
"""


def values(reference: str) -> str:
    return {"run.date": "2024-02-29", "run.id": "r1"}[reference]


def test_a_step_knows_its_references(tmp_path: Path) -> None:
    found = plan(tmp_path, TEXT)
    assert found["bronze.a"].late == {"run.date", "$run.date"}
    assert found["silver.s"].late == {"run.date", "run.id", "$run.id"}, "with those of the variables that it uses"
    assert found["silver.s"].moving == ("${run.date}", "${run.id}")
    assert found["silver.plain"].late == frozenset()


def test_values_take_the_place_of_references_in_a_copy(tmp_path: Path) -> None:
    found = plan(tmp_path, TEXT)
    step = found["silver.s"]
    filled = with_values(step, values)
    assert filled.spec.cleanse[0].args.root == {"d": "cast(:day as date)", "i": "'${run.id} r1'"}
    assert filled.variables == {"day": "2024-02-29", "list": ["r1", "x"]}
    assert filled.definition == step.definition
    assert "${run.id} ${run.id}" in str(step.spec.cleanse), "the step itself stays as it was written"
    bronze = with_values(found["bronze.a"], values)
    assert bronze.spec.source is not None
    assert (bronze.spec.source.path, bronze.spec.comment) == ("in/2024-02-29", "as ${run.date}")
    assert with_values(found["silver.plain"], values) is found["silver.plain"]


def test_s88_the_definition_is_that_of_the_reference(tmp_path: Path) -> None:
    text = "bronze: {a: {source: {format: csv, path: 'in/${run.date}'}}}"
    one, two = plan(tmp_path, text)["bronze.a"], plan(tmp_path, text.replace("run.date", "env:PWD"))["bronze.a"]
    assert with_values(one, values).definition == one.definition != two.definition


def test_s88_a_rotated_secret_changes_no_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse.sources import csv

    monkeypatch.setattr(csv.Options, "spark_options", None)  # as a connector has it
    text = "bronze: {a: {source: {format: csv, path: a, options: {password: '${env:ROTATED}'}}}}"
    seen = set()
    for value in ("one", "two"):
        monkeypatch.setenv("ROTATED", value)
        seen.add(plan(tmp_path, text)["bronze.a"].definition)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2024-12-31"), ("Europe/Vienna", "2025-01-01"), ("America/New_York", "2024-12-31")]
)
def test_s35_the_date_is_that_of_the_time_zone(zone: str, day: str) -> None:
    assert date_of(datetime(2024, 12, 31, 23, 30, tzinfo=UTC), Environment(time_zone=zone)) == day


def test_plan_lists_the_files_of_today_and_shows_no_secret(tmp_path: Path) -> None:
    today = tmp_path / "in" / date_of(datetime.now(UTC), Environment())
    today.mkdir(parents=True)
    (today / "1.csv").write_text("a\n1\n")
    (tmp_path / "in/2001-01-01").mkdir()
    (tmp_path / "in/2001-01-01/2.csv").write_text("a\n1\n")
    found = plan(tmp_path, TEXT)
    told = explain(found).to_dict()["steps"]
    assert [batch["files"] for batch in told[0]["batches"]] == [[f"{today}/1.csv"]]
    bronze = as_planned(found, found["bronze.a"])
    assert bronze.spec.source is not None
    assert bronze.spec.source.path == f"in/{today.name}"
    assert as_planned(found, found["silver.s"]).variables["list"] == ["${run.id}", "x"], "no run, no id"


def test_a_secret_cannot_come_into_sql_by_a_variable(tmp_path: Path) -> None:
    (found,) = problems(
        tmp_path,
        """
        variables: {salt_token: "${env:HOME}", pepper: "${secret:hash/pepper}", unused_token: "${env:HOME}"}
        bronze: {a: {source: {format: csv, path: a}}}
        silver:
          s:
            from: bronze.a
            cleanse: [{derive: {a: "x", b: "sha2(concat(:salt_token, x), 256)"}}]
        """,
    )
    assert found.code == "late-reference"
    assert found.message.startswith("the variable 'salt_token' is a secret and cannot stand in SQL")
    assert marked(tmp_path, found).startswith('"sha2(')


def test_s90_a_variable_at_the_begin_of_a_line_is_part_of_the_definition(tmp_path: Path) -> None:
    text = """
    variables: {limit: %d}
    bronze: {a: {source: {format: csv, path: a}}}
    gold:
      g:
        sql: |
          SELECT * FROM bronze.a LIMIT
          :limit
    """
    one, two = (plan(tmp_path, text % limit)["gold.g"] for limit in (1, 2))
    assert one.variables == {"limit": 1}
    assert one.definition != two.definition
