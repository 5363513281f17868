"""The rules of a step on its rows: about rows, about many rows, and about the table as the commit would leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from lakehouse.engine import remembering
from lakehouse.engine.frames import options_of
from lakehouse.engine.run import Run
from lakehouse.errors import SpecError
from lakehouse.lake import increment
from lakehouse.lake.log import Log
from lakehouse.lake.table import WIDENING
from lakehouse.lake.target import Target
from lakehouse.names import TableName
from lakehouse.planning.definition import stored_columns
from lakehouse.planning.steps import Step
from lakehouse.quality import expectations
from lakehouse.quality.after import ADDS, STAYS, After, completed
from lakehouse.quality.checks import Checks
from lakehouse.quality.core.unique import UniqueExpectation
from lakehouse.quality.evaluate import Evaluated, evaluate
from lakehouse.quality.rows import types_of
from lakehouse.quality.wholes import NewTable
from lakehouse.spec.leaves import WAYS
from lakehouse.write.merge.options import IS_CURRENT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def judged(
    run: Run, step: Step, log: Log | None, session: SparkSession, frame: DataFrame, checks: Checks
) -> tuple[DataFrame, Checks, Evaluated | None]:
    """The rows with a hidden column for each rule, the rules, and what they found; None without rules.

    `checks` has those that were put on the frame before. Where rows are turned away because their values are not
    unique, and others may come in their place, all is judged once more by the strict meaning of the rules.
    """
    table = _Stored(run, step, log, session)
    for strict in (False, True):
        own = checks.copy()
        found = expectations.judge(frame, step.spec.expectations, own, table.after, strict=strict)
        if not own.wanted:
            return found, own, None
        run.note("checking rows", step.name)
        counted = evaluate(found, own, table=table.new(found) if own.wholes else None)
        if strict or not table.replaces or not _turned_away(step, counted):
            break
    return found, own, counted


def _turned_away(step: Step, counted: Evaluated) -> bool:
    """Whether a rule about uniqueness keeps rows out of the table."""
    rules = {name for name, rule in step.spec.expectations.items() if isinstance(rule.core, UniqueExpectation)}
    return any(r.name in rules and r.violations and r.action in ("drop", "quarantine") for r in counted.results)


class _Stored:
    """The table of the step as it is, and as the step's way to write would leave it."""

    def __init__(self, run: Run, step: Step, log: Log | None, session: SparkSession) -> None:
        self.run, self.step, self.log, self.session = run, step, log, session
        self.way = WAYS[step.way]

    @property
    def replaces(self) -> bool:
        """Whether rows of one key stand in for each other."""
        return bool(getattr(self.step.options, "keys", None))

    @property
    def there(self) -> DataFrame | None:
        """What is stored, at the version that the step was decided on; None when there is nothing."""
        if self.log is None or not self.log.files().num_rows:
            return None
        return increment.pinned(self.session, self.log.path, self.log.version)

    def after(self, frame: DataFrame) -> After:
        """What a commit of these rows, less those that are `OUT`, would leave."""
        there = self.there if self.step.keeps else None
        target = target_of(self.step, self.log, frame, empty=there is None)
        more: tuple[DataFrame | None, ...] = ()
        if remembering.remembers(self.run, self.step, frame):
            more = (remembering.known(self.run, self.step, self.log, self.session),)
        found: After = self.way.after(frame, there, target, options_of(self.run, self.step), *more)
        return found

    def new(self, frame: DataFrame) -> NewTable:
        """The answers to what rules about the table ask."""
        columns = {name: column.type for name, column in stored_columns(self.step, types_of(frame)).items()}
        stored = dict(self.log.columns) if self.log is not None and self.step.keeps else {}
        folded = {name.casefold() for name in stored}
        added = {name: text for name, text in columns.items() if name.casefold() not in folded}
        return NewTable({**stored, **added}, self.rows, self.others)

    def rows(self, frame: DataFrame, accepted: int, condition: Column | None) -> int:
        """How many rows the table would have: from statistics where every row is one more, else by a job."""
        if condition is None and not self.replaces and self.step.incremental == self.step.keeps:
            return accepted + (rows_of(self.log, self.session) if self.step.incremental else 0)
        after = self.after(frame)
        if condition is not None or after.removes or not self.replaces:
            rows = after.rows.where(STAYS)
            if condition is None:
                return rows.count() + (0 if after.rest is None else after.rest.count())
            there = 0 if after.rest is None else completed(after.rest, rows).where(condition).count()
            return there + completed(rows, after.rest or rows, after.given).where(condition).count()
        return rows_of(self.log, self.session) + after.rows.where(ADDS).count()

    def others(self, name: str) -> int | None:
        """The number of rows of another table, as this run left it or found it."""
        try:
            log = self.run.open(TableName.parse(name))
        except (ValueError, SpecError):
            return None
        if log is None:
            return None
        step = next((step for step in self.run.plan.steps if str(step.name) == name), None)
        if step is not None and step.keeps_history:
            return increment.pinned(self.session, log.path, log.version).where(IS_CURRENT).count()
        return rows_of(log, self.session)


def rows_of(log: Log | None, session: SparkSession) -> int:
    """Rows of a table from its files' statistics; counted where a file has none."""
    if log is None:
        return 0
    files = log.files()
    if files["num_records"].null_count:
        return increment.pinned(session, log.path, log.version).count()
    return (pc.sum(files["num_records"]).as_py() or 0) - (pc.sum(files["deleted"]).as_py() or 0)


def follows(step: Step) -> bool:
    """Whether the table takes the types of what it reads, as they are and as they widen (S91)."""
    return step.spec.schema_ is None and step.keeps and not step.is_bronze


def target_of(
    step: Step, log: Log | None, frame: DataFrame, comments: Mapping[str, str] | None = None, *, empty: bool
) -> Target:
    """The table that the step writes, as the way to write needs to know it; `log` is None where it is not there yet."""
    columns = {name: column.type for name, column in stored_columns(step, types_of(frame)).items()}
    noted = {n: c.comment or "" for n, c in (step.spec.schema_ or {}).items() if c.comment}
    stored = log.columns if log is not None else {}
    # a table without declared columns is what its query says; Delta bridges another type only by a new schema
    other = any(stored.get(name, text) != text for name, text in columns.items())
    return Target(
        step.name,
        log.path if log is not None else "",
        columns,
        stored,
        log.version if log is not None else None,
        log.partitioned_by if log is not None else (),
        {**noted, **(comments or {})},
        empty=empty,
        widens=log is not None and (log.properties.get(WIDENING) == "true" or follows(step)),
        replace_schema=other and not step.keeps and step.spec.schema_ is None,
    )
