"""The files that events name, as a listing would give them: each is looked up, and no folder is listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.events import Event
from lakehouse.sources.filesystem import (
    absolute,
    filesystem,
    inner,
    is_below,
    is_hidden,
    outer,
    scheme_of,
    store_of,
)
from lakehouse.sources.stores import cannot_list
from lakehouse.state.listing import WILD, Look, choices, folder_of, glob_pattern, look_up, split, takes


@dataclass(frozen=True)
class Named:
    """What events say of one source."""

    bases: Mapping[str, str]
    """Path, as the ledger would keep it -> what its partition folders lie below; of all that a listing would take."""
    outside: int
    """Events about something that does not lie below the source's path."""
    folder: bool
    """Whether a folder that may have files of the source was renamed: only a listing finds them."""


class Names:
    """A source's own idea of paths; opened once for a run of its table."""

    def __init__(self, source: FileSource, base: Path, storage: Mapping[str, str]) -> None:
        self._root = absolute(source.path, str(base))
        self._storage = storage
        store, _ = filesystem(self._root, storage)
        self._look = Look(store, self._root, source, remote=bool(scheme_of(self._root)))
        self._top = folder_of(self._root)

    def of(self, events: Iterable[Event]) -> Named:
        """What the events name; asks the store only when the source's path looks like a glob."""
        bases: dict[str, str] = {}
        outside, folder, literal = 0, False, None
        for event in events:
            paths = [path for path in map(self._own, event.paths) if path is not None]
            if event.folder:
                near = [p for p in paths if is_below(p, self._top) or is_below(self._top, p)]
                folder |= bool(near)
                outside += not near
                continue
            paths = [path for path in paths if is_below(path, self._top)]
            outside += not paths
            for path in paths:
                literal = self._is_literal() if literal is None else literal
                place = self._base(path, literal=literal)
                if place is not None:
                    bases[path] = place
        return Named(bases, outside, folder)

    def paths(self, event: Event) -> list[str]:
        """The event's paths as the ledger would keep them."""
        return [path for path in map(self._own, event.paths) if path is not None]

    def files(self, named: Named) -> list[SourceFile]:
        """Those of the named files that are there and that the source takes, by (modification time, path): S2."""
        found = [self._with_partitions(file, named.bases[file.path]) for file in self.now(named.bases)]
        return sorted(filter(self._look.wanted, found), key=lambda file: (file.modified, file.path))

    def now(self, paths: Iterable[str]) -> list[SourceFile]:
        """The files at these paths as they are now, without the values of their folders."""
        try:
            return list(look_up(sorted(paths), self._storage).values())
        except OSError as error:
            raise cannot_list(self._root, error) from error

    def _with_partitions(self, file: SourceFile, base: str) -> SourceFile:
        path = inner(file.path)
        return replace(file, partitions=self._look.partitions(path[len(base) :])) if "=" in path else file

    def _own(self, path: str) -> str | None:
        """The path written as the source's are; None where it is in another store."""
        if _place(path) != _place(self._root):
            return None
        return outer(inner(path), self._root) if scheme_of(self._root) else path

    def _is_literal(self) -> bool:
        """Whether the source's path names one folder or file, and is no glob."""
        if not WILD.search(inner(self._root)):
            return True
        from pyarrow.fs import FileType

        try:
            return bool(self._look.files.get_file_info(inner(self._root)).type != FileType.NotFound)
        except OSError as error:
            raise cannot_list(self._root, error) from error

    def _base(self, path: str, *, literal: bool) -> str | None:
        """What the partition folders of the path lie below; None when a listing would not take it."""
        own = inner(path)
        if literal:
            top = inner(self._root).rstrip("/") or "/"
            below = _below(own, top)
            return top if below is not None and self._takes(below or [own.rsplit("/", 1)[-1]]) else None
        for choice in choices(self._root):
            fixed, parts = split(choice)
            below = _below(own, inner(fixed))
            if below is None or len(below) < len(parts):
                continue
            names, rest = below[: len(parts)], below[len(parts) :]
            last = len(below) - 1
            matches = all(
                glob_pattern(part).match(name) and takes(part, name, is_folder=place < last)
                for place, (part, name) in enumerate(zip(parts, names, strict=True))
            )
            if matches and self._takes(rest or names[-1:]):
                return inner(fixed)
        return None

    def _takes(self, below: Sequence[str]) -> bool:
        """Whether a listing takes the file, given the names from below the path on."""
        return not is_hidden(below[-1]) and all(map(self._look.enters, below[:-1]))


def _below(path: str, folder: str) -> list[str] | None:
    """The names from the folder to the path; None where it is not below, or is no plain path."""
    top = folder.rstrip("/")
    if path == top:
        return []
    names = path[len(top) + 1 :].split("/")
    return names if path.startswith(f"{top}/") and not {"", ".", ".."} & {*names} else None


def _place(path: str) -> str:
    """The store; a storage account is the same by its `blob` and its `dfs` name."""
    return store_of(path).replace(".blob.", ".dfs.", 1)
