"""Take a loaded file away from its source, by deleting or moving it, unless it is another one by now."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.sources.base import SourceFile
from lakehouse.sources.filesystem import filesystem, inner, is_below, scheme_of, time_of

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_CHUNK = 1 << 20
_WITHOUT_FOLDERS = frozenset({"s3", "s3a", "s3n", "gs", "gcs"})


@dataclass(frozen=True)
class Cleaned:
    """What became of a file: `deleted`, `moved`, `gone` (somebody took it away before), or `kept`, and why."""

    how: str
    moved_to: str | None = None
    why: str = ""


def target(path: str, root: str, destination: str) -> str:
    """Where a file goes that lies in the folder `root`, or is it: its path below `root` stays, so no two meet."""
    below = inner(path)[len(inner(root).rstrip("/")) :].lstrip("/") or posixpath.basename(inner(path))
    return f"{destination.rstrip('/')}/{below}"


def clean(file: SourceFile, move_to: str | None, storage: Mapping[str, str]) -> Cleaned:
    """Delete the file, or move it to the path `move_to`, where no other file is ever overwritten.

    A file that is not as it was loaded is kept. On an object store a move is a copy and a delete; killed between the
    two it is brought to its end by the next call. Raises OSError when the store refuses.
    """
    from pyarrow.fs import FileType

    store, _ = filesystem(file.path, storage)
    path = inner(file.path)
    info = store.get_file_info(path)
    if info.type == FileType.NotFound:
        return _gone(file, move_to, store)
    if info.type != FileType.File or info.size != file.size or time_of(info, file.path) != file.modified:
        return Cleaned("kept", why="it has changed since it was loaded")
    if move_to is None:
        store.delete_file(path)
        return Cleaned("deleted")
    other = store.get_file_info(inner(move_to))
    if other.type == FileType.NotFound:
        if scheme_of(move_to) not in _WITHOUT_FOLDERS:
            store.create_dir(posixpath.dirname(inner(move_to)), recursive=True)
        store.move(path, inner(move_to))
    elif other.type == FileType.File and _same(store, path, inner(move_to)):
        store.delete_file(path)  # copied before, by a run that was killed then
    else:
        return Cleaned("kept", why=f"{move_to} is there already, with another content")
    return Cleaned("moved", move_to)


def _gone(file: SourceFile, move_to: str | None, store: FileSystem) -> Cleaned:
    """By somebody else, or by a run that was killed before it could write that down."""
    if move_to is not None:
        there = store.get_file_info(inner(move_to))
        if there.is_file and there.size == file.size:
            return Cleaned("moved", move_to)
    return Cleaned("gone")


def _same(store: FileSystem, one: str, other: str) -> bool:
    with store.open_input_file(one) as left, store.open_input_file(other) as right:
        while True:
            part, counterpart = left.read(_CHUNK), right.read(_CHUNK)
            if part != counterpart:
                return False
            if not part:
                return True


def is_apart(source: str, destination: str) -> bool:
    """Whether nothing that is moved from one folder to the other can come back as a file of the first."""
    return not is_below(destination, source) and not is_below(source, destination)
