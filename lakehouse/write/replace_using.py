"""The values of some columns that are in the new rows are replaced in one commit (S87)."""

from __future__ import annotations

from lakehouse.model import Names, Root


class ReplaceUsing(Root):
    """`replace_using: [region, flight_date]`."""

    available = False

    root: Names
    """Stored rows whose values in these columns occur in the new rows are replaced by them; NULL never matches."""


Options = ReplaceUsing
INCREMENTAL = False
"""The inputs are read whole."""
