"""Rows of a quarantine as rows of their step once more, judged by today's definition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse import cleanse
from lakehouse.engine import bronze, frames, judging
from lakehouse.engine.attempt import Attempt
from lakehouse.engine.marks import BY, ID, WHY
from lakehouse.errors import StepError
from lakehouse.names import quoted
from lakehouse.planning.ranges import Range, range_of
from lakehouse.planning.steps import Step
from lakehouse.planning.work import Batch
from lakehouse.quality.check import Check
from lakehouse.quality.checks import Checks
from lakehouse.quality.evaluate import Evaluated, broken
from lakehouse.quality.routing import OWN, accepted, failures, stored_as
from lakehouse.quality.rows import keep_input
from lakehouse.quality.tally import Tally
from lakehouse.sources.base import SourceFile
from lakehouse.state.observe import State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Taken:
    """Rows of one `_stage`, as the quarantine is at a version."""

    stage: str
    path: str
    version: int
    rows: DataFrame
    count: int


@dataclass(frozen=True)
class Judged:
    """The rows as they would be stored, each with the address of the row of the quarantine that it came from."""

    frame: DataFrame
    checks: Checks
    counted: Evaluated | None
    siblings: bool
    """Several may come from one row of the quarantine; they go in together or not at all."""
    bad: DataFrame | None = None
    """Records that cannot be read: `ID`, `BY`, `WHY`."""
    comments: Mapping[str, str] = field(default_factory=dict)
    """Of new columns."""

    def staying(self) -> DataFrame | None:
        """`ID`, `BY` and `WHY` of the rows of the quarantine that do not go in, once each; None when all do."""
        from pyspark.sql import functions as F

        wanted = broken(self.checks, "quarantine") if self.counted is not None and self.counted.quarantined else None
        found = [] if self.bad is None else [self.bad]
        if wanted is not None:
            found.append(self.frame.where(wanted).select(ID, BY, failures(self.checks).alias(WHY)))
        if not found:
            return None
        rows = found[0] if len(found) == 1 else found[0].union(found[1])
        if not self.siblings:
            return rows
        return rows.groupBy(ID, BY).agg(F.array_distinct(F.flatten(F.collect_list(WHY))).alias(WHY))

    def count_staying(self, stay: DataFrame | None) -> int:
        """How many these are; job 0 has counted them where each row of the quarantine gives one row at most."""
        if stay is None or self.siblings or self.bad is not None or self.counted is None:
            return 0 if stay is None else stay.count()
        return self.counted.quarantined

    def going_in(self, stay: DataFrame | None) -> DataFrame:
        """The rows to store."""
        rows = accepted(self.frame, self.checks, self.counted)
        return rows.join(stay, [ID, BY], "left_anti") if self.siblings and stay is not None else rows


def judged_again(attempt: Attempt, state: State, taken: Taken) -> Judged:
    """The rows through today's definition: all rules, or those after the last one that makes other rows (`cleansed`).

    Raises StepError where that cannot be.
    """
    if taken.stage == "record":
        found = _records(attempt, state, taken)
    elif attempt.step.is_bronze:
        found = _of_bronze(attempt, taken)
    else:
        found = _of_tables(attempt, state, taken)
    if {ID, BY} - set(found.frame.columns):
        raise StepError(
            f"{attempt.step.name}: rows that were kept as they came in cannot be replayed, because a rule of `cleanse` "
            "gives others of which nobody can tell where they came from",
            code="replay.rows",
            fix="replay with the rule taken out, or load the rows by other means and delete them from the quarantine",
        )
    return replace(found, counted=None if found.counted is None else _one_by_one(found.counted))


def _of_tables(attempt: Attempt, state: State, taken: Taken) -> Judged:
    run, step, session = attempt.run, attempt.step, attempt.session
    checks, rules = frames.checks_of(run, step), step.spec.cleanse
    later = rules if taken.stage == "input" else cleanse.behind_last_regrouping(rules)
    siblings = taken.stage == "input" and cleanse.stage(rules) == "cleansed"
    frame = _back(taken.rows)
    now = frames.read(session, step, list(_as_now(step, state)), checks).limit(0)
    if taken.stage == "input":
        # columns that the input has got since are NULL in these rows; others in the quarantine are none of the row's
        frame = _only(frame, now)
        frame = frames.united({step.name: now, step.name.companion("_quarantine"): frame})
    elif cleanse.stage(rules) == "input":
        raise StepError(
            f"{step.name}: {taken.count:,} rows were kept as a rule like `explode` made them, and `cleanse` has none "
            "such any more",
            code="replay.rows",
            fix="write the rule again, or delete these rows (`_stage = 'cleansed'`) from the quarantine",
        )
    else:
        before = checks.copy()
        before.tally = Tally()  # these rows are none
        for rule in rules[: len(rules) - len(later)]:
            now = cleanse.apply(rule, now, before)
        frame = _only(frame, now)
    frame = frames.shaped(frame, step, checks, later)
    return Judged(*judging.judged(run, step, attempt.log, session, frame, checks), siblings)


def _as_now(step: Step, state: State) -> Iterator[Range]:
    """The inputs as they are, whole."""
    for read in step.reads:
        log = state.inputs[read.table]
        if log is None:
            raise StepError(f"{step.name}: {read.table}, which it reads, does not exist", code="table.missing")
        yield range_of(replace(read, whole=True), log, None)


def _only(frame: DataFrame, like: DataFrame) -> DataFrame:
    """The columns that the other frame has too, and the address."""
    there = {name.casefold() for name in like.columns}
    return frame.select(*[quoted(name) for name in frame.columns if name.casefold() in there or name in (ID, BY)])


def _of_bronze(attempt: Attempt, taken: Taken) -> Judged:
    from pyspark.sql import functions as F

    step, checks = attempt.step, frames.checks_of(attempt.run, attempt.step)
    frame = _with_own(attempt, _back(taken.rows), datetime.now(UTC))
    there = {name.casefold() for name in frame.columns}
    lost = [F.lit(None).cast(t).alias(n) for n, t in attempt.log.columns.items() if n.casefold() not in there]
    frame = frame.select(*[quoted(name) for name in attempt.log.columns if name.casefold() in there], *lost, ID, BY)
    frame = frames.shaped(keep_input(frame), step, checks)
    return Judged(*judging.judged(attempt.run, step, attempt.log, attempt.session, frame, checks), siblings=False)


def _records(attempt: Attempt, state: State, taken: Taken) -> Judged:
    from pyspark.sql import functions as F

    from lakehouse.ingest.batch import RAW_FIELDS, RAW_FORMAT, RAW_TEXT
    from lakehouse.ingest.read import read_records

    copy_into = attempt.step.spec.copy_into
    if copy_into is not None and copy_into.select:
        raise StepError(
            f"{attempt.step.name}: records that could not be read cannot be replayed where `copy_into` has a `select`",
            code="replay.rows",
            fix="put the repaired records into a file of the source, and delete them from the quarantine",
        )
    readable = F.col(RAW_FORMAT).isNotNull() & ((F.col(RAW_FORMAT) != "csv") | F.col(RAW_FIELDS).isNotNull())
    if not {RAW_FORMAT, RAW_FIELDS} <= set(taken.rows.columns) or taken.rows.where(~readable).limit(1).count():
        raise StepError(
            f"{attempt.step.name}: its quarantine does not say of all records what they are",
            code="replay.rows",
            fix=f"set {RAW_FORMAT} to `csv`, `json` or `xml`, and of csv {RAW_FIELDS} to the names of the fields",
        )
    texts = taken.rows.select(
        RAW_TEXT, RAW_FORMAT, RAW_FIELDS, "_source_file", "_source_modified",
        F.col("_quarantine_id").alias(ID), F.col("_attempt").alias(BY),
    )  # fmt: skip
    batch = Batch(attempt.work.sequence, tuple(_files(state, taken)))
    request = bronze.request_of(attempt.run, attempt.step, batch, attempt.log.columns, datetime.now(UTC), {}, look=True)
    ingested = read_records(attempt.session, replace(request, texts=texts, on_bad_record="quarantine"))
    bad = None if ingested.bad is None else ingested.bad.select(ID, BY, F.col("_failures").alias(WHY))
    judged = bronze.judged(attempt.run, attempt.step, ingested, attempt.log, attempt.session)
    return Judged(*judged, siblings=True, bad=bad, comments=ingested.comments)


def _files(state: State, taken: Taken) -> Iterator[SourceFile]:
    """The files that the records were in, by which folders tell of partitions, as the ledger knows them."""
    assert state.ledger is not None, "records are those of files"
    rows = state.ledger.rows.filter(pc.is_valid(state.ledger.rows["partitions"]))
    if not rows.num_rows:
        return
    paths = [row[0] for row in taken.rows.select("_source_file").distinct().collect()]
    known = rows.filter(pc.is_in(rows["path"], value_set=pa.array(paths, pa.string())))
    newest = {row["path"]: row for row in known.select(["path", "size", "modified", "partitions"]).to_pylist()}
    for row in newest.values():
        yield SourceFile(row["path"], row["size"], row["modified"], json.loads(row["partitions"]))


def _with_own(attempt: Attempt, frame: DataFrame, at: datetime) -> DataFrame:
    """Bronze's own columns of the batch that these rows are in now."""
    from pyspark.sql import functions as F

    batch = F.lit(attempt.work.sequence).cast("bigint")
    return frame.withColumns({"_batch": batch, "_ingested_at": F.lit(at).cast("timestamp")})


def _back(rows: DataFrame) -> DataFrame:
    """Rows of a quarantine as they came in, and their address."""
    from pyspark.sql import functions as F

    own = {name.casefold() for name in OWN}
    renamed = {stored_as(name).casefold(): name for name in OWN}
    columns = [
        F.col(quoted(name)).alias(renamed.get(name.casefold(), name))
        for name in rows.columns
        if name.casefold() not in own
    ]
    return rows.select(*columns, F.col("_quarantine_id").alias(ID), F.col("_attempt").alias(BY))


def _one_by_one(counted: Evaluated) -> Evaluated:
    """Without shares: the rows of a replay are those that broke rules, so a share of them says nothing."""
    results = [
        replace(r, check=replace(r.check, mostly=None, action="warn" if r.action == "fail" else r.action))
        if isinstance(r.check, Check) and r.mostly is not None
        else r
        for r in counted.results
    ]
    return replace(counted, results=results)
