"""The values of some columns that are in the new rows are replaced in one commit (S87)."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from lakehouse.model import Names, Root
from lakehouse.names import quoted
from lakehouse.quality.after import After, replaced
from lakehouse.write.base import Counts, Told, add, insert, inserted, merge_into, selected, view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.history import Commit
    from lakehouse.lake.target import Target
    from lakehouse.quality.checks import Checks

_GONE = "__gone"


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    folded = [name.casefold() for name in names]
    if twice := [name for name in folded if folded.count(name) > 1]:
        raise ValueError(f"the column {twice[0]!r} is named twice")
    return names


class ReplaceUsing(Root):
    """`replace_using: [region, flight_date]`."""

    root: Annotated[Names, AfterValidator(_different)]
    """Stored rows whose values in these columns occur in the new rows are replaced by them; NULL never matches."""


Options = ReplaceUsing
INCREMENTAL = False
"""The inputs are read whole."""
KEEPS = True
"""Rows with other values stay."""


def controls(frame: DataFrame, options: ReplaceUsing, checks: Checks) -> DataFrame:
    """Add the check `replace_using`: a row with NULL in one of the columns would never be replaced, and is rejected."""
    from pyspark.sql import functions as F

    names: tuple[str, ...] = options.root
    doomed = checks.doomed()
    return checks.add(
        frame,
        name="replace_using",
        column=names[0] if len(names) == 1 else None,
        violated=reduce(or_, [F.col(quoted(name)).isNull() for name in names]),
        value=checks.shown(frame, names) if len(names) > 1 else None,
        message="NULL, which nothing replaces",
        action="quarantine",
        judged=None if doomed is None else ~doomed,
    )


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: ReplaceUsing) -> After:
    """Rows stay whose values in the columns no new row has that gets in."""
    from dataclasses import replace

    from pyspark.sql import functions as F

    from lakehouse.quality.after import STAYS

    found = replaced(frame)
    if there is None:
        return found
    coming = found.rows.where(STAYS).select(*(F.col(quoted(name)).alias(f"__m{i}") for i, name in _columns(options)))
    pairs = [F.col(quoted(name)) == F.col(f"__m{i}") for i, name in _columns(options)]
    return replace(found, rest=there.join(coming, reduce(lambda a, b: a & b, pairs), "left_anti"), stored=there)


def _columns(options: ReplaceUsing) -> list[tuple[int, str]]:
    return list(enumerate(options.root))


def write(frame: DataFrame, target: Target, options: ReplaceUsing) -> Told:
    """Delete the stored rows whose values come again and add the frame's, by one MERGE; without rows nothing goes.

    Delta's own option `replaceUsing` fails on tables without deletion vectors (Delta 4.4.0).
    """
    from pyspark.sql import functions as F

    rows = selected(frame, target)
    if target.empty:
        add(frame, target)
        return told
    keys = [quoted(name) for name in options.root]
    nothing = [F.lit(None).cast(field.dataType).alias(field.name) for field in rows.schema.fields]
    # every value once, so that no stored row has two matches; of these rows nothing but the values is looked at
    values = rows.select(*(F.col(key).alias(f"__m{i}") for i, key in enumerate(keys))).distinct()
    values = values.select(*nothing, *(f"__m{i}" for i in range(len(keys))), F.lit(True).alias(_GONE))
    source = rows.withColumn(_GONE, F.lit(False)).unionByName(values, allowMissingColumns=True)
    pairs = " AND ".join(f"t.{key} = s.__m{i}" for i, key in enumerate(keys))
    with view(source) as name:
        frame.sparkSession.sql(
            f"{merge_into(target)} USING {name} AS s ON s.{_GONE} AND {pairs} "
            f"WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND NOT s.{_GONE} THEN {insert(rows)}"
        )
    return told


def told(commit: Commit, rows: int | None) -> Counts:
    """Every row of the frame is new."""
    return Counts(inserted(commit))
