"""The whole table is replaced in one commit; until then readers see the old rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from lakehouse.model import Model
from lakehouse.quality.after import After, replaced
from lakehouse.write.base import only_true, selected

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.target import Target


class Overwrite(Model):
    """`overwrite: true`."""

    @model_validator(mode="before")
    @classmethod
    def _true(cls, value: Any) -> Any:
        return only_true("overwrite", value)


Options = Overwrite
INCREMENTAL = False
"""The inputs are read whole."""


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: Model) -> After:
    """Nothing that is stored stays."""
    return replaced(frame)


def write(frame: DataFrame, target: Target, options: Model) -> None:
    """Replace all rows in one commit; the schema stays, gains columns, or is replaced when the target says so."""
    writer = selected(frame, target).write.format("delta").mode("overwrite")
    if target.replace_schema:
        # with overwriteSchema Delta takes the partitioning from the writer too
        writer = writer.option("overwriteSchema", "true").partitionBy(*target.partitioned_by)
    else:
        # without a condition Delta would forget the columns of liquid clustering
        writer = writer.option("replaceWhere", "true")
        if target.evolves:
            writer = writer.option("mergeSchema", "true")
    writer.save(target.path)
