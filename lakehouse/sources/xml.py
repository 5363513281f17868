"""XML files."""

from __future__ import annotations

from typing import Literal

from lakehouse.sources.base import Later


class Options(Later):
    """Keys of `source: {format: xml}`."""

    format: Literal["xml"] = "xml"
    """XML files; `options: {rowTag: …}` names the element that is one row."""
