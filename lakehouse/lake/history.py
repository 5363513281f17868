"""The commits of a table, read from the log's own JSON files.

`deltalake`'s `history()` numbers entries by their place in the list, so one commit without a `commitInfo` or one
missing file shifts all older versions; a table's place must never hang on that. The version here is the file's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, overload

from pyarrow import fs

from lakehouse.lake.signature import Signature

FEED = "delta.enableChangeDataFeed"
"""Table property: whether Delta records what every commit changes."""
_CHUNK = 1 << 16
_DATA_CHANGE = re.compile(rb'"dataChange"\s*:\s*true')


@dataclass(frozen=True)
class Commit:
    """One version of a table; `signature` is None for a commit that is not ours."""

    version: int
    at: datetime
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature | None = None


@dataclass(frozen=True)
class Change:
    """What one version did to the rows: `append_only` is true when it only added files with new rows."""

    version: int
    operation: str
    kind: str | None
    data_change: bool
    append_only: bool
    feed: bool | None = None
    """Whether changes are recorded from this version on; None where it says nothing new of the table."""


class LogFiles:
    """The JSON files below a table's `_delta_log`."""

    def __init__(self, filesystem: fs.FileSystem, folder: str) -> None:
        self._fs = filesystem
        self.folder = folder

    def path(self, version: int) -> str:
        """Where the commit of this version lies, if it is still there."""
        return f"{self.folder}/{version:020d}.json"

    def exists(self, version: int) -> bool:
        """Whether the commit of this version is still there."""
        return version >= 0 and self._fs.get_file_info(self.path(version)).type == fs.FileType.File

    def read(self, version: int) -> bytes | None:
        """The whole commit, or None when it has expired."""
        try:
            with self._fs.open_input_stream(self.path(version), compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def commit(self, version: int) -> Commit | None:
        """The commit's header, or None when it has expired; only as much is read as that needs."""
        try:
            with self._fs.open_input_stream(self.path(version), compression=None) as stream:
                head = bytes(stream.read(_CHUNK))
                info = _commit_info(head, whole=len(head) < _CHUNK)
                if info is None:
                    info = _commit_info(head + bytes(stream.read()), whole=True) or {}
        except FileNotFoundError:
            return None
        at = int(info.get("inCommitTimestamp") or info.get("timestamp") or 0)
        metadata = info.get("userMetadata")
        return Commit(
            version=version,
            at=datetime.fromtimestamp(at / 1000, UTC),
            operation=str(info.get("operation") or ""),
            parameters=info.get("operationParameters") or {},
            metrics=info.get("operationMetrics") or {},
            signature=Signature.from_json(metadata) if isinstance(metadata, str) else None,
        )

    def change(self, commit: Commit) -> Change | None:
        """What this commit did to the rows, or None when it has expired."""
        text = self.read(commit.version)
        if text is None:
            return None
        added = removed = False
        feed: bool | None = None
        for line in text.splitlines():
            added = added or (line.startswith(b'{"add"') and bool(_DATA_CHANGE.search(line)))
            removed = removed or (line.startswith(b'{"remove"') and bool(_DATA_CHANGE.search(line)))
            if line.startswith(b'{"metaData"'):
                configuration = json.loads(line)["metaData"].get("configuration") or {}
                feed = str(configuration.get(FEED, "")).lower() == "true"
        kind = commit.signature.kind if commit.signature else None
        return Change(commit.version, commit.operation, kind, added or removed, added and not removed, feed)


def _commit_info(text: bytes, *, whole: bool) -> Mapping[str, Any] | None:
    """The commitInfo action among these lines; None when there is none, or the text is cut before its end."""
    at = 0
    while (end := text.find(b"\n", at)) >= 0 or (whole and at < len(text)):
        line = text[at:] if end < 0 else text[at:end]
        if line.startswith(b'{"commitInfo"'):
            return dict(json.loads(line)["commitInfo"])
        if end < 0:
            break
        at = end + 1
    return None


class Commits(Sequence[Commit]):
    """The visible commits, newest first, read only as far back as somebody looks; ends where history has expired."""

    def __init__(self, files: LogFiles, version: int) -> None:
        self._files = files
        self._version = version
        self._known: list[Commit] = []
        self._complete = version < 0

    def _reach(self, count: int | None) -> None:
        while not self._complete and (count is None or len(self._known) < count):
            newest = self._version - len(self._known)
            size = max(8, len(self._known))
            versions = range(newest, max(newest - size, -1), -1)
            if len(versions) > 64:
                with ThreadPoolExecutor(8) as pool:
                    found = list(pool.map(self._files.commit, versions))
            else:
                found = []
                for version in versions:
                    found.append(self._files.commit(version))
                    if found[-1] is None:
                        break
            for commit in found:
                if commit is None:
                    self._complete = True
                    break
                self._known.append(commit)
            self._complete = self._complete or len(self._known) == self._version + 1

    def __len__(self) -> int:
        self._reach(None)
        return len(self._known)

    @overload
    def __getitem__(self, index: int) -> Commit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Commit]: ...
    def __getitem__(self, index: int | slice) -> Commit | Sequence[Commit]:
        self._reach(index + 1 if isinstance(index, int) and index >= 0 else None)
        return self._known[index]

    def __iter__(self) -> Iterator[Commit]:
        index = 0
        while True:
            self._reach(index + 1)
            if index >= len(self._known):
                return
            yield self._known[index]
            index += 1
