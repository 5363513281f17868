"""Where a table stands in its inputs (semantics, "Offsets"): pure functions over its log and its rows in `commits`.

They do what `tests/models/protocol_model.py` does; whoever changes one changes the model first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lakehouse.control import commits
from lakehouse.control.commits import CommitRows, Confirmation
from lakehouse.control.store import Control
from lakehouse.errors import OffsetError
from lakehouse.lake.lineage import History, Own, between, expired_path, lineage, newest_own, own, restores
from lakehouse.lake.signature import Offset, Signature

_REMEDY = (
    "RESTORE the table to a version that is known good (DESCRIBE HISTORY), or delete its folder to have it made anew"
    " from its inputs"
)


@dataclass(frozen=True)
class Place:
    """The table's sequence (0: nothing read yet) and the offsets that its content stands on.

    `attempt`, `version` and `definition` are those of the commit that gives them: after a RESTORE an older one than the
    sequence's; `version` is None when only a confirmed row could tell.
    """

    sequence: int = 0
    offsets: Mapping[str, Offset] = field(default_factory=dict)
    attempt: str = ""
    version: int | None = None
    definition: str = ""


@dataclass(frozen=True)
class Commits(CommitRows):
    """What the control table `commits` says of one table."""

    @classmethod
    def read(cls, control: Control, table_id: str) -> Commits:
        """The table's rows as they are now."""
        rows = commits.read(control, table_id)
        return cls(**vars(rows))

    def has_confirmed(self, sequence: int, version: int) -> bool:
        """Whether somebody looked at this version while the table was at this sequence."""
        return any(c.sequence == sequence and c.version == version for c in self.confirmed)

    def committed(self, log: History) -> frozenset[tuple[int, str]]:
        """The (sequence, attempt) that the content stands on: the companion rows that exist are theirs.

        What a full refresh replaced is none of it, though it is in the table's lineage.
        """
        line = lineage(log)
        found = {(own.signature.sequence, own.signature.attempt) for own in line.commits}
        if line.cut is not None:
            path = expired_path(line.cut, self.restores)
            found |= {pair for pair, home in self._homes().items() if any(home in part for part in path)}
        anew = {o.signature.sequence for o in line.commits if o.signature.kind == "refresh"}
        first = max(anew | {sequence for sequence, _ in found & self.refreshes}, default=0)
        return frozenset(pair for pair in found if pair[0] >= first)

    def _homes(self) -> dict[tuple[int, str], int]:
        """The version of each confirmed commit itself: the first at which it was confirmed."""
        homes: dict[tuple[int, str], int] = {}
        for c in self.confirmed:
            key = (c.sequence, c.attempt)
            homes[key] = min(c.version, homes.get(key, c.version))
        return homes

    def unnoted(self, log: History) -> dict[int, int | None]:
        """RESTOREs that nobody noted yet: to be written before, or with, anything that is confirmed."""
        return {version: target for version, target in restores(log).items() if version not in self.restores}

    def taken(self, log: History) -> frozenset[str]:
        """The attempts of replays that the content stands on: rows of the quarantine with one of these marks are in."""
        known = {attempt for _, attempt in self.committed(log) & self.replays}
        # where the control plane was lost, the log still knows
        return frozenset(known | {o.signature.attempt for o in lineage(log).commits if o.signature.kind == "replay"})

    def replays_to_finish(self, log: History) -> tuple[tuple[int, str], ...]:
        """Replays that are committed, while the rows they took do not say so yet."""
        todo = self.replays - self.replayed - self.cleaned
        return tuple(sorted(todo & self.committed(log))) if todo else ()

    def replays_open(self, log: History) -> tuple[tuple[int, str], ...]:
        """Replays that may still commit: nobody took their sequence, so the rows that they marked are theirs."""
        number = log.sequence or 0
        return tuple(sorted(pair for pair in self.replays - self.replayed - self.cleaned if pair[0] > number))

    def dead(self, log: History) -> tuple[tuple[int, str], ...]:
        """(sequence, attempt) that never committed and never will: their companion rows are to be removed, once.

        What a RESTORE undid stays, unseen by readers: another RESTORE may bring the commit back.
        """
        number = log.sequence or 0
        lost = {pair for pair in self.planned if pair[0] <= number} - self.cleaned - self._homes().keys()
        if lost:
            lost -= {(o.signature.sequence, o.signature.attempt) for c in log.commits if (o := own(c, log.table_id))}
        return tuple(sorted(lost))

    def dead_attempts(self, log: History) -> tuple[str, ...]:
        """The attempts of `dead` that hold no living sequence, for a removal by attempt alone."""
        dead = self.dead(log)
        living = {attempt for _, attempt in {*self.planned, *self._homes()} - {*dead} - self.cleaned} if dead else set()
        return tuple(dict.fromkeys(attempt for _, attempt in dead if attempt not in living))


def place(log: History, rows: CommitRows) -> Place:
    """The table's place. Raises OffsetError, with the remedies, when it cannot be told safely."""
    number = log.sequence
    if not number:
        return Place()
    line = lineage(log, until_own=number)
    giver = next((o for o in line.commits if o.signature.sequence <= number), None)
    if line.replaced is not None and (giver is None or line.replaced > giver.version):
        raise _refusal(f"version {line.replaced} replaced the whole table, and is not ours", "offset.replaced")
    if giver is not None:
        return _of_commit(log, rows, number, giver)
    if line.unclear is not None:
        raise _refusal(
            f"version {line.unclear} is a RESTORE to a time, or a commit that does not say what it did",
            "offset.unclear",
            "RESTORE the table once more, TO VERSION AS OF the version wanted",
        )
    if line.cut is not None:
        seen = [c for c in rows.confirmed if c.version == line.cut]
        if not seen:
            raise _refusal(
                f"history up to version {line.cut} has expired and no run looked at that version", "offset.expired"
            )
        newest = max(seen, key=lambda c: c.sequence)
        return Place(number, newest.offsets, newest.attempt)
    return Place(number)  # restored to before the first commit of ours


def without_rows(log: History, rows: CommitRows, run: str) -> Signature:
    """What a commit without rows carries: the table's place, as it is. Raises OffsetError as `place`."""
    where = place(log, rows)
    return Signature(
        log.table_id or "", run, where.attempt, "alter", where.sequence, log.version, where.definition, where.offsets
    )


def _of_commit(log: History, rows: CommitRows, number: int, giver: Own) -> Place:
    signature = giver.signature
    gap = between(log, signature.base, giver.version)
    if gap.restored or gap.replaced:
        raise _refusal(
            f"version {giver.version} was decided on version {signature.base}, and in between the table was restored",
            "offset.restored",
        )
    if gap.expired and not _is_confirmed(rows, signature):
        raise _refusal(
            f"version {giver.version} was never confirmed, and the history before it has expired", "offset.expired"
        )
    return Place(number, signature.offsets, signature.attempt, giver.version, signature.definition)


def unconfirmed(log: History, rows: CommitRows, where: Place) -> tuple[Confirmation, ...]:
    """What a dead attempt committed and nobody confirmed, judged as its own read-back would have judged it."""
    last = newest_own(log)
    if last is None or last.signature.sequence != where.sequence or _is_confirmed(rows, last.signature):
        return ()
    gap = between(log, last.signature.base, last.version)
    if gap.restored or gap.replaced or gap.expired:
        return ()
    signature = last.signature
    return (Confirmation(signature.sequence, signature.attempt, last.version, signature.offsets),)


def note(log: History, rows: Commits, where: Place) -> tuple[Confirmation, ...]:
    """What an idle run writes down, so that the place survives the expiry of history: the version it looked at."""
    if not where.sequence or rows.has_confirmed(where.sequence, log.version):
        return ()
    return (Confirmation(where.sequence, where.attempt, log.version, where.offsets),)


def read_back(log: History, signature: Signature) -> int | None:
    """After the data commit: the version at which this very attempt is in the log; None when another took its number.

    Raises OffsetError when the table was restored, or its history expired, between base and commit.
    """
    for commit in log.commits:
        mine = commit.signature
        if mine is None or mine.table_id != signature.table_id or not mine.has_txn:
            continue
        if mine.sequence < signature.sequence:
            return None
        if mine.sequence == signature.sequence and mine.attempt == signature.attempt:
            gap = between(log, signature.base, commit.version)
            if gap.restored or gap.replaced or gap.expired:
                raise _refusal(
                    f"version {commit.version} was decided on version {signature.base}, and in between the table was "
                    + ("restored" if gap.restored or gap.replaced else "cut off from its history"),
                    "offset.restored",
                )
            return commit.version
    return None


def _is_confirmed(rows: CommitRows, signature: Signature) -> bool:
    return any((c.sequence, c.attempt) == (signature.sequence, signature.attempt) for c in rows.confirmed)


def _refusal(why: str, code: str, fix: str = _REMEDY) -> OffsetError:
    return OffsetError(f"where the table stands in its inputs cannot be told: {why}", code=code, fix=fix)


__all__ = ["Commits", "Confirmation", "Place", "note", "place", "read_back", "unconfirmed", "without_rows"]
