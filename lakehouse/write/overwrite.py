"""The whole table is replaced in one commit; until then readers see the old rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from lakehouse.model import Model
from lakehouse.quality.after import After, replaced
from lakehouse.write.base import Told, all_written, only_true, replace_all

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


def write(frame: DataFrame, target: Target, options: Model) -> Told:
    """Replace all rows in one commit; the schema stays, gains columns, or is replaced when the target says so."""
    replace_all(frame, target)
    return all_written
