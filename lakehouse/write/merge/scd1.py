"""SCD 1: the table holds the newest row of every key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.names import quoted
from lakehouse.write.base import add, arrival, comparable, comparable_grown, stored, view
from lakehouse.write.merge.options import SEQUENCE, Merge
from lakehouse.write.merge.sequence import HIDDEN, with_sequence

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.target import Target


def write(frame: DataFrame, target: Target, options: Merge) -> None:
    """Insert new keys and update those with a newer row; older rows and equal ones write nothing.

    At the same sequence the row of this batch takes effect over the stored one, which came earlier (S64).
    """
    source = newest(with_sequence(frame, options, {}), target, options)
    if target.empty:
        add(source, target)
        return
    columns = [name for name in source.columns if name != SEQUENCE]
    s, t = f"s.{SEQUENCE}", f"t.{SEQUENCE}"
    newer = f"{s} > {t} OR ({s} = {t} AND NOT ({same(columns, target, options)}))"
    assignments = ", ".join(f"{quoted(name)} = s.{quoted(name)}" for name in source.columns)
    with view(source) as name:
        frame.sparkSession.sql(
            f"{merge_into(target)} USING {name} AS s ON {matched(options)} "
            f"WHEN MATCHED AND ({newer}) THEN UPDATE SET {assignments} "
            f"WHEN NOT MATCHED THEN {insert(source)}"
        )


def newest(frame: DataFrame, target: Target, options: Merge) -> DataFrame:
    """The row of each key that wins within the frame, its stored columns and `_sequence`."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    columns = [name for name in stored(frame, target) if name != SEQUENCE]
    content = {name: target.columns[name] for name in columns}
    order = [F.col(HIDDEN).desc(), *(part.desc() for part in arrival(frame, content))]
    rank = F.row_number().over(Window.partitionBy(*(quoted(key) for key in options.keys)).orderBy(*order))
    first = frame.withColumn("__rank", rank).where("__rank = 1")
    return first.select(*(F.col(quoted(name)).alias(name) for name in columns), F.col(HIDDEN).alias(SEQUENCE))


def merge_into(target: Target) -> str:
    """`MERGE … AS t`, adding columns when the table lacks some."""
    return f"MERGE {'WITH SCHEMA EVOLUTION ' if target.evolves else ''}INTO {target.sql} AS t"


def matched(options: Merge) -> str:
    """SQL: source `s` and target `t` have the same key; NULL equals NULL (S61)."""
    return " AND ".join(f"t.{quoted(key)} <=> s.{quoted(key)}" for key in options.keys)


def same(columns: list[str], target: Target, options: Merge) -> str:
    """SQL: source `s` and target `t` agree in these columns; one that the table lacks is NULL in all its rows."""
    keys = {key.casefold() for key in options.keys}
    new = set(target.new_columns)
    parts = []
    for name in columns:
        text = target.columns[name]
        if name in new:
            parts.append(f"s.{quoted(name)} IS NULL")
        elif name in target.grown_columns:
            sides = (comparable_grown(f"{side}.{quoted(name)}") for side in "ts")
            parts.append(" <=> ".join(sides))
        elif name.casefold() not in keys:
            parts.append(f"{comparable(f't.{quoted(name)}', text)} <=> {comparable(f's.{quoted(name)}', text)}")
    return " AND ".join(parts) or "true"


def insert(source: DataFrame, hidden: str = "") -> str:
    """`INSERT (…) VALUES (…)` of all columns of the source but the hidden one."""
    columns = [quoted(name) for name in source.columns if name != hidden]
    return f"INSERT ({', '.join(columns)}) VALUES ({', '.join(f's.{name}' for name in columns)})"
