"""The tables of the control plane: their columns, and how each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

FORMAT = 1
"""Kept as the table property `lakehouse.format`; a table of a newer format is refused."""
FORMAT_PROPERTY = "lakehouse.format"

_TIME = pa.timestamp("us", "UTC")
_TEXT, _LONG, _BOOL, _DOUBLE = pa.string(), pa.int64(), pa.bool_(), pa.float64()


@dataclass(frozen=True)
class ControlTable:
    """One control table. `ages`: rows older than the retention are dropped by upkeep; `at` is when a row was made."""

    name: str
    columns: Mapping[str, pa.DataType]
    comment: str
    partitioned_by: tuple[str, ...] = ()
    ages: bool = False

    @property
    def statistics(self) -> tuple[str, ...]:
        """The columns with statistics in the log: the few that readers filter by, so that opening stays cheap."""
        wanted = ("kind", "run_id", "batch", "sequence", "at")
        return tuple(c for c in wanted if c in self.columns)

    @property
    def schema(self) -> pa.Schema:
        """The arrow schema; every column may be NULL."""
        return pa.schema(list(self.columns.items()))


FILES = ControlTable(
    "files",
    {
        "table_id": _TEXT,
        "table": _TEXT,
        "kind": _TEXT,  # planned failed result void skipped changed cleaned listed
        "batch": _LONG,
        "attempt": _TEXT,
        "run_id": _TEXT,
        "at": _TIME,
        "path": _TEXT,
        "size": _LONG,
        "modified": _TIME,
        "partitions": _TEXT,  # JSON map, of a planned file below partition folders
        "work": _TEXT,  # planned: data, replay or erase; cleaned: deleted, moved or gone
        "ingested_at": _TIME,  # planned: the batch's `_ingested_at`
        "fixed": _TEXT,  # planned: JSON, what else a replay needs to write identical rows; listed: hash of the source
        "version": _LONG,  # of the data table: planned: decided on this one; result: committed as this one
        "rows": _LONG,
        "rejected": _LONG,
        "rescued": _LONG,
        "error": _TEXT,
        "moved_to": _TEXT,  # cleaned: where the file is now
    },
    "Ledger of the files of Bronze tables: append-only, one row per file and event.",
    partitioned_by=("table_id",),
)
COMMITS = ControlTable(
    "commits",
    {
        "table_id": _TEXT,
        "table": _TEXT,
        "kind": _TEXT,  # planned confirmed cleaned restored replayed
        "sequence": _LONG,
        "attempt": _TEXT,
        "run_id": _TEXT,
        "at": _TIME,
        "work": _TEXT,  # kind of the signature: data replay erase rewrite restore
        "version": _LONG,  # confirmed: the version that was looked at; restored: the RESTORE's own
        "target": _LONG,  # restored: the version put back, NULL when the log does not say
        "offsets": _TEXT,  # confirmed: JSON
    },
    "Planned and confirmed commits of tables, and the RESTOREs that runs met.",
)
RUNS = ControlTable(
    "runs",
    {
        "run_id": _TEXT,
        "status": _TEXT,
        "attempt": _LONG,
        "project": _TEXT,
        "environment": _TEXT,
        "command": _TEXT,
        "selection": _TEXT,
        "variables": _TEXT,  # JSON
        "started_at": _TIME,
        "finished_at": _TIME,
        "host": _TEXT,
        "process": _LONG,
        "library": _TEXT,
        "error": _TEXT,
        "details": _TEXT,  # JSON
        "at": _TIME,
    },
    "Runs: a row when a run starts and one when it ends; the newest row of a run counts.",
    ages=True,
)
STEPS = ControlTable(
    "steps",
    {
        "run_id": _TEXT,
        "step": _TEXT,
        "table_id": _TEXT,
        "status": _TEXT,
        "reason": _TEXT,
        "attempt": _TEXT,
        "attempts": _LONG,
        "sequence": _LONG,
        "version": _LONG,
        "definition": _TEXT,
        "inputs": _TEXT,  # JSON: pins
        "offsets": _TEXT,  # JSON
        "seen": _TEXT,  # JSON: versions without data change that were looked at (S78)
        "files_read": _LONG,
        "rows_read": _LONG,
        "rows_written": _LONG,
        "rows_updated": _LONG,
        "rows_rejected": _LONG,
        "rows_dropped": _LONG,
        "rows_filtered": _LONG,
        "rows_superseded": _LONG,
        "rows_late": _LONG,
        "rows_equal": _LONG,
        "rows_deleted": _LONG,
        "rows_left_out": _LONG,
        "started_at": _TIME,
        "finished_at": _TIME,
        "metrics": _TEXT,  # JSON
        "error": _TEXT,
        "at": _TIME,
    },
    "Steps of runs.",
    ages=True,
)
EXPECTATIONS = ControlTable(
    "expectations",
    {
        "run_id": _TEXT,
        "table": _TEXT,
        "table_id": _TEXT,
        "attempt": _TEXT,
        "sequence": _LONG,
        "name": _TEXT,
        "column": _TEXT,
        "action": _TEXT,
        "passed": _BOOL,
        "judged": _LONG,
        "violations": _LONG,
        "mostly": _DOUBLE,
        "observed": _TEXT,
        "sample": _TEXT,  # JSON: at most 100 rows (S53)
        "at": _TIME,
    },
    "Results of expectations and other row checks.",
    ages=True,
)
MAINTENANCE = ControlTable(
    "maintenance",
    {
        "run_id": _TEXT,
        "table": _TEXT,
        "table_id": _TEXT,
        "operation": _TEXT,
        "due": _BOOL,
        "reason": _TEXT,
        "status": _TEXT,
        "version": _LONG,
        "started_at": _TIME,
        "finished_at": _TIME,
        "metrics": _TEXT,  # JSON
        "error": _TEXT,
        "at": _TIME,
    },
    "What maintenance decided and did, and why.",
    ages=True,
)
ERRORS = ControlTable(
    "errors",
    {
        "run_id": _TEXT,
        "step": _TEXT,
        "attempt": _TEXT,
        "error_class": _TEXT,
        "code": _TEXT,
        "message": _TEXT,
        "details": _TEXT,
        "transient": _BOOL,
        "at": _TIME,
    },
    "Errors of steps and runs.",
    ages=True,
)
ERASURES = ControlTable(
    "erasures",
    {
        "table_id": _TEXT,
        "table": _TEXT,
        "run_id": _TEXT,
        "condition": _TEXT,
        "sequence": _LONG,
        "version": _LONG,
        "rows": _LONG,
        "details": _TEXT,  # JSON
        "at": _TIME,
    },
    "Erasures, which later loads, replays and refreshes apply too.",
)

TABLES: Mapping[str, ControlTable] = {
    table.name: table for table in (FILES, COMMITS, RUNS, STEPS, EXPECTATIONS, MAINTENANCE, ERRORS, ERASURES)
}
