"""Rows are grouped and measured; the table holds one row per group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from lakehouse.model import Model, SomeTime
from lakehouse.names import is_identifier, quoted
from lakehouse.quality import expressions
from lakehouse.quality.after import After, replaced
from lakehouse.quality.binding import bound
from lakehouse.quality.fields import Condition, GroupCondition, GroupExpression, Measures
from lakehouse.quality.flow import Flow, Kind, Value, changed, used, value
from lakehouse.quality.rows import CARRIED
from lakehouse.write import overwrite
from lakehouse.write.base import Told, view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.target import Target


def _groups(value: object) -> object:
    """One name, {name: expression}, or a list of both, as one map in the order written."""
    if isinstance(value, str):
        return {value: value if is_identifier(value) else quoted(value)}
    if isinstance(value, list | tuple):
        groups: dict[str, str] = {}
        for item in value:
            part = _groups(item)
            if not isinstance(part, dict):
                # pydantic takes nothing but a ValueError for a mistake in the file
                raise ValueError(f"{item!r} is neither a column nor {{name: expression}}")
            if twice := groups.keys() & part.keys():
                raise ValueError(f"the group {min(twice)!r} is named twice")
            groups |= part
        return groups
    return value


class Window(Model):
    """Groups by time: each row falls into every window of `size` that starts at a multiple of `slide`."""

    column: GroupExpression
    """Timestamp column or expression."""
    size: SomeTime
    """Length of a window, as `1 hour`."""
    slide: SomeTime | None = None
    """Distance between the starts of two windows; by default `size`, so that windows do not overlap."""

    @model_validator(mode="after")
    def _no_gaps(self) -> Window:
        if self.slide is not None and self.slide > self.size:
            raise ValueError("`slide` is longer than `size`, so that rows between two windows would be in none")
        return self


class Aggregate(Model):
    """`aggregate: {by, measures}`: group keys and measures are the columns of the table."""

    by: Annotated[dict[str, GroupExpression], BeforeValidator(_groups)] = Field(default_factory=dict)
    """Columns to group by: names, or {name: expression}, or both in a list."""
    measures: Measures
    """Name -> aggregate expression, as `flights: count(*)`; later ones see earlier ones, as `share: late / flights`."""
    where: Condition | None = None
    """Condition that a row of the input must meet to be counted."""
    having: GroupCondition | None = None
    """Condition over group keys and measures that a group must meet to be stored."""
    window: Window | None = None
    """Adds the group keys `window_start` and `window_end`."""

    @model_validator(mode="after")
    def _names_once(self) -> Aggregate:
        keys = [*self.by, *(("window_start", "window_end") if self.window else ())]
        folded = [name.casefold() for name in (*keys, *self.measures)]
        if twice := [name for name in folded if folded.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} names two columns of the result")
        if not keys:
            raise ValueError("`by` or `window` is needed; for one row over everything write `sql`")
        return self


Options = Aggregate
INCREMENTAL = False
"""The inputs are read whole."""


def result(
    frame: DataFrame, options: Aggregate, variables: Mapping[str, Any], now: datetime | None = None
) -> DataFrame:
    """One row per group of the frame: the group keys, then the measures, in the order written.

    Group expressions see the input's columns, `having` sees keys and measures; `:name` is a variable, and `now` the
    time of the run.
    """

    def sql(text: str) -> str:
        return bound(text, variables, now)

    hidden = {f"__group_{index}": name for index, name in enumerate(options.by)}
    groups = [f"({sql(options.by[name])}) AS {quoted(key)}" for key, name in hidden.items()]
    keys = [f"{quoted(key)} AS {quoted(name)}" for key, name in hidden.items()]
    by = [quoted(key) for key in hidden]
    if options.window is not None:
        groups.append(_window(options.window, sql(options.window.column)))
        keys += ["__window.start AS window_start", "__window.end AS window_end"]
        by.append("__window")
    measures = [f"({sql(text)}) AS {quoted(name)}" for name, text in options.measures.items()]
    where = f" WHERE {sql(options.where)}" if options.where else ""
    having = f" HAVING {sql(options.having)}" if options.having else ""
    with view(frame) as source:
        # groups are computed below the aggregation, so that an expression that is a number is no position
        return frame.sparkSession.sql(
            f"SELECT {', '.join(keys + measures)} "
            f"FROM (SELECT *, {', '.join(groups)} FROM {source}{where}) GROUP BY {', '.join(by)}{having}"
        )


def _measured(measures: Mapping[str, str]) -> dict[str, Value]:
    """What each measure comes from; one that is no aggregate is made of those above it."""
    made: dict[str, Value] = {}
    for name, text in measures.items():
        made[name] = value(text)
        if not expressions.aggregates(text):
            above = {key.casefold(): found for key, found in made.items() if key != name}
            ways = ((above.get(column.casefold(), Value()), kind) for column, kind in made[name].sources)
            through = ((column, kind.after(inner)) for found, kind in ways for column, inner in found.sources)
            made[name] = Value(frozenset(through), text)
    return made


def flow(options: Aggregate) -> Sequence[Flow]:
    """Which columns the groups and measures come from, and which ones decide what groups there are."""
    made = {name: value(text) for name, text in options.by.items()}
    rows = frozenset().union(*(used(text, Kind.GROUP_BY) for text in options.by.values()))
    if options.window is not None:
        time = changed(*expressions.columns_of(options.window.column))
        made |= {"window_start": time, "window_end": time}
        rows |= used(options.window.column, Kind.GROUP_BY)
    if options.where is not None:
        rows |= used(options.where, Kind.FILTER)
    made |= _measured(options.measures)
    groups = Flow(made, gone=CARRIED, only=tuple(made), rows=rows)
    return [groups] if options.having is None else [groups, Flow(rows=used(options.having, Kind.FILTER))]


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: Aggregate) -> After:
    """Nothing that is stored stays: the table holds the groups of this run."""
    return replaced(frame)


def write(frame: DataFrame, target: Target, options: Aggregate) -> Told:
    """Replace the table by the frame, which `result` has grouped, in one commit."""
    return overwrite.write(frame, target, options)


def _window(window: Window, column: str) -> str:
    size = f"{window.size.total_seconds():.6f} seconds"
    slide = f"{(window.slide or window.size).total_seconds():.6f} seconds"
    return f"window({column}, '{size}', '{slide}') AS __window"
