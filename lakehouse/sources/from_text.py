"""JSON by the texts of its records: slower than Spark's own reader, which loses some of what may be in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.sources.fields import FILE, MODIFIED, RAW
from lakehouse.sources.nested import Fit, marked, parsed, restored
from lakehouse.sources.unseen import LIST

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_CORRUPT = "__lakehouse_corrupt"


@dataclass(frozen=True)
class JsonColumn:
    """One column of a part's frame: the names in the records that it is taken from, and how."""

    name: str
    names: Sequence[str]
    fit: Fit
    unless: Sequence[str] = ()
    """Only where none of these fields has a value: theirs is the column."""


def from_text(
    records: DataFrame,
    columns: Sequence[JsonColumn],
    how: Mapping[str, str],
    unseen: Column,
    along: Sequence[str] = (),
) -> DataFrame:
    """Records with their texts as `value` -> rows with these columns, and `RAW`, `FILE`, `MODIFIED`.

    `how` are the parser's options; a record for which `unseen` is true is bad. Columns of the records that are to go
    `along` do.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, StringType, StructField, StructType

    names = list(dict.fromkeys(name for column in columns for name in column.names))
    inside = StructType([StructField(name, StringType()) for name in names])
    renamed = StructType([StructField(f"f{i}", StringType()) for i in range(len(names))])
    place = {name: f"f{i}" for i, name in enumerate(names)}
    how = {**how, "columnNameOfCorruptRecord": _CORRUPT}
    text = marked(F.col("value"))
    one = F.from_json(text, StructType([*inside.fields, StructField(_CORRUPT, StringType())]), how)
    many = F.from_json(text, ArrayType(inside), how)
    whole = StructType([*renamed.fields, StructField(_CORRUPT, StringType())])
    # marks make texts of numbers, also of those that the parser would refuse
    refused = (
        F.from_json("value", StructType([StructField(_CORRUPT, StringType())]), how).getField(_CORRUPT).isNotNull()
    )
    frame = records.withColumn("__unseen", unseen)
    rows = F.when(F.col("value").rlike(LIST), many.cast(ArrayType(renamed))).otherwise(
        F.transform(
            F.filter(F.array(one.cast(whole)), lambda row: row[_CORRUPT].isNull()),
            lambda row: F.struct(*[row[name] for name in renamed.fieldNames()]).cast(renamed),
        )
    )
    frame = frame.withColumn("__rows", F.when(~F.col("__unseen"), rows))
    bad = (
        F.col("__rows").isNull()
        | F.exists("__rows", lambda row: row.isNull())
        | ((F.size("__rows") == 0) & ~F.col("value").rlike(LIST))
        | (refused & ~F.col("value").rlike(LIST))
    )
    frame = frame.withColumn(RAW, F.when(bad, F.col("value")))
    nothing = F.array(F.lit(None).cast(renamed))
    frame = frame.withColumn("__row", F.explode(F.when(F.col(RAW).isNotNull(), nothing).otherwise(F.col("__rows"))))
    others = (RAW, FILE, MODIFIED, *along)
    texts = [restored(F.col("__row").getField(name)).alias(name) for name in renamed.fieldNames()]
    return frame.select(*texts, *others).select(*[_value(column, place) for column in columns], *others)


def _value(column: JsonColumn, place: dict[str, str]) -> Column:
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType

    value = F.coalesce(*[F.col(place[name]) for name in column.names])
    if column.unless:
        value = F.when(F.coalesce(*[F.col(place[name]) for name in column.unless]).isNotNull(), value)
    if not isinstance(column.fit.shape, StringType):
        value = parsed(value, column.fit.shape).getField("value").cast(column.fit.stored)
    return value.alias(column.name)
