"""Rows are merged by key: the newest wins (SCD 1) or every version is kept (SCD 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.write.base import Memory, Told
from lakehouse.write.merge import scd1, scd2
from lakehouse.write.merge.after import after
from lakehouse.write.merge.options import Merge, stored_columns
from lakehouse.write.merge.sequence import controls, flow, reads, sequence_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.lake.target import Target

__all__ = [
    "Merge",
    "Options",
    "after",
    "controls",
    "flow",
    "reads",
    "remembers",
    "sequence_type",
    "stored_columns",
    "write",
]

Options = Merge
INCREMENTAL = True
"""Only what is new in the inputs is read."""


def remembers(options: Merge) -> bool:
    """Whether late rows may need what the table forgets (S67): deletes, truncates, and all of a history."""
    if options.from_snapshot is not None:
        return False
    return bool(options.apply_as_deletes or options.apply_as_truncates) or options.stored_as_scd_type == 2


def write(frame: DataFrame, target: Target, options: Merge, memory: Memory | None = None) -> Told:
    """Merge the frame, which `controls` has seen, into the table by one MERGE; into an empty one by a plain append.

    `memory` is what the table remembers where `remembers` says so, or where rows delete.
    """
    if options.stored_as_scd_type == 2:
        return scd2.write(frame, target, options, memory)
    return scd1.write(frame, target, options, memory)
