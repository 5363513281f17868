"""What can be decided about a step: inert values that `plan` prints and the engine acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lakehouse.names import TableName
from lakehouse.planning.ranges import Range
from lakehouse.sources.base import SourceFile
from lakehouse.state.ledger import Result, Unlisted
from lakehouse.state.place import Confirmation, Place


@dataclass(frozen=True)
class Create:
    """The table does not exist: it is made before anything is planned for it, then the step is decided again."""

    then: Work | Idle
    """What there would be to do, were the table there already."""

    reason = "the table does not exist yet"


@dataclass(frozen=True)
class Rename:
    """The table is there under the name that it had before: it is moved, then the step is decided again."""

    before: TableName
    then: Create | Settle | Alter | Work | Idle | None
    """What there is to do after it."""

    @property
    def reason(self) -> str:
        """What is moved, in words."""
        return f"{self.before} gets its new name"


@dataclass(frozen=True)
class Alter:
    """The table differs from its definition: it is altered, then the step is decided again."""

    what: tuple[str, ...]
    then: Work | Idle
    """What there is to do after it."""

    @property
    def reason(self) -> str:
        """What is altered, in words."""
        return "; ".join(self.what)


@dataclass(frozen=True)
class Settle:
    """What an earlier run left open; done first, then the step is decided again."""

    place: Place
    confirm: tuple[Confirmation, ...] = ()
    """Commits that nobody confirmed, or the version that an idle run looked at."""
    restores: Mapping[int, int | None] = field(default_factory=dict)
    """RESTOREs that nobody noted yet -> the version they put back: noted with what is confirmed, in one commit."""
    results: tuple[Result, ...] = ()
    """Bronze: batches that are committed but have no `result` row."""
    void: tuple[int, ...] = ()
    """Bronze: planned batches that a RESTORE undid."""
    clean: tuple[tuple[int, str], ...] = ()
    """(sequence, attempt) that will never commit: their rows in the companions go, and what they marked there."""
    replayed: tuple[tuple[int, str], ...] = ()
    """Replays that are committed: the rows they took say so yet."""
    changed: tuple[SourceFile, ...] = ()
    """Bronze: loaded files that have changed since; noted once per change (S1)."""
    unlisted: tuple[Unlisted, ...] = ()
    """Bronze: files of the batches to void that are not in the source any more, so that nothing loads them again."""
    then: Alter | Work | Idle | None = None
    """What there is to do after it, where that can be told before."""

    @property
    def is_something(self) -> bool:
        """Whether anything is open."""
        open_ = (self.confirm, self.restores, self.results, self.void, self.clean, self.replayed, self.changed)
        return any(open_)

    @property
    def reason(self) -> str:
        """What is open, in words."""
        words = [f"commit {c.sequence} is confirmed at version {c.version}" for c in self.confirm]
        words += [f"the RESTORE of version {v} is noted" for v in self.restores]
        words += [f"the result of batch {r.batch} is noted" for r in self.results]
        words += [f"batch {b} was undone by a RESTORE and is voided" for b in self.void]
        words += [f"{f.path}, which it loaded, is not in the source any more" for f in self.unlisted]
        words += [f"what a dead attempt at {s} left beside the table is removed" for s, _ in self.clean]
        words += [f"rows that replay {s} took out of the quarantine are marked" for s, _ in self.replayed]
        words += [f"{f.path} was loaded and has changed since" for f in self.changed]
        return "; ".join(words)


@dataclass(frozen=True)
class Batch:
    """One Bronze commit to come: the ledger's number, its files, and what a replay needs to write identical rows."""

    number: int
    files: tuple[SourceFile, ...]
    ingested_at: datetime | None = None
    """Fixed in the ledger; None for a batch that is not planned yet."""
    again: bool = False
    """It was planned before and is not committed: the same files once more."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(f.size for f in self.files)


@dataclass(frozen=True)
class Work:
    """A step decided against a state: what one or several commits will read and write."""

    place: Place
    sequence: int
    base: int
    reason: str
    inputs: tuple[Range, ...] = ()
    batches: tuple[Batch, ...] = ()
    offsets: Mapping[str, Any] = field(default_factory=dict)
    refresh: str = "incremental"
    kind: str = "data"
    """`data`, `refresh` where the table is made anew from its whole inputs, `replay` for rows of the quarantine, or
    `rewrite` for rows that stay as they are."""


@dataclass(frozen=True)
class Idle:
    """Nothing is new."""

    place: Place
    reason: str


Decision = Create | Rename | Settle | Alter | Work | Idle
