"""Plain text."""

from __future__ import annotations

from typing import Literal

from lakehouse.sources.base import Later


class Options(Later):
    """Keys of `source: {format: text}`."""

    format: Literal["text"] = "text"
    """Plain text: one row per line in the column `value`."""
