"""Job 0: one aggregate that counts what every check found, and the figures of the rules about many rows.

It decides whether the step may write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lakehouse.quality.check import Check, Whole
from lakehouse.quality.checks import Checks
from lakehouse.quality.core.base import Verdict
from lakehouse.quality.models import Action
from lakehouse.quality.wholes import NewTable, figures, verdicts

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True)
class Result:
    """What one check found."""

    check: Check | Whole
    judged: int
    violations: int
    verdict: Verdict | None = None
    """Of a rule about many rows; it decides then, not the counts."""

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.check.name

    @property
    def column(self) -> str | None:
        """The column it is about, when it is one."""
        return self.check.column

    @property
    def action(self) -> Action:
        """What happens to a row that breaks it."""
        return self.check.action

    @property
    def mostly(self) -> float | None:
        """The share of judged rows that must pass."""
        return self.check.mostly

    @property
    def success(self) -> bool:
        """Whether enough of the judged rows pass: `mostly` of them, or all."""
        if self.verdict is not None:
            return self.verdict.success
        if self.mostly is None or self.judged == 0:
            return self.violations == 0
        return (self.judged - self.violations) / self.judged >= self.mostly

    @property
    def fails(self) -> bool:
        """Whether the step must write nothing because of this check (S53, S53a)."""
        if self.success or self.action == "warn":
            return False
        return self.action == "fail" or self.mostly is not None or self.verdict is not None

    @property
    def warns(self) -> bool:
        """Whether the check is worth a warning: a `warn` rule that is broken too often."""
        return self.action == "warn" and not self.success

    @property
    def told(self) -> str:
        """What it found, for people."""
        if self.verdict is not None:
            return f"{self.name}: {self.verdict.text}"
        return f"{self.name}: {self.violations:,} of {self.judged:,} rows break it"


@dataclass(frozen=True)
class Evaluated:
    """The counts of one attempt; all come from the same aggregate."""

    rows: int
    quarantined: int
    dropped: int
    results: Sequence[Result]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """Rows that will be stored."""
        return self.rows - self.quarantined - self.dropped

    @property
    def of_rows(self) -> Sequence[Result]:
        """What the checks of rows found, which have findings in the frame."""
        return [result for result in self.results if isinstance(result.check, Check)]

    @property
    def failing(self) -> Sequence[Result]:
        """The checks because of which nothing may be written."""
        return [result for result in self.results if result.fails]

    def message(self, samples: Sequence[Mapping[str, str | None]] = ()) -> str:
        """Why nothing may be written, a line for each failing check, with one of its findings among the samples."""
        return "\n".join(
            r.told
            + (f", {r.mostly:.10g} of them must pass" if r.mostly is not None and r.verdict is None else "")
            + next((_example(sample) for sample in samples if sample["name"] == r.name), "")
            for r in self.failing
        )


def evaluate(
    frame: DataFrame, checks: Checks, extra: Mapping[str, Column] | None = None, table: NewTable | None = None
) -> Evaluated:
    """Count rows, and for each check the rows that it judged and that broke it, in ONE Spark job.

    Only the columns that the checks name are read. `extra` are further aggregates, by name, for the same job. Rules
    that need more than one aggregate over the rows have jobs of their own after it; those about the table ask `table`,
    by default one that holds the rows that are left and no others.
    """
    from pyspark.sql import functions as F

    found = checks.all
    wanted = [F.count(F.lit(1)).alias("rows")]
    for check in found:
        wanted.append(F.count_if(F.col(check.broken)).alias(f"v{check.index}"))
        if check.partial:
            wanted.append(F.count_if(F.col(check.judged)).alias(f"j{check.index}"))
    quarantined, dropped = broken(checks, "quarantine"), broken(checks, "drop")
    if quarantined is not None:
        wanted.append(F.count_if(quarantined).alias("quarantined"))
    if dropped is not None:
        wanted.append(F.count_if(dropped if quarantined is None else dropped & ~quarantined).alias("dropped"))
    wanted += [column.alias(f"x_{name}") for name, column in (extra or {}).items()]
    removed = broken(checks, "quarantine", "drop")
    wanted += [column.alias(name) for name, column in figures(frame, checks, removed).items()]
    (row,) = frame.agg(*wanted).collect()
    counts = row.asDict()
    evaluated = Evaluated(
        rows=counts["rows"],
        quarantined=counts.get("quarantined", 0),
        dropped=counts.get("dropped", 0),
        results=[
            Result(c, counts[f"j{c.index}"] if c.partial else counts["rows"], counts[f"v{c.index}"]) for c in found
        ],
        extra={name: counts[f"x_{name}"] for name in extra or {}},
    )
    if not checks.wholes:
        return evaluated
    told = verdicts(frame, checks, removed, counts, evaluated.accepted, table)
    wholes = [_result(whole, verdict, evaluated.accepted) for whole, verdict in told]
    return replace(evaluated, results=[*evaluated.results, *wholes])


def _example(sample: Mapping[str, str | None]) -> str:
    value = sample["value"]
    return f"; for example: {sample['message']}" if value is None else f"; for example {value}: {sample['message']}"


def _result(whole: Whole, verdict: Verdict, rows: int) -> Result:
    return Result(whole, rows if verdict.judged is None else verdict.judged, verdict.unexpected or 0, verdict)


def broken(checks: Checks, *actions: Action) -> Column | None:
    """Where a row breaks a check with one of these actions; None when there is no such check."""
    from functools import reduce
    from operator import or_

    from pyspark.sql import functions as F

    found = [F.col(check.broken) for check in checks.all if check.action in actions]
    return reduce(or_, found) if found else None
