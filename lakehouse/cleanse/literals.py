"""Values written in a file, turned into literals of a column's type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr

from lakehouse.errors import StepError
from lakehouse.quality.texts import scalar_text

if TYPE_CHECKING:
    from pyspark.sql import Column

Scalar = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr, "a text, number or boolean as the file has it"]


def one_or_many(value: object) -> object:
    """A list as it is, one value as a list."""
    return value if isinstance(value, list | tuple) else [value]


def fitting(value: Scalar, type_text: str, place: str) -> Column:
    """The value as a literal of the type; raises StepError, naming the place, when it does not fit (S29)."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    from lakehouse.quality.casts import strict_cast

    text = F.lit(scalar_text(value))
    if type_text == "string":
        return text
    cast = strict_cast(text, "string", type_text)
    session = SparkSession.active()
    (row,) = session.sql("SELECT 1 AS one").select(cast.cast("string").alias("text")).collect()  # folded: no job
    if row["text"] is None:
        raise StepError(f"{place}: {value!r} does not fit {type_text}", code="cleanse.value")
    return cast
