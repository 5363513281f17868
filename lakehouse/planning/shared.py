"""Sources whose files `clean_source` takes away, and other tables that read the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lakehouse.names import TableName
from lakehouse.sources.base import FileSource
from lakehouse.sources.filesystem import absolute, inner, store_of
from lakehouse.spec.models import Table

_ANY = re.compile(r"[*?\[{\\]|\$\{")
"""Begins what may stand for several names: a sign of a glob, or a value that a run puts in."""


def shared(tables: Mapping[TableName, Table], base: Path) -> Iterator[tuple[TableName, TableName]]:
    """Pairs of a table with `clean_source` and one that may read files of the same source.

    Only names are compared, so that two globs count as one where no letter of theirs shows that they cannot meet.
    """
    reaches = {name: reach for name, table in tables.items() if (reach := _reach(table, base)) is not None}
    for one, other in combinations(reaches, 2):
        cleaned = next((n for n in (one, other) if (a := tables[n].auto_loader) is not None and a.clean_source), None)
        if cleaned is not None and _meet(reaches[one], reaches[other]):
            yield cleaned, other if cleaned == one else one


@dataclass(frozen=True)
class _Reach:
    """Where a source finds its files."""

    store: str
    parts: Sequence[str]
    """Names or globs from the store's root to the file, or to the folder of the files."""
    file: str | None
    """The glob that the names of files fit; None: any."""
    recursive: bool


def _reach(table: Table, base: Path) -> _Reach | None:
    source: object = table.source
    if not isinstance(source, FileSource):
        return None
    path = absolute(source.path, str(base))
    whole, braces, _ = inner(path).partition("{") if re.search(r"\{[^{}]*/", path) else (inner(path), "", "")
    parts = [part for part in whole.split("/") if part]
    if braces and not whole.endswith("/"):
        parts[-1] += "*"  # the choices have folders of their own, which nobody looks into here
    return _Reach(store_of(path), parts, source.path_glob_filter, bool(braces) or source.recursive_file_lookup)


def _meet(one: _Reach, other: _Reach) -> bool:
    """Whether a file may be in both."""
    if one.store != other.store:
        return False
    if any(not _alike(a, b) for a, b in zip(one.parts, other.parts, strict=False)):
        return False
    short, deep = sorted((one, other), key=lambda reach: len(reach.parts))
    below = deep.parts[len(short.parts) :]
    if below:  # what the deeper one names, folders but for the last, must be where the other looks
        folders = below[:-1] if _ANY.search(below[-1]) or "." in below[-1] else below
        if not short.recursive and any("=" not in name and not _ANY.search(name) for name in folders):
            return False
    files = [*(reach.file for reach in (short, deep)), *(name for name in below[-1:] if _ANY.search(name))]
    return all(_alike(a, b) for a, b in combinations(filter(None, files), 2))


def _alike(one: str, other: str) -> bool:
    """Whether a name may fit both globs, by the letters before the first and behind the last sign of each."""
    if not _ANY.search(one) and not _ANY.search(other):
        return one == other
    heads = [_ANY.split(glob, maxsplit=1)[0] for glob in (one, other)]
    tails = [_tail(glob) for glob in (one, other)]
    first, last = sorted(heads, key=len), sorted(tails, key=len)
    return first[1].startswith(first[0]) and last[1].endswith(last[0])


def _tail(glob: str) -> str:
    """The letters behind everything in a glob that may stand for others."""
    if not _ANY.search(glob):
        return glob
    return re.split(r"[*?\]}]", glob)[-1]
