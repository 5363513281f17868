"""ORC files."""

from __future__ import annotations

from typing import Literal

from lakehouse.sources.base import Later


class Options(Later):
    """Keys of `source: {format: orc}`."""

    format: Literal["orc"] = "orc"
    """ORC files; columns by name, with the types that they carry."""
