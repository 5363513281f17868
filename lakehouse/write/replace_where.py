"""The rows that meet a condition are replaced by the new ones in one commit (S86)."""

from __future__ import annotations

from pydantic import Field

from lakehouse.model import Root


class ReplaceWhere(Root):
    """`replace_where: flight_date >= date'2013-11-01'`."""

    available = False

    root: str = Field(min_length=1)
    """SQL condition over the table's columns; a new row outside it fails the step."""


Options = ReplaceWhere
INCREMENTAL = False
"""The inputs are read whole."""
