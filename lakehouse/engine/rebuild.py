"""`files TABLE --rebuild`: the ledger of a Bronze table anew, when `_lakehouse` is lost or older than the table."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.control.locks import locked
from lakehouse.control.store import Control
from lakehouse.engine import companions
from lakehouse.engine import session as sessions
from lakehouse.engine.catalog import session_of
from lakehouse.errors import OffsetError, StepError
from lakehouse.lake.log import Log
from lakehouse.lake.table import take_over
from lakehouse.names import TableName
from lakehouse.planning.batches import counted
from lakehouse.sources.base import SourceFile
from lakehouse.spec.load import Project
from lakehouse.spec.table import Table
from lakehouse.state.ledger import stand
from lakehouse.state.listing import look_up
from lakehouse.state.observe import listed
from lakehouse.state.place import Commits, without_rows
from lakehouse.state.rebuild import LOST, Stored, rebuild

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class RebuiltLedger:
    """What the ledger of a table was made of."""

    table: str
    needed: bool
    """False: it was not lost, and nothing was written."""
    files: int = 0
    """Files that have a row in the table, all loaded now."""
    batches: int = 0
    """Batches of which the ledger knew nothing."""
    gone: int = 0
    """Of the files, those that are not in the source any more, or changed since: their size is not known."""
    skipped: int = 0
    """Files older than a table with `include_existing_files: false` and not in it: never loaded."""
    new: tuple[str, ...] = ()
    """Files of the source without a row in the table: the next run loads them."""

    def lines(self) -> list[str]:
        """For people."""
        if not self.needed:
            return [f"the ledger of {self.table} is not lost: nothing was written"]
        made = f"batches that were lost: {self.batches:,}"
        found = [f"in the ledger of {self.table} again: {counted(self.files, 'file')} with rows in it; {made}"]
        if self.gone:
            found.append(f"of these not in the source any more, or changed since: {counted(self.gone, 'file')}")
        if self.skipped:
            found.append(f"older than the table and not in it, so skipped: {counted(self.skipped, 'file')}")
        if self.new:
            shown = ", ".join(self.new[:3]) + (", …" if self.new[3:] else "")
            found += [
                f"without a row in the table, so the next run loads them: {counted(len(self.new), 'file')}: {shown}",
                "files that were loaded and had no row, or whose rows were deleted since, cannot be told from new ones",
            ]
        return found


def rebuilt(project: Project, name: TableName, spark: SparkSession | None) -> RebuiltLedger:
    """Make what the ledger lacks from the table's own rows; a ledger that is not lost stays as it is.

    One aggregate of Spark's over four columns of the table; one row per file comes to the driver, as Arrow. Killed
    before its one commit, it has changed nothing; after it the table is noted to be this project's, if it was another
    one's. Raises LockTaken when a run may write the table, and OffsetError when the table's place cannot be told for
    another reason.
    """
    environment, table = project.environment, project.tables[name]
    control = Control(environment.control_path, environment.storage)
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    with locked(control.root, [name], run=run):
        log = Log.open(environment.table_path(name), environment.storage)
        if log is None:
            raise StepError(f"{name} does not exist yet", code="table.missing", fix="run the pipeline first")
        rows = Commits.read(control, log.table_id or "")
        ledger = Ledger.open(control, log.table_id or "", table=str(name), run=run)
        try:
            stand(ledger, log, rows)
        except OffsetError as error:
            if error.code not in LOST:
                raise
        else:
            return RebuiltLedger(str(name), needed=False)
        stored = _stored(project, log, rows, spark)
        there = {file.path: file for file in listed(environment, table)}
        known = {item.path for item in stored}
        looked = there | look_up([path for path in known if path not in there], environment.storage)
        skipped = _skipped(table, log, [f for f in there.values() if f.path not in known])
        found = rebuild(
            ledger.rows, log, rows, stored, looked, attempt=uuid.uuid4().hex, skipped=skipped, table=str(name)
        )
        if found.confirm:  # first: without the rows after it the table is still refused
            commits.confirm(control, log.table_id or "", found.confirm, table=str(name), run=run)
        ledger.rebuilt(found.rows, log.sequence or 0)
        _take_over(session_of(project, spark), log, Commits.read(control, log.table_id or ""), control, run)
        left = {f.path for f in skipped} | known
        return RebuiltLedger(
            str(name),
            needed=True,
            files=len(known),
            batches=len({r["batch"] for r in found.rows if r["kind"] == "planned"}),
            gone=len({s.path for s in stored} - {s.path for s in stored if _is_there(s, looked)}),
            skipped=len(skipped),
            new=tuple(sorted(path for path in there if path not in left)),
        )


def _take_over(spark: SparkSession, log: Log, rows: Commits, control: Control, run: str) -> None:
    """This control plane is the one that knows the table from now on (S96); no commit where it was before."""
    take_over(spark, log, commits.project(control), without_rows(log, rows, run))


def _stored(project: Project, log: Log, rows: Commits, spark: SparkSession | None) -> list[Stored]:
    session = sessions.step_session(session_of(project, spark), {"spark.sql.session.timeZone": "UTC"})
    counted = _counted(session.read.format("delta").option("versionAsOf", log.version).load(log.path))
    name = f"{log.path}_quarantine"
    if Log.open(name, log.storage) is None:
        return counted
    # a file of which every record was rejected has rows there only
    rejected = _counted(companions.existing(session.read.format("delta").load(name), rows.committed(log)))
    known = {(item.path, item.batch) for item in counted}
    return counted + [replace(item, rows=0) for item in rejected if (item.path, item.batch) not in known]


def _counted(frame: DataFrame) -> list[Stored]:
    # a row without them is not of the library's making
    frame = frame.where("_batch IS NOT NULL AND _source_file IS NOT NULL")
    found: pa.Table = frame.groupBy("_source_file", "_source_modified", "_batch").count().toArrow()
    return [Stored(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)]


def _skipped(table: Table, log: Log, unknown: Iterable[SourceFile]) -> Sequence[SourceFile]:
    """Files that were there before the table, where those are not wanted (S26)."""
    loader = table.auto_loader
    if loader is None or loader.include_existing_files:
        return ()
    return [file for file in unknown if file.modified <= log.created_at]


def _is_there(item: Stored, files: Mapping[str, SourceFile]) -> bool:
    return item.path in files and files[item.path].modified == item.modified
