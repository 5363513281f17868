"""What the control plane knows, as rows for people: the ledger of a table, past runs, past steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control, sql_text
from lakehouse.lake.log import Log
from lakehouse.names import TableName
from lakehouse.spec.environment import Environment
from lakehouse.spec.load import Project
from lakehouse.state.known import LOADED
from lakehouse.state.ledger import stand
from lakehouse.state.place import Commits

SUCCESSES = frozenset({"completed", "idle", "excluded"})
"""Words in `steps.status` after which steps that wait for this one may start (S100)."""


def ledger_rows(project: Project, name: TableName, status: str | None, limit: int) -> list[dict[str, Any]]:
    """Each file that the ledger of a Bronze table knows, the newest first; none when there is no table yet."""
    environment = project.environment
    log = Log.open(environment.table_path(name), environment.storage)
    if log is None:
        return []
    control = Control(environment.control_path, environment.storage)
    rows = Commits.read(control, log.table_id or "")
    ledger = Ledger.open(control, log.table_id or "", table=str(name))
    known = stand(ledger, log, rows).known
    cleaned = {(r["path"], r["batch"]): r["moved_to"] for r in known.cleaned.to_pylist()}
    undone = {r["path"]: r | {"status": "undone", "error": None} for r in known.undone.sort_by("batch").to_pylist()}
    rows_of = {**undone, **{r["path"]: r for r in known.newest.to_pylist()}}
    names = ["path", "status", "batch", "size", "modified", "at", "error"]
    found = [{n: r[n] for n in names} | {"moved_to": cleaned.get((r["path"], r["batch"]))} for r in rows_of.values()]
    for r in found:
        if r["status"] == LOADED and r["path"] in known.overwritten:
            r["status"] = "changed"  # as it was loaded, and seen with another size or time since (S1)
        elif r["status"] == LOADED and (r["path"], r["batch"]) in cleaned:
            r["status"] = "cleaned"
    found.sort(key=lambda r: (-r["batch"], r["path"]))
    return [r for r in found if status in (None, r["status"])][:limit]


def past_runs(project: Project, limit: int) -> list[dict[str, Any]]:
    """Runs, the newest first: the newest row of each counts."""
    names = ("run_id", "status", "environment", "started_at", "finished_at", "selection", "error")
    found = _newest(_control(project), "runs", "run_id", names)
    return sorted(found, key=lambda r: r["started_at"], reverse=True)[:limit]


def past_steps(project: Project, name: TableName, limit: int) -> list[dict[str, Any]]:
    """Steps of one table, the newest first."""
    rows = _control(project).read("steps", where=f"step = {sql_text(str(name))}").sort_by([("at", "descending")])
    names = (
        "run_id", "status", "started_at", "version", "files_read", "rows_read", "rows_written", "rows_rejected",
        "reason", "error",
    )  # fmt: skip
    return [{n: r[n] for n in names} for r in rows.slice(0, limit).to_pylist()]


def past_expectations(project: Project, tables: Sequence[str], run: str | None) -> dict[str, list[dict[str, Any]]]:
    """Table -> what its rules found in this run, or in the newest that judged it, in the order of the rules."""
    control = _control(project)
    found: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        rows = control.read("expectations", where=f'"table" = {sql_text(table)}').sort_by("at").to_pylist()
        of = run or (rows[-1]["run_id"] if rows else None)
        if picked := [row for row in rows if row["run_id"] == of]:
            found[table] = picked
    return found


def newest_statuses(environment: Environment) -> dict[str, str]:
    """Step -> the status of its newest row in `steps`, which is written when it has ended.

    `running` where a run that chose the step later did not bring it to its end: killed, interrupted, or at work now.
    """
    control = Control(environment.control_path, environment.storage)
    ended = _newest(control, "steps", "step", ("step", "status", "at"))
    newest = {row["step"]: (row["at"], row["status"]) for row in ended}
    for run in _newest(control, "runs", "run_id", ("status", "started_at", "selection")):
        for step in (run["selection"] or "").split() if run["status"] in ("running", "failed") else ():
            if step not in newest or newest[step][0] < run["started_at"]:
                newest[step] = (run["started_at"], "running")
    return {step: status for step, (_, status) in newest.items()}


def _newest(control: Control, table: str, key: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """These columns of the newest row of each key of a control table."""
    numbered = f"SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY at DESC) AS place FROM {table}"
    rows: list[dict[str, Any]] = control.query(
        f"SELECT {', '.join(columns)} FROM ({numbered}) WHERE place = 1"
    ).to_pylist()
    return rows


def _control(project: Project) -> Control:
    return Control(project.environment.control_path, project.environment.storage)
