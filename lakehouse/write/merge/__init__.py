"""Rows are merged by key: the newest wins (SCD 1) or every version is kept (SCD 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.quality.after import After
from lakehouse.write.merge import scd1, scd2
from lakehouse.write.merge.options import Merge, stored_columns
from lakehouse.write.merge.sequence import controls, flow, reads, sequence_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.target import Target

__all__ = ["Merge", "Options", "after", "controls", "flow", "reads", "sequence_type", "stored_columns", "write"]

Options = Merge
INCREMENTAL = True
"""Only what is new in the inputs is read."""


def after(frame: DataFrame, there: DataFrame | None, target: Target, options: Merge) -> After:
    """The newest row of every key stays, of the frame and of what is stored; raises StepError for a history."""
    if options.stored_as_scd_type == 2:
        raise StepError("uniqueness and row counts are not available yet for a history (`stored_as_scd_type: 2`)")
    return scd1.after(frame, there, target, options)


def write(frame: DataFrame, target: Target, options: Merge) -> None:
    """Merge the frame, which `controls` has seen, into the table by one MERGE; into an empty one by a plain append.

    Raises Spark's error with a message that begins `late row:` when SCD 2 meets a row it cannot place; nothing is
    written then.
    """
    (scd1 if options.stored_as_scd_type == 1 else scd2).write(frame, target, options)
