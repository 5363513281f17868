"""Rows are added; with `keys`, a row whose key is there already is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from lakehouse.lake.observed import Observed
from lakehouse.model import Model, Names
from lakehouse.names import quoted
from lakehouse.quality.after import COULD, OUT, After, flagged, marked, matched
from lakehouse.quality.flow import Flow, Kind
from lakehouse.write.base import (
    Counts,
    Told,
    add,
    all_written,
    arrival,
    insert,
    inserted,
    merge_into,
    only_true,
    same_key,
    stored,
    view,
)  # fmt: skip

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.history import Commit
    from lakehouse.lake.target import Target


class Append(Model):
    """`append: true`, or `append: {keys: […]}`."""

    keys: Names | None = Field(None)
    """A row whose values in these columns are in the table, or earlier in the input, is left out; NULL equals NULL."""

    @model_validator(mode="before")
    @classmethod
    def _true(cls, value: Any) -> Any:
        return only_true("append", value)


Options = Append
INCREMENTAL = True
"""Only what is new in the inputs is read."""


def flow(options: Append) -> Sequence[Flow]:
    """Keys are compared with those that are stored."""
    return [Flow(rows=frozenset((name, Kind.JOIN) for name in options.keys or ()))]


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: Append) -> After:
    """All that is stored stays; with `keys` of the frame only the first row of every key that is not stored gets in."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = _order(frame, target)
    could = ~F.col(OUT)
    if options.keys is None:
        return After(flagged(frame, could, could, could), order, there, there)
    if there is not None:
        marks = [f"__m{index}" for index in range(len(options.keys))]
        known = there.select(*marked(options.keys, marks)).distinct().withColumn("__known", F.lit(True))
        frame = frame.join(known, matched(options.keys, marks), "left").drop(*marks)
        could = could & F.col("__known").isNull()
    line = Window.partitionBy(*(quoted(key) for key in options.keys)).orderBy(OUT, *order)
    ranked = flagged(frame.withColumn("__rank", F.row_number().over(line)), could, could, could)
    stays = F.col(COULD) & (F.col("__rank") == 1)
    rows = flagged(ranked, stays, F.col(COULD), stays).drop("__rank", "__known")
    return After(rows, order, there, there, options.keys)


def _order(frame: DataFrame, target: Target) -> list[Column]:
    return arrival(frame, {name: target.columns[name] for name in stored(frame, target)})


def write(frame: DataFrame, target: Target, options: Append) -> Told:
    """Append the frame, or with `keys` the first row of every key that the table does not have, in one commit."""
    from pyspark.sql import functions as F

    if options.keys is None:
        add(frame, target)
        return all_written
    given = Observed(frame, rows=F.count(F.lit(1)))
    _missing_keys(given.frame, target, options.keys)

    def told(commit: Commit, rows: int | None) -> Counts:
        written = inserted(commit)
        return Counts(written, left_out=max((given.get()["rows"] if rows is None else rows) - written, 0))

    return told


def _missing_keys(frame: DataFrame, target: Target, keys: tuple[str, ...]) -> None:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    columns = stored(frame, target)
    order = _order(frame, target)
    # an insert-only MERGE would insert every duplicate of its source, so the first of each key is picked before
    rank = F.row_number().over(Window.partitionBy(*(quoted(key) for key in keys)).orderBy(*order))
    first = frame.withColumn("__rank", rank).where("__rank = 1").select(*(quoted(name) for name in columns))
    if target.empty:
        add(first, target)
        return
    with view(first) as source:
        frame.sparkSession.sql(
            f"{merge_into(target)} USING {source} AS s ON {same_key(keys)} WHEN NOT MATCHED THEN {insert(first)}"
        )
