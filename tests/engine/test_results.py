"""Counts of a step over its batches, and what the steps of a run mean together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakehouse import redaction
from lakehouse.engine.results import ExpectationResult, RunResult, Status, StepResult
from lakehouse.lake.signature import Signature
from lakehouse.names import TableName

NAME = TableName("silver", "t")


def run_of(*states: Status, interrupted: str = "") -> RunResult:
    steps = {TableName("silver", f"t{i}"): StepResult(TableName("silver", f"t{i}"), s) for i, s in enumerate(states)}
    return RunResult("run-1", "local", datetime.now(UTC), steps, interrupted=interrupted)


@pytest.mark.parametrize(
    ("states", "status", "ok"),
    [
        ((), Status.IDLE, True),
        ((Status.IDLE, Status.IDLE), Status.IDLE, True),
        ((Status.IDLE, Status.COMPLETED), Status.COMPLETED, True),
        ((Status.COMPLETED, Status.FAILED, Status.SKIPPED), Status.FAILED, False),
    ],
)
def test_a_run_is_as_bad_as_its_worst_step(states: tuple[Status, ...], status: Status, ok: bool) -> None:
    found = run_of(*states)
    assert (found.status, found.ok) == (status, ok)


def test_an_interrupted_run_has_failed_whatever_its_steps_say() -> None:
    assert not run_of(Status.COMPLETED, interrupted="interrupted").ok


def test_a_step_is_found_by_the_name_of_its_table() -> None:
    assert run_of(Status.IDLE)["silver.t0"].status is Status.IDLE
    with pytest.raises(KeyError):
        run_of(Status.IDLE)["silver.nothing"]


@pytest.mark.parametrize("status", list(Status))
def test_s100_steps_wait_for_success_only(status: Status) -> None:
    assert status.is_success == (status.value in ("completed", "idle", "excluded"))


def test_counts_of_batches_are_added_and_what_nobody_counted_stays_unknown() -> None:
    result = StepResult(NAME)
    result.add(rows_read=None, rows_written=3, rows_rejected=1)
    result.add(rows_read=None, rows_written=4, rows_rejected=None)
    assert (result.rows_read, result.rows_written, result.rows_rejected) == (None, 7, 1)
    result.add(rows_read=0)
    assert result.rows_read == 0


def test_expectations_of_batches_are_added_by_name_and_one_miss_is_a_miss() -> None:
    result = StepResult(NAME)
    result.note_expectations([ExpectationResult("a", "warn", 10, 0, True), ExpectationResult("b", "warn", 10, 1, True)])
    result.note_expectations([ExpectationResult("a", "warn", 5, 2, False, "x", 0.9)])
    found = {e.name: (e.judged, e.violations, e.passed) for e in result.expectations}
    assert found == {"a": (15, 2, False), "b": (10, 1, True)}
    assert [e.name for e in result.expectations] == ["a", "b"]


def test_a_commit_is_the_place_at_which_the_table_stands() -> None:
    result = StepResult(NAME)
    result.committed(
        7, Signature("id", "run", "attempt", "data", 3, 6, "hash", {"bronze.x": {"id": "i", "version": 2}})
    )
    assert (result.version, result.sequence, result.attempt) == (7, 3, "attempt")
    assert result.offsets == {"bronze.x": {"id": "i", "version": 2}}


def test_what_a_step_tells_shows_no_secret() -> None:
    redaction.hide("hunter22")
    result = StepResult(NAME, reason="login with hunter22", warnings=["f.csv: hunter22 is wrong", "fine"])
    result.hide_secrets()
    assert (result.reason, result.warnings) == ("login with ***", ["f.csv: *** is wrong", "fine"])
