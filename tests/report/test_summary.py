"""The summary of a run: what broke, what maintenance did and why, what to do next."""

from __future__ import annotations

import json

import pytest

from lakehouse.engine.results import ExpectationResult, MaintenanceResult, Status
from lakehouse.errors import DataError, MachineError
from lakehouse.report.summary import show, to_dict
from tests.report.consoles import pipe, run, step, text


def printed(*steps: object, **values: object) -> list[str]:
    console = pipe()
    show(console, run(*steps, **values), "lakehouse run p.yaml")  # type: ignore[arg-type]
    return text(console).splitlines()


def rule(name: str, action: str, violations: int, passed: bool = True) -> ExpectationResult:
    return ExpectationResult(name, action, 1000, violations, passed)


def test_a_completed_run() -> None:
    assert printed(step("silver.s"), step("gold.g", Status.IDLE), seconds=3.21, used_spark=True) == [
        "",
        "completed in 3.2 s: 1 completed, 1 idle",
        "run run-1, tables in /lake",
    ]


def test_a_run_with_nothing_to_do_says_that_spark_was_not_needed() -> None:
    assert printed(step("gold.g", Status.IDLE), seconds=0.5)[1] == "idle in 0.5 s: 1 idle; Spark was not needed"
    assert printed(seconds=0.1)[1] == "idle in 0.1 s: no steps; Spark was not needed"


def test_a_failure_comes_with_its_fix_and_how_to_go_on() -> None:
    found = printed(
        step("silver.s", Status.FAILED, error=DataError("12 rows [of 20] broke known_origin", fix="correct the feed")),
        step("silver.t", Status.FAILED, error=ValueError("odd")),
        step("gold.g", Status.SKIPPED),
        used_spark=True,
    )
    assert "silver.s failed: 12 rows [of 20] broke known_origin" in found
    assert found[found.index("silver.s failed: 12 rows [of 20] broke known_origin") + 1] == "  fix: correct the feed"
    assert "silver.t failed: ValueError: odd" in found
    assert "failed in 0.0 s: 2 failed, 1 skipped" in found
    assert found[-1] == "mend what failed and run again: lakehouse run p.yaml; what is done is not done twice"


def test_an_interrupted_run_is_failed() -> None:
    found = printed(step("silver.s"), interrupted="the run took longer than its timeout", used_spark=True)
    assert found[1] == "the run took longer than its timeout"
    assert found[3].startswith("failed in")
    assert to_dict(run(interrupted="the run took longer"))["interrupted"] == "the run took longer"


@pytest.mark.parametrize(
    ("item", "meaning"),
    [
        (rule("r", "warn", 3), "kept"),
        (rule("r", "drop", 3), "dropped"),
        (rule("r", "quarantine", 3), "in quarantine"),
        (rule("r", "fail", 3, passed=False), "nothing was written"),
        (rule("r", "fail", 3), "allowed by `mostly`"),
    ],
)
def test_a_rule_that_rows_broke_says_what_became_of_them(item: ExpectationResult, meaning: str) -> None:
    found = printed(step("silver.s", expectations=[item, rule("kept", "warn", 0)]))
    at = found.index("Rules that rows broke")
    assert found[at + 1] == f"  silver.s             r                               3 of 1,000 rows {meaning}"
    assert not any("kept  " in line for line in found), "a rule that no row broke is not told"


def test_maintenance_says_what_ran_first_and_puts_equal_reasons_together() -> None:
    not_due = [MaintenanceResult("vacuum", False, "nothing is old enough")]
    found = printed(
        step("silver.s", maintenance=not_due),
        step("silver.t", maintenance=[*not_due, MaintenanceResult("optimize", True, "12 small files")]),
    )
    at = found.index("Maintenance")
    assert found[at + 1 : at + 3] == [
        "  optimize ran: 12 small files (silver.t)",
        "  vacuum not due: nothing is old enough (silver.s, silver.t)",
    ]


def test_warnings_are_told_with_their_step() -> None:
    assert "  warning  bronze.a: /x.csv was loaded and has changed since" in printed(
        step("bronze.a", warnings=["/x.csv was loaded and has changed since"])
    )


def test_for_programs() -> None:
    error = MachineError("no Java", fix="install it")
    found = to_dict(
        run(
            step("silver.s", rows_written=5, expectations=[rule("r", "warn", 2)], seconds=1.23456),
            step("gold.g", Status.FAILED, error=error, maintenance=[MaintenanceResult("vacuum", False, "young")]),
            seconds=2.00049,
        )
    )
    assert json.loads(json.dumps(found)) == found
    assert (found["run_id"], found["status"], found["used_spark"], found["seconds"]) == ("run-1", "failed", False, 2.0)
    first, second = found["steps"]
    assert (first["step"], first["rows_written"], first["seconds"]) == ("silver.s", 5, 1.235)
    assert first["expectations"][0]["violations"] == 2
    assert (second["error"], second["maintenance"]) == (
        "no Java", [{"operation": "vacuum", "due": False, "reason": "young"}],
    )  # fmt: skip
    assert second["fix"] == "install it"
