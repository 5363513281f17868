"""Steps by what became of them, on tables and audit rows as the engine leaves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.api import compiled
from lakehouse.engine.results import Status
from lakehouse.planning.selection import STATES
from lakehouse.planning.states import in_state
from lakehouse.state.look import SUCCESSES
from tests.planning.projects import Lake, project

PROJECT = """
variables: {limit: 3}
bronze:
  a: {source: {format: csv, path: landing}, schema: {x: int}}
silver:
  s: {from: bronze.a, schema: {x: int}}
gold:
  g: {sql: "SELECT count(*) AS n FROM silver.s WHERE x > :limit"}
"""
NAMES = ("bronze.a", "silver.s", "gold.g")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(project(tmp_path, PROJECT))


def stand(lake: Lake, word: str, text: str = PROJECT) -> set[str]:
    """The steps in the state, of the project as its file says now."""
    found = compiled(project(lake.project.root, text), select=f"state:{word}")
    assert found.selected == in_state(lake.environment, found.steps, word)
    return {str(n) for n in found.selected}


def written(lake: Lake) -> None:
    for name, columns in (("bronze.a", {"x": "int"}), ("silver.s", {"x": "int"}), ("gold.g", {"n": "bigint"})):
        lake.create(name, columns)
        lake.write(name, 1, {})


def ended(lake: Lake, minutes: int, **statuses: str) -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    rows = [{"step": step.replace("_", ".", 1), "status": status, "at": at} for step, status in statuses.items()]
    lake.control.append("steps", rows)


# --- failed -------------------------------------------------------------------------------------------------------


def test_a_success_is_what_lets_steps_that_wait_start() -> None:
    assert {s.value for s in Status if s.is_success} == SUCCESSES


def test_on_an_empty_lake_nothing_has_failed_and_nothing_is_made(lake: Lake) -> None:
    before = sorted(lake.project.root.rglob("*"))
    assert stand(lake, "failed") == set()
    assert sorted(lake.project.root.rglob("*")) == before


def test_failed_is_what_last_did_not_succeed(lake: Lake) -> None:
    ended(lake, 1, bronze_a="completed", silver_s="failed", gold_g="skipped")
    assert stand(lake, "failed") == {"silver.s", "gold.g"}
    ended(lake, 2, bronze_a="failed", silver_s="completed")
    assert stand(lake, "failed") == {"bronze.a", "gold.g"}
    ended(lake, 3, bronze_a="idle", gold_g="excluded", silver_of_another_project="failed")
    assert stand(lake, "failed") == set()


def test_a_step_that_a_killed_run_did_not_end_has_failed_until_a_run_ends_it(lake: Lake) -> None:
    def begun(minutes: int, run: str, status: str) -> None:
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        row = {"run_id": run, "status": status, "started_at": at, "selection": "bronze.a silver.s", "at": at}
        lake.control.append("runs", [row])

    ended(lake, 1, bronze_a="completed", silver_s="completed", gold_g="completed")
    begun(2, "killed", "running")
    assert stand(lake, "failed") == {"bronze.a", "silver.s"}
    ended(lake, 3, bronze_a="completed")
    assert stand(lake, "failed") == {"silver.s"}
    begun(4, "whole", "running")
    ended(lake, 5, bronze_a="idle", silver_s="completed")
    begun(6, "whole", "completed")
    assert stand(lake, "failed") == set()
    begun(7, "interrupted", "failed")
    assert stand(lake, "failed") == {"bronze.a", "silver.s"}


def test_what_failed_and_all_that_waits_for_it(lake: Lake) -> None:
    ended(lake, 1, silver_s="failed")
    found = compiled(lake.project, select="state:failed+", exclude="gold.*")
    assert {str(n) for n in found.selected} == {"silver.s"}
    assert {str(n) for n in compiled(lake.project, exclude="state:failed+").selected} == {"bronze.a"}


# --- changed ------------------------------------------------------------------------------------------------------


def test_changed_is_what_has_no_table_yet(lake: Lake) -> None:
    assert stand(lake, "changed") == set(NAMES)
    lake.create("bronze.a", {"x": "int"})
    lake.write("bronze.a", 1, {})
    assert stand(lake, "changed") == {"silver.s", "gold.g"}


def test_changed_is_what_was_last_written_by_another_definition(lake: Lake) -> None:
    written(lake)
    assert stand(lake, "changed") == set()
    assert stand(lake, "changed", PROJECT.replace("count(*)", "sum(x)")) == {"gold.g"}
    assert stand(lake, "changed", PROJECT.replace("limit: 3", "limit: 4")) == {"gold.g"}
    assert stand(
        lake, "changed", PROJECT.replace("from: bronze.a,", "from: bronze.a, cleanse: [{filter: x > 1}],")
    ) == {"silver.s"}
    assert stand(lake, "changed", PROJECT.replace("from: bronze.a,", "from: bronze.a, comment: words,")) == set()


def test_a_table_that_was_made_and_not_written_has_the_definition_that_it_was_made_by(lake: Lake) -> None:
    lake.create("silver.s", {"x": "int"})
    assert "silver.s" in stand(lake, "changed"), "nobody signed it"
    lake.write("silver.s", 0, {}, kind="create", confirmed=False)
    assert "silver.s" not in stand(lake, "changed")
    assert "silver.s" in stand(
        lake, "changed", PROJECT.replace("schema: {x: int}}\ngold", "schema: {x: bigint}}\ngold")
    )


def test_maintenance_and_commits_of_others_do_not_count(lake: Lake) -> None:
    written(lake)
    lake.write("silver.s", 1, {}, kind="optimize", confirmed=False)
    lake.foreign("silver.s")
    assert stand(lake, "changed") == set()


def test_after_a_restore_it_is_what_the_content_was_written_by(lake: Lake) -> None:
    lake.create("silver.s", {"x": "int"})
    first = lake.log("silver.s").version
    lake.write("silver.s", 1, {}, definition="before")
    lake.write("silver.s", 2, {})
    assert "silver.s" not in stand(lake, "changed")
    DeltaTable(lake.path("silver.s")).restore(first + 1)
    assert "silver.s" in stand(lake, "changed")


def test_there_is_no_state_that_cannot_be_asked_for(lake: Lake) -> None:
    for word in STATES:
        in_state(lake.environment, lake.plan.steps, word)
