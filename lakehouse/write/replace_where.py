"""The rows that meet a condition are replaced by the new ones in one commit (S86)."""

from __future__ import annotations

from lakehouse.model import Root
from lakehouse.quality.fields import Condition


class ReplaceWhere(Root):
    """`replace_where: flight_date >= date'2013-11-01'`."""

    available = False

    root: Condition
    """SQL condition over the table's columns; a new row outside it fails the step."""


Options = ReplaceWhere
INCREMENTAL = False
"""The inputs are read whole."""
