"""The commits that a table's present content stands on (semantics, "Where a table stands" (2)). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lakehouse.errors import OffsetError
from lakehouse.lake.history import Commit
from lakehouse.lake.signature import Signature

_REPLACEMENTS = frozenset(
    {
        "CREATE OR REPLACE TABLE",
        "CREATE OR REPLACE TABLE AS SELECT",
        "REPLACE TABLE",
        "REPLACE TABLE AS SELECT",
        "CLONE",
        "CONVERT",
    }
)


class History(Protocol):
    """What a lineage needs of a table's log; `Log` is one."""

    @property
    def table_id(self) -> str | None: ...
    @property
    def version(self) -> int: ...
    @property
    def sequence(self) -> int | None: ...
    @property
    def commits(self) -> Sequence[Commit]:
        """Newest first, without a gap, down to where history has expired."""


@dataclass(frozen=True)
class Own:
    """A commit of ours with a txn."""

    version: int
    signature: Signature


@dataclass(frozen=True)
class Lineage:
    """The way back from the newest commit: what the content stands on, and where the way ends.

    `cut` is the version at which it enters expired history (None: it ends at the table's first commit); `replaced` the
    newest foreign overwrite or replacement on it; `unclear` a RESTORE on it of which the log does not say the version,
    or a commit that does not say what it is: the way ends there.
    """

    commits: tuple[Own, ...]
    cut: int | None = None
    replaced: int | None = None
    unclear: int | None = None


def own(commit: Commit, table_id: str | None) -> Own | None:
    """The commit as one of this table's own with a txn, or None."""
    signature = commit.signature
    if signature is None or table_id is None or signature.table_id != table_id or not signature.has_txn:
        return None
    return None if is_restore(commit) else Own(commit.version, signature)


def is_restore(commit: Commit) -> bool:
    """Whether the commit put an older version back, ours or anybody's."""
    return commit.operation == "RESTORE"


def is_replacement(commit: Commit, table_id: str | None) -> bool:
    """Whether somebody else wrote the whole table anew; by a predicate is a change of rows, not a replacement."""
    if commit.version == 0 or (commit.signature is not None and commit.signature.table_id == table_id):
        return False
    if commit.operation in _REPLACEMENTS:
        return True
    if commit.operation not in ("WRITE", "STREAMING UPDATE") and "OVERWRITE" not in commit.operation.upper():
        return False
    mode = str(commit.parameters.get("mode") or commit.parameters.get("outputMode") or "")
    partial = (
        commit.parameters.get("predicate")
        or str(commit.parameters.get("isDynamicPartitionOverwrite")).lower() == "true"
    )
    return mode in ("Overwrite", "Complete") and not partial


def lineage(log: History, *, until_own: int | None = None) -> Lineage:
    """Walk back from the newest commit; a RESTORE to v goes on at v.

    With `until_own` the walk stops at the first commit of ours whose sequence is not above that number.
    """
    found: list[Own] = []
    replaced: int | None = None
    version = log.version
    while version >= 0:
        commit = _at(log, version)
        if commit is None:
            return Lineage(tuple(found), cut=version, replaced=replaced)
        if is_restore(commit):
            target = restored_to(commit)
            if target is None or target >= version:
                return Lineage(tuple(found), replaced=replaced, unclear=version)
            version = target
            continue
        if not commit.operation:
            return Lineage(tuple(found), replaced=replaced, unclear=version)
        mine = own(commit, log.table_id)
        if mine is not None:
            found.append(mine)
            if until_own is not None and mine.signature.sequence <= until_own:
                break
        elif replaced is None and is_replacement(commit, log.table_id):
            replaced = version
        version -= 1
    return Lineage(tuple(found), replaced=replaced)


def standing(log: History, after: int) -> frozenset[int]:
    """The versions above `after` that the content stands on: what a RESTORE, to `after` or above it, undid is not."""
    found: set[int] = set()
    version = log.version
    while version > after:
        commit = _at(log, version)
        target = restored_to(commit) if commit is not None and is_restore(commit) else None
        if target is not None and after <= target < version:
            version = target
            continue
        found.add(version)
        version -= 1
    return frozenset(found)


def restored_to(commit: Commit) -> int | None:
    """The version that a RESTORE put back; None when the log has only a time (of an unknown time zone)."""
    target = commit.parameters.get("version")
    try:
        return None if target is None else int(target)
    except (TypeError, ValueError):
        return None


def expired_path(cut: int, restores: Mapping[int, int | None]) -> tuple[range, ...]:
    """The expired versions that the content of version `cut` stands on, by the RESTOREs that were noted in time.

    Raises OffsetError when the way meets a RESTORE of which nobody could tell the version.
    """
    path: list[range] = []
    version = cut
    for restore in sorted((r for r in restores if r <= cut), reverse=True):
        if restore > version:
            continue  # undone itself
        target = restores[restore]
        if target is None:
            raise OffsetError(
                f"version {restore} was a RESTORE to a time, and its history has expired", code="offset.unclear"
            )
        path.append(range(restore + 1, version + 1))
        version = target
    path.append(range(version + 1))
    return tuple(path)


def restores(log: History) -> dict[int, int | None]:
    """Every visible RESTORE and the version that it put back; None where the log does not say."""
    return {c.version: restored_to(c) for c in log.commits if is_restore(c)}


@dataclass(frozen=True)
class Between:
    """What lies between the version a commit was decided on and the commit itself."""

    restored: bool
    replaced: bool
    expired: bool


def between(log: History, base: int, version: int) -> Between:
    """Look at the versions above `base` and below `version`."""
    restored = replaced = expired = False
    for v in range(version - 1, base, -1):
        commit = _at(log, v)
        if commit is None:
            expired = True
            break
        restored = restored or is_restore(commit)
        replaced = replaced or is_replacement(commit, log.table_id)
    return Between(restored, replaced, expired)


def newest_own(log: History) -> Own | None:
    """The newest visible commit of ours, also when a RESTORE undid it: sequences only grow, so it took the last one."""
    return next((mine for commit in log.commits if (mine := own(commit, log.table_id)) is not None), None)


def _at(log: History, version: int) -> Commit | None:
    """The commit of this version, None when it has expired."""
    index = log.version - version
    try:
        return log.commits[index]
    except IndexError:
        return None
