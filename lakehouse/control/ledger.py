"""The control table `files`: the ledger of a Bronze table, append-only, keyed by the table's id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from lakehouse.control.store import Control, PlanConflict
from lakehouse.control.tables import FILES
from lakehouse.sources.base import SourceFile
from lakehouse.sources.cleaning import Cleaned

COLUMNS = (
    "kind", "batch", "attempt", "path", "size", "modified", "partitions", "work", "ingested_at", "fixed", "version",
    "rejected", "error", "at", "moved_to",
)  # fmt: skip


@dataclass
class Ledger:
    """One look at the ledger of one table. A plan goes through the same look, so that two planners conflict."""

    control: Control
    table_id: str
    table: str
    run: str
    rows: pa.Table
    _opened: DeltaTable | None
    base: int | None = None
    """The version of the data table that this look was judged against; set by `state.ledger.stand`."""

    @classmethod
    def open(cls, control: Control, table_id: str, *, table: str, run: str = "") -> Ledger:
        """Look at the ledger; writes nothing. `table` is the table's name and `run` the run's id, for people."""
        opened = control.open("files")
        rows = _empty() if opened is None else control.read("files", of=[table_id], columns=COLUMNS, through=opened)
        return cls(control, table_id, table, run, rows, opened)

    def plan(
        self,
        batch: int,
        attempt: str,
        files: Sequence[SourceFile],
        *,
        work: str = "data",
        ingested_at: datetime | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the number with its files and whatever a replay needs to write identical rows.

        The version of the data table that the look was judged against goes with it: a later RESTORE voids the plan.
        Raises PlanConflict when anybody planned for this table since the look: look again and decide anew.
        """
        if self.base is None:
            raise ValueError("a plan is decided from a look at the ledger and one at the table's log")
        common = self._row("planned", batch, attempt) | {"work": work, "version": self.base}
        rows = [common | _file(f) for f in files] or [common]
        # once per batch, not once per file: a look reads all rows
        rows[0] |= {"ingested_at": ingested_at, "fixed": dict(fixed or {})}
        self._through_the_look(rows, batch)

    def _through_the_look(self, rows: Sequence[Mapping[str, Any]], batch: int) -> None:
        """Append in one commit that conflicts with every other plan for this table since the look."""
        app = f"files/{self.table_id}"
        if self._opened is None:
            self._opened = self.control.create("files")
            if self._opened.transaction_version(app) is not None:
                raise PlanConflict(f"somebody else planned for {self.table} meanwhile", code="plan.conflict")
        self.control.append("files", rows, through=self._opened, transaction=(app, batch))

    def rebuilt(self, rows: Sequence[Mapping[str, Any]], batch: int) -> None:
        """Write, all or none, what was lost; `batch` is the table's sequence. Raises PlanConflict as `plan` does."""
        self._through_the_look([self._row(r["kind"], r.get("batch"), r.get("attempt")) | dict(r) for r in rows], batch)

    def failed(self, batch: int, attempt: str, failures: Mapping[SourceFile, str]) -> None:
        """Note, before the data commit that leaves them out, files as planned and why each failed."""
        rows = [self._row("failed", batch, attempt) | _file(f) | {"error": e} for f, e in failures.items()]
        self.control.append("files", rows)

    def result(
        self,
        batch: int,
        attempt: str,
        version: int,
        *,
        rows: int | None = None,
        rejected: int | None = None,
        rescued: int | None = None,
    ) -> None:
        """Note that the attempt committed the batch as this version of the data table."""
        counts = {"rows": rows, "rejected": rejected, "rescued": rescued}
        self.control.append("files", [self._row("result", batch, attempt) | {"version": version} | counts])

    def void(self, batches: Sequence[int]) -> None:
        """Note that these batches are not to be loaded any more; a commit in the lineage counts all the same."""
        self.control.append("files", [self._row("void", batch, None) for batch in batches])

    def skipped(self, files: Sequence[SourceFile]) -> None:
        """Note files that were there when the table was made and are not to be loaded (S26)."""
        self.control.append("files", [self._row("skipped", None, None) | _file(f) for f in files])

    def changed(self, files: Sequence[SourceFile]) -> None:
        """Note loaded files that changed and were not read again, once per change (S1)."""
        self.control.append("files", [self._row("changed", None, None) | _file(f) for f in files])

    def listed(self, at: datetime, source_hash: str) -> None:
        """Note that all that a listing gave, which began then, is known; the hash tells what was listed."""
        self.control.append("files", [self._row("listed", None, None) | {"at": at, "fixed": source_hash}])

    def cleaned(self, files: Sequence[tuple[SourceFile, int, Cleaned]]) -> None:
        """Note loaded files, each with its batch, that were taken away from the source, or are gone from it."""
        self.control.append(
            "files",
            [
                self._row("cleaned", batch, None) | _file(f) | {"work": done.how, "moved_to": done.moved_to}
                for f, batch, done in files
            ],
        )

    def _row(self, kind: str, batch: int | None, attempt: str | None) -> dict[str, Any]:
        return {
            "table_id": self.table_id,
            "table": self.table,
            "kind": kind,
            "batch": batch,
            "attempt": attempt,
            "run_id": self.run,
            "at": datetime.now(UTC),
        }


def _file(file: SourceFile) -> dict[str, Any]:
    partitions = json.dumps(dict(file.partitions)) if file.partitions else None
    return {"path": file.path, "size": file.size, "modified": file.modified, "partitions": partitions}


def _empty() -> pa.Table:
    return pa.schema([(column, FILES.columns[column]) for column in COLUMNS]).empty_table()
