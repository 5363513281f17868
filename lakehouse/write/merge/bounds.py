"""What a merge can leave unread: bounds of the batch's keys as literals, by which Delta skips files.

A MERGE prunes the files of its target only by conditions on the target alone. One small aggregate over the batch gives
them, and what else must be known of the batch before it is merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from lakehouse.names import quoted
from lakehouse.write.base import kind_of
from lakehouse.write.merge.values import literal, skips, told

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.lake.target import Target
    from lakehouse.write.merge.options import Merge

MOST_LISTED = 1000
"""Values of a partition column that are listed; more are told by the smallest and the greatest."""


BROADCAST = 500_000
"""Up to so many rows their keys are sent to where the table is, instead of shuffling the table."""


@dataclass(frozen=True)
class Look:
    """One look at a batch."""

    rows: int
    bounds: Mapping[str, str] = field(default_factory=dict)
    """Key -> condition, with `{0}` for the column, that is true of all of its values in the batch."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else was asked."""

    def within(self, side: str = "t") -> str:
        """SQL: the row of this side may have a key of the batch; empty when nothing can be told."""
        return " AND ".join(text.format(f"{side}.{quoted(key)}") for key, text in self.bounds.items())


def look(frame: DataFrame, target: Target, options: Merge, more: Mapping[str, Column] | None = None) -> Look:
    """Bounds of the keys that skip files: lists for partition columns, ranges for others; one job over these columns.

    `more` are aggregates that ride along.
    """
    from pyspark.sql import functions as F

    keys = {i: key for i, key in enumerate(options.keys) if skips(kind_of(frame, key))}
    partitions = {name.casefold() for name in target.partitioned_by}
    asked: dict[str, Column] = {"rows": F.count(F.lit(1))}
    for i, key in keys.items():
        column, kind = F.col(quoted(key)), kind_of(frame, key)
        asked |= {f"low{i}": told(F.min(column), kind), f"high{i}": told(F.max(column), kind)}
        asked[f"null{i}"] = F.count_if(column.isNull())
        if key.casefold() in partitions:
            asked[f"all{i}"] = F.collect_set(told(column, kind))
    rest = {f"more_{name}": column for name, column in (more or {}).items()}
    (row,) = frame.agg(*(column.alias(name) for name, column in {**asked, **rest}.items())).collect()
    found = row.asDict()
    bounds = {}
    for i, key in keys.items():
        kind = kind_of(frame, key)
        values = found.get(f"all{i}")
        if found[f"low{i}"] is None:
            texts = []
        elif values is not None and len(values) <= MOST_LISTED:
            texts = [f"{{0}} IN ({', '.join(_braced(literal(value, kind)) for value in sorted(values))})"]
        else:
            low, high = (_braced(literal(found[f"{end}{i}"], kind)) for end in ("low", "high"))
            texts = [f"{{0}} BETWEEN {low} AND {high}"]
        if found[f"null{i}"] or not texts:
            texts.append("{0} IS NULL")
        bounds[key] = f"({' OR '.join(texts)})" if len(texts) > 1 else texts[0]
    return Look(found["rows"], bounds, {name: found[f"more_{name}"] for name in more or {}})


def of_batch(rows: DataFrame, names: Sequence[str], batch: DataFrame, keys: Sequence[str], count: int) -> DataFrame:
    """The rows whose values in `names` are a key of the batch, which has about `count` rows."""
    from pyspark.sql import functions as F

    wanted = batch.select(*(F.col(quoted(key)).alias(f"__key_{index}") for index, key in enumerate(keys)))
    wanted = F.broadcast(wanted) if count <= BROADCAST else wanted
    pairs = (F.col(quoted(name)).eqNullSafe(F.col(f"__key_{index}")) for index, name in enumerate(names))
    return rows.join(wanted, reduce(and_, pairs), "left_semi")


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
