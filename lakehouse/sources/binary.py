"""Whole files as bytes."""

from __future__ import annotations

from typing import Literal

from lakehouse.sources.base import Later


class Options(Later):
    """Keys of `source: {format: binary}`."""

    format: Literal["binary"] = "binary"
    """Whole files as bytes: path, modification time, length, content."""
