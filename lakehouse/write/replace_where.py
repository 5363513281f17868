"""The rows that meet a condition are replaced by the new ones in one commit (S86)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.model import Root
from lakehouse.names import quoted
from lakehouse.quality import expressions
from lakehouse.quality.after import After, replaced
from lakehouse.quality.binding import bound
from lakehouse.quality.fields import Condition
from lakehouse.write.base import Counts, Told, add, metric, selected

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.history import Commit
    from lakehouse.lake.target import Target
    from lakehouse.quality.checks import Checks


class ReplaceWhere(Root):
    """`replace_where: flight_date >= date'2013-11-01'`."""

    root: Condition
    """SQL condition over the table's columns; a new row outside it fails the step."""


Options = ReplaceWhere
INCREMENTAL = False
"""The inputs are read whole."""
KEEPS = True
"""What does not meet the condition stays."""


def with_values(options: ReplaceWhere, variables: Mapping[str, object], now: datetime) -> ReplaceWhere:
    """With values in place of variables and of the time of the run."""
    return ReplaceWhere.model_construct(root=bound(options.root, variables, now))


def moving(options: ReplaceWhere) -> list[str]:
    """Calls that make another condition of it from day to day, although no input changes."""
    return [f"{name}()" for name in sorted(expressions.current(options.root))]


def controls(frame: DataFrame, options: ReplaceWhere, checks: Checks) -> DataFrame:
    """Add the check `replace_where`: a row that would stay beside what the condition replaces fails the step.

    A row that is rejected already is not judged. NULL is outside, as it is for Delta.
    """
    from pyspark.sql import functions as F

    names = _spelled(frame, expressions.columns_of(options.root))
    text = bound(options.root, checks.variables, checks.now)
    doomed = checks.doomed()
    return checks.add(
        frame,
        name="replace_where",
        column=names[0] if len(names) == 1 else None,
        violated=~F.coalesce(F.expr(text), F.lit(False)),
        value=checks.shown(frame, names),
        message=f"the row does not meet the condition, {options.root}",
        action="fail",
        judged=None if doomed is None else ~doomed,
    )


def _spelled(frame: DataFrame, names: frozenset[str]) -> list[str]:
    """The names as the frame has them; those of lambdas and of columns that are not there are left out."""
    folded = {name.casefold() for name in names}
    return [name for name in frame.columns if name.casefold() in folded]


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: ReplaceWhere) -> After:
    """What does not meet the condition stays."""
    from dataclasses import replace

    from pyspark.sql import functions as F

    found = replaced(frame)
    if there is None:
        return found
    _refuse_new(target, options)
    return replace(found, rest=there.where(~F.coalesce(F.expr(options.root), F.lit(False))), stored=there)


def write(frame: DataFrame, target: Target, options: ReplaceWhere) -> Told:
    """Delete the stored rows that meet the condition and add the frame's, in one commit.

    Raises StepError for a condition on a column that the table gets only by this commit.
    """
    if target.replaces:
        add(frame, target)
        return told
    _refuse_new(target, options)
    writer = selected(frame, target).write.format("delta").mode("overwrite").option("replaceWhere", options.root)
    if target.evolves:
        writer = writer.option("mergeSchema", "true")
    writer.save(target.path)
    return told


def told(commit: Commit, rows: int | None) -> Counts:
    """Rows of the frame: what Delta had to copy into new files is no new row."""
    return Counts(metric(commit, "numOutputRows") - metric(commit, "numCopiedRows"))


def _refuse_new(target: Target, options: ReplaceWhere) -> None:
    folded = {name.casefold() for name in expressions.columns_of(options.root)}
    new = [name for name in target.new_columns if name.casefold() in folded]
    if new:
        raise StepError(
            f"{target.name}: `replace_where` names {quoted(new[0])}, which the stored rows do not have yet",
            code="replace_where",
            fix="leave it out of the condition for one run, which adds the column",
        )
