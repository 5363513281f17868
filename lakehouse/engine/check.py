"""What of a Bronze table's new files would not load as it is: read as a run would read them, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakehouse.control.store import Control
from lakehouse.engine import bronze
from lakehouse.engine.run import Run
from lakehouse.errors import DataError, StepError
from lakehouse.names import TableName, quoted
from lakehouse.planning.batches import cut, limits, overwrites
from lakehouse.planning.definition import definition
from lakehouse.planning.known import BRONZE
from lakehouse.planning.steps import Plan, Step
from lakehouse.planning.work import Batch
from lakehouse.state.observe import State, listed, observe

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.ingest.batch import Ingested

_SHOWN = 20
"""Samples of each kind of problem in a batch."""


@dataclass(frozen=True)
class DataProblem:
    """Something that would not load as it is."""

    kind: str
    """`file`, `record`, `rescued`, `columns`, or the name of a rule."""
    message: str
    rows: int | None = None
    """How many rows have it, where it is about rows; a sample has None."""
    file: str | None = None
    sample: str | None = None
    """The record's text, or what is rescued, cut to 200 signs."""


@dataclass
class DataCheck:
    """What a look at the new files of a table found."""

    table: str
    files: int = 0
    rows: int = 0
    """Rows that would be stored."""
    new_columns: dict[str, str] = field(default_factory=dict)
    """Columns that the table would get, or get with another type -> type."""
    problems: list[DataProblem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything would load as it is."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON has it."""
        return {**asdict(self), "ok": self.ok}


def check(plan: Plan, name: TableName, spark: SparkSession, rows: int | None = None) -> DataCheck:
    """Read the files that a run would load into the table, all or `rows` records of each kind of file; write nothing.

    Raises StepError, OffsetError and what else keeps a run from looking at the table at all.
    """
    environment = plan.project.environment
    run = Run(plan, Control(environment.control_path, environment.storage), lambda _: None, given=spark)
    step = run.with_values(plan[name])
    files = listed(environment, step.spec)
    state = observe(environment, run.control, name, step.spec, files=files, run=run.id)
    found = DataCheck(str(name))
    types = {_rescued_column(step) if column == "_rescued_data" else column: text for column, text in BRONZE.items()}
    known = state.log.columns if state.log else {n: c.type for n, c in definition(step, types).columns.items()}
    for batch in _batches(step, state):
        found.files += len(batch.files)
        try:
            known = _check_batch(run, step, state, batch, known, rows, found)
        except (StepError, DataError) as error:
            kind = "columns" if error.code == "source.new_columns" else "step"
            found.problems.append(DataProblem(kind, error.message))
            break
        if rows is not None and found.rows >= rows:
            break
    return found


def _batches(step: Step, state: State) -> Iterator[Batch]:
    standing = state.standing
    assert standing is not None, "a Bronze step is observed with its ledger"
    if standing.open is not None:
        yield Batch(standing.open.batch, standing.open.files)
    new = standing.new_files(state.files, allow_overwrites=overwrites(step.spec))
    yield from (Batch(standing.next_batch + i, files) for i, files in enumerate(cut(new, *limits(step.spec))))


def _check_batch(
    run: Run, step: Step, state: State, batch: Batch, known: Mapping[str, str], rows: int | None, found: DataCheck
) -> Mapping[str, str]:
    """Add what the batch has to the check; returns the columns that the table would have after it."""
    from lakehouse.ingest import read

    session, unreadable = run.session(step), dict[str, str]()
    while True:
        request = bronze.request_of(run, step, batch, known, datetime.now(UTC), unreadable, look=True)
        request = replace(request, on_bad_record="quarantine", on_bad_file="quarantine", rows=rows)
        ingested = read.read_batch(session, request)
        try:
            loaded, rescued = _counted(ingested.frame, step)
            break
        except Exception as error:  # files that Spark cannot read are problems of their own, all else goes up
            found_bad = read.blamed(session, request, error)
            if not found_bad:
                raise
            unreadable |= found_bad
    for path, why in {**unreadable, **ingested.failed}.items():
        found.problems.append(DataProblem("file", why, file=path))
    found.problems += _records(ingested)
    found.problems += _rescued(ingested.frame, rescued, step)
    if (counted := bronze.judged(run, step, ingested, state.log, session)[2]) is not None:
        loaded -= counted.quarantined + counted.dropped
        found.problems += [
            DataProblem(r.name, r.told.partition(": ")[2], None if r.verdict else r.violations)
            for r in counted.results
            if r.violations or not r.success
        ]
    found.rows += loaded
    changes = {**ingested.new_columns, **ingested.changed_columns}
    found.new_columns |= changes
    return {**known, **changes}


def _counted(frame: DataFrame, step: Step) -> tuple[int, int]:
    """Rows, and rows with rescued data; every value is read on the way, as a write would."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    seen = Observation()
    counts = F.count(F.lit(1)).alias("rows"), F.count(quoted(_rescued_column(step))).alias("rescued")
    frame.observe(seen, *counts).write.format("noop").mode("overwrite").save()
    return seen.get["rows"], seen.get["rescued"]


def _rescued_column(step: Step) -> str:
    return step.spec.auto_loader.rescued_data_column if step.spec.auto_loader else "_rescued_data"


def _records(ingested: Ingested) -> Iterator[DataProblem]:
    if not ingested.rejected:
        return
    yield DataProblem("record", "records cannot be read", ingested.rejected)
    if ingested.bad is not None:
        for row in ingested.bad.limit(_SHOWN).collect():
            why = "; ".join(failure["message"] for failure in row["_failures"])
            yield DataProblem("record", why, file=row["_source_file"], sample=(row["_raw"] or "")[:200])


def _rescued(frame: DataFrame, rows: int, step: Step) -> Iterator[DataProblem]:
    if not rows:
        return
    column = quoted(_rescued_column(step))
    yield DataProblem("rescued", "rows have values that fit no column", rows)
    for file, text in frame.where(f"{column} IS NOT NULL").select("_source_file", column).limit(_SHOWN).collect():
        yield DataProblem("rescued", "values that fit no column", file=file, sample=text[:200])
