"""SCD 1: the table holds the newest row of every key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.names import quoted
from lakehouse.quality.after import OUT, STAYS, After, flagged
from lakehouse.quality.after import matched as same_values
from lakehouse.write.base import add, arrival, comparable, comparable_grown, stored, view
from lakehouse.write.merge.options import SEQUENCE, Merge
from lakehouse.write.merge.sequence import HIDDEN, with_sequence

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

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


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: Merge) -> After:
    """The newest row of every key stays; of a stored row and one of the same sequence that of the frame."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    frame = with_sequence(frame, options, {})
    order = [F.col(HIDDEN), *_arrival(frame, target)]
    line = Window.partitionBy(*(quoted(key) for key in options.keys))
    rows = frame.withColumn("__rank", F.row_number().over(line.orderBy(OUT, *(part.desc() for part in order))))
    could, adds = ~F.col(OUT), F.lit(True)
    marks = [f"__m{index}" for index in range(len(options.keys))]
    if there is not None:
        known = there.select(
            *(F.col(quoted(key)).alias(mark) for key, mark in zip(options.keys, marks, strict=True)),
            F.struct(F.col(SEQUENCE).alias("at")).alias("__known"),
        )
        rows = rows.join(known, same_values(options.keys, marks), "left").drop(*marks)
        adds = F.col("__known").isNull()
        could = could & (adds | (F.col(HIDDEN) >= F.col("__known")["at"]))
    rows = flagged(rows, could & (F.col("__rank") == 1), could, could & adds & (F.col("__rank") == 1))
    rows = rows.drop("__rank", "__known")
    if there is None:
        return After(rows, order, keys=options.keys)
    coming = rows.where(STAYS).select(*(F.col(quoted(k)).alias(m) for k, m in zip(options.keys, marks, strict=True)))
    rest = there.join(coming, same_values(options.keys, marks), "left_anti")
    return After(rows, order, rest, there, options.keys)


def _arrival(frame: DataFrame, target: Target) -> list[Column]:
    columns = [name for name in stored(frame, target) if name != SEQUENCE]
    return arrival(frame, {name: target.columns[name] for name in columns})


def newest(frame: DataFrame, target: Target, options: Merge) -> DataFrame:
    """The row of each key that wins within the frame, its stored columns and `_sequence`."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    columns = [name for name in stored(frame, target) if name != SEQUENCE]
    order = [F.col(HIDDEN).desc(), *(part.desc() for part in _arrival(frame, target))]
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
