"""How new files are cut into batches, each of which is one commit."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse.sources.base import SourceFile
from lakehouse.spec.models import Table


def limits(table: Table) -> tuple[int, int | None]:
    """At most how many files and bytes make a batch of a Bronze table."""
    loader = table.auto_loader
    if loader is None:
        return 1_000_000 if table.copy_into else 1000, None
    return loader.max_files_per_trigger or 1000, loader.max_bytes_per_trigger


def overwrites(table: Table) -> bool:
    """Whether a file that changed is another file."""
    return table.auto_loader is not None and table.auto_loader.allow_overwrites


def cut(files: Sequence[SourceFile], max_files: int, max_bytes: int | None) -> list[tuple[SourceFile, ...]]:
    """Files, in order, in batches of at most so many files and bytes, at least one file each (S2)."""
    batches: list[list[SourceFile]] = []
    size = 0
    for file in files:
        full = batches and (len(batches[-1]) >= max_files or (max_bytes is not None and size + file.size > max_bytes))
        if not batches or full:
            batches.append([])
            size = 0
        batches[-1].append(file)
        size += file.size
    return [tuple(b) for b in batches]


def counted(number: int, what: str) -> str:
    """`1 file`, `1,000 files`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
