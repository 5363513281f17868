"""Files as a listing has them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lakehouse.sources.base import SourceFile


def listed(path: Path) -> SourceFile:
    """The file with its own size and time."""
    found = path.stat()
    return SourceFile(str(path), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
