"""What a run did, for people: maintenance with its reasons, rules that were broken, what to do next."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from lakehouse.control.tables import STEPS
from lakehouse.engine.results import ExpectationResult, RunResult, Status
from lakehouse.errors import LakehouseError
from lakehouse.report.progress import STYLES


def show(console: Console, result: RunResult, command: str = "lakehouse run") -> None:
    """Print the summary of a finished run."""
    _maintenance(console, result)
    _expectations(console, result)
    for step in result.steps.values():
        for warning in step.warnings:
            console.print(Text(f"  warning  {step.name}: {warning}", style="yellow"))
    for step in result.steps.values():
        if step.error is not None:
            console.print(Text(f"\n{step.name} failed: {_message(step.error)}", style="red"))
            if isinstance(step.error, LakehouseError) and step.error.fix:
                console.print(Text(f"  fix: {step.error.fix}"))
    if result.interrupted:
        console.print(Text(f"\n{result.interrupted}", style="red"))
    states = [s.status for s in result.steps.values()]
    words = ", ".join(f"{states.count(s)} {s.value}" for s in Status if s in states)
    line = Text("\n")
    line.append(f"{result.status.value}", style=STYLES.get(result.status, ""))
    line.append(f" in {result.seconds:.1f} s: {words or 'no steps'}")
    line.append("" if result.used_spark else "; Spark was not needed")
    console.print(line)
    console.print(Text(f"run {result.id}, tables in {result.lake}", style="dim"))
    if not result.ok:
        console.print(f"mend what failed and run again: {command}; what is done is not done twice")


def _maintenance(console: Console, result: RunResult) -> None:
    """What ran, then what was not due, tables with the same figures together."""
    found: dict[tuple[bool, str, str], list[str]] = {}
    for step in result.steps.values():
        for item in step.maintenance:
            found.setdefault((not item.due, item.operation, item.reason), []).append(str(step.name))
    if found:
        console.print(Text("\nMaintenance", style="bold"))
    for (idle, operation, reason), tables in sorted(found.items()):
        what = "not due" if idle else "ran"
        line = Text(f"  {operation} {what}: {reason} ", style="dim" if idle else "green")
        line.append(f"({', '.join(tables)})")
        console.print(line)


def _expectations(console: Console, result: RunResult) -> None:
    every = [(step.name, item) for step in result.steps.values() for item in step.expectations]
    for name, item in every:
        if item.about == "many" and not item.passed:
            seen = "" if item.observed is None else f", observed {item.observed}"
            meaning = "nothing was written" if item.action == "fail" else "kept"
            console.print(Text(f"  {name!s:<20} {item.name:<24} does not hold{seen}: {meaning}", style="red"))
    broken = [(name, item) for name, item in every if item.violations and item.about == "rows"]
    if broken:
        console.print(Text("\nRules that rows broke", style="bold"))
    for name, item in broken:
        line = Text(f"  {name!s:<20} {item.name:<24} {item.violations:>8,} of {item.judged:,} rows ")
        line.append(_meaning(item), style="red" if not item.passed and item.action == "fail" else "dim")
        console.print(line)


def _meaning(item: ExpectationResult) -> str:
    words = {"warn": "kept", "drop": "dropped", "quarantine": "in quarantine", "fail": "allowed by `mostly`"}
    return "nothing was written" if item.action == "fail" and not item.passed else words[item.action]


def _message(error: Exception) -> str:
    return error.message if isinstance(error, LakehouseError) else f"{type(error).__name__}: {error}"


def to_dict(result: RunResult) -> dict[str, Any]:
    """The run for programs: statuses, counts, reasons, errors."""
    return {
        "run_id": result.id,
        "status": result.status.value,
        "environment": result.environment,
        "lake": result.lake,
        "seconds": round(result.seconds, 3),
        "interrupted": result.interrupted or None,
        "used_spark": result.used_spark,
        "steps": [
            {
                "step": str(s.name),
                "status": s.status.value,
                "reason": s.reason,
                "version": s.version,
                "commits": s.commits,
                "files_read": s.files_read,
                **{name: getattr(s, name) for name in STEPS.columns if name.startswith("rows_")},
                "seconds": round(s.seconds, 3),
                "retries": s.retries,
                "warnings": s.warnings,
                "expectations": [asdict(e) for e in s.expectations],
                "maintenance": [{"operation": m.operation, "due": m.due, "reason": m.reason} for m in s.maintenance],
                "error": _message(s.error) if s.error else None,
                "fix": s.error.fix or None if isinstance(s.error, LakehouseError) else None,
            }
            for s in result.steps.values()
        ],
    }
