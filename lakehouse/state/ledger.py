"""What the ledger of a Bronze table and the table's log say together. Pure functions over ledger rows and lineage.

They do what `tests/models/ledger_model.py` does; whoever changes one changes the model first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.control.commits import CommitRows
from lakehouse.control.ledger import COLUMNS, Ledger
from lakehouse.control.tables import FILES
from lakehouse.errors import OffsetError
from lakehouse.lake.lineage import History, Lineage, between, expired_path, lineage, restores
from lakehouse.sources.base import SourceFile
from lakehouse.state.known import MANY, NOT_AGAIN, Again, Known

_UNFINISHED = ("replay", "rewrite", "erase")
_ANEW = "bring `_lakehouse` back from a backup, or delete the table's folder to have all its files loaded again"


def _no_rows() -> pa.Table:
    return pa.schema([(column, FILES.columns[column]) for column in COLUMNS]).empty_table()


@dataclass(frozen=True)
class Result:
    """A batch that is committed and has no `result` row yet."""

    batch: int
    attempt: str
    version: int


@dataclass(frozen=True)
class OpenBatch:
    """A planned batch that is not committed: to be loaded with the same files before anything new is planned."""

    batch: int
    attempt: str
    """The attempt that planned it; whoever loads it is a new one."""
    work: str
    ingested_at: datetime | None
    fixed: Mapping[str, Any]
    files: tuple[SourceFile, ...]
    """Sorted by (modification time, path)."""


@dataclass(frozen=True)
class Unlisted:
    """A file of an undone batch that cannot be loaded again, because it is not in the source any more."""

    path: str
    batch: int
    version: int | None
    """The version of the table that has the batch's rows; None when it was never committed."""
    how: str = ""
    """What `clean_source` did with it: `deleted`, `moved`, `gone`; empty when it did nothing."""
    moved_to: str | None = None

    def __str__(self) -> str:
        words = {"deleted": "clean_source deleted it", "moved": f"clean_source moved it to {self.moved_to}"}
        how = words.get(self.how, "it is not in the source any more")
        back = "" if self.version is None else f", or RESTORE the table to version {self.version}, which has its rows"
        return (
            f"{self.path} is not loaded again: batch {self.batch}, which it was in, is undone by a RESTORE, and {how};"
            f" put it back to have it loaded{back}"
        )


@dataclass(frozen=True)
class Standing:
    """Where a Bronze table stands. What is to be settled comes first: `late_results`, then `undone`, then `open`.

    While `late_results` has something the rest is not told, and `open` only once nothing is undone.
    """

    sequence: int
    loaded: Mapping[int, str]
    """Batch -> attempt, of the commits that the content stands on."""
    void: frozenset[int]
    late_results: tuple[Result, ...] = ()
    undone: tuple[int, ...] = ()
    """Batches to void: a RESTORE undid them or came after the plan, or they are unfinished replays or erasures."""
    open: OpenBatch | None = None
    next_batch: int = 1
    rows: pa.Table = field(repr=False, default_factory=_no_rows, compare=False)

    @cached_property
    def known(self) -> Known:
        """Every file that the ledger knows, with its status."""
        return Known.of(self.rows, self.loaded, self.void, self.sequence)

    @property
    def clean(self) -> bool:
        """Whether the newest batch that is done had no bad record, as far as its `result` row knows."""
        done = self.rows.filter(pc.equal(self.rows["kind"], "result")).select(["batch", "rejected"]).to_pylist()
        return not max(done, key=lambda r: r["batch"], default={"rejected": 0})["rejected"]

    def loaded_before(self, moment: datetime) -> list[int]:
        """The batches that were committed before this moment, by the time of their `result` rows."""
        done = self.rows.filter(pc.equal(self.rows["kind"], "result")).select(["batch", "attempt", "at"]).to_pylist()
        return [r["batch"] for r in done if self.loaded.get(r["batch"]) == r["attempt"] and r["at"] <= moment]

    def new_files(
        self,
        listing: Sequence[SourceFile],
        *,
        allow_overwrites: bool = False,
        again: Again = NOT_AGAIN,
    ) -> list[SourceFile]:
        """The files to load, sorted by (modification time, path): unknown ones, and failed ones that changed (S1, S4).

        `allow_overwrites`: a file is known by path, size and modification time; `again`: known ones too.
        """
        found = self.known.new(listing, allow_overwrites, again)
        return sorted(found, key=lambda f: (f.modified, f.path))

    def unlisted(self, listing: Sequence[SourceFile]) -> list[Unlisted]:
        """Files of the batches that are undone, which are neither in another batch nor in the source any more."""
        if not self.undone:
            return []
        files = self.known.undone
        files = files.filter(pc.is_in(files["batch"], value_set=pa.array(self.undone, pa.int64())))
        there = {f.path for f in listing} | set(self.known.newest["path"].to_pylist())
        lost = {r["path"]: r["batch"] for r in files.to_pylist() if r["path"] not in there}
        how = {(r["path"], r["batch"]): r for r in self.known.cleaned.to_pylist() if r["path"] in lost}
        version = {batch: version for batch, _, version in _Marks(self.rows).results}
        return [
            Unlisted(path, batch, version.get(batch), done["work"] if done else "", done["moved_to"] if done else None)
            for path, batch in sorted(lost.items())
            for done in [how.get((path, batch))]
        ]

    def changed_files(self, listing: Sequence[SourceFile]) -> list[SourceFile]:
        """Loaded files that changed and are not noted as `changed` yet, once per change (S1, no `allow_overwrites`)."""
        return self.known.changed(listing)


def stand(ledger: Ledger, log: History, commits: CommitRows) -> Standing:
    """Judge one look at the ledger against one look at the log.

    `commits` are the table's rows in the control table `commits`. Raises OffsetError when the place of the table cannot
    be told safely.
    """
    ledger.base = log.version
    return judge(ledger.rows, log, commits, table=ledger.table)


def judge(rows: pa.Table, log: History, commits: CommitRows, *, table: str = "TABLE") -> Standing:
    """`stand` over the ledger's bare rows."""
    number = log.sequence or 0
    marks = _Marks(rows)
    if number and number not in marks.planned:  # each number is planned before it is taken
        raise _lost(number, max(marks.planned, default=0), table)
    line = lineage(log)
    _refuse_unclear(line, table)
    loaded: dict[int, str] = {}
    versions: dict[int, int] = {}
    for own in line.commits:
        if own.signature.sequence not in loaded:
            loaded[own.signature.sequence] = own.signature.attempt
            versions[own.signature.sequence] = own.version
    late = _late(log, line, loaded, versions, marks, table)
    if line.cut is not None:
        path = expired_path(line.cut, commits.restores)
        for batch, attempt, version in marks.results:
            if any(version in part for part in path):
                loaded.setdefault(batch, attempt)
    if late:
        return Standing(number, loaded, marks.void, late_results=late, rows=rows)
    seen = {v for _, _, v in marks.results} | {c.version for c in commits.confirmed}
    if line.cut is not None and line.cut not in seen:
        raise OffsetError(
            f"{table}: history up to version {line.cut} has expired and no run looked at that version",
            code="offset.expired",
            fix=_ANEW,
        )
    undone = [b for b in marks.planned if b <= number and b not in loaded and b not in marks.void]
    above = [b for b in marks.planned if b > number and b not in marks.void]
    restored = max([*restores(log), *commits.restores], default=-1)
    stale = [b for b in above if marks.planned[b].work in _UNFINISHED or marks.planned[b].base < restored]
    to_void = tuple(sorted(undone + stale))
    open_ = min(above, default=None)
    return Standing(
        number,
        loaded,
        marks.void,
        undone=to_void,
        open=None if open_ is None or to_void else _open(rows, open_),
        next_batch=max([number, *marks.planned]) + 1,
        rows=rows,
    )


def _lost(number: int, known: int, table: str) -> OffsetError:
    anew = f"run `lakehouse files {table} --rebuild`, which makes it from the table's own rows"
    if not known:
        return OffsetError(
            f"{table} has loaded {number} batches and its ledger has no row",
            code="ledger.empty",
            fix=f"{anew}, or bring `_lakehouse` back from a backup",
        )
    return OffsetError(
        f"{table} has loaded {number} batches and its ledger knows {known}: it is older than the table",
        code="ledger.behind",
        fix=f"bring the newer `_lakehouse` back, or {anew}",
    )


def _refuse_unclear(line: Lineage, table: str) -> None:
    newest = line.commits[0].version if line.commits else -1
    if line.replaced is not None and line.replaced > newest:
        raise OffsetError(
            f"{table}: version {line.replaced} replaced the whole table, and is not ours",
            code="offset.replaced",
            fix="RESTORE the table to the version before, or delete its folder to have all files loaded again",
        )
    if line.unclear is not None:
        raise OffsetError(
            f"{table}: version {line.unclear} is a RESTORE to a time, or a commit that does not say what it did",
            code="offset.unclear",
            fix="RESTORE the table once more, TO VERSION AS OF the version wanted",
        )


def _late(
    log: History, line: Lineage, loaded: Mapping[int, str], versions: Mapping[int, int], marks: _Marks, table: str
) -> tuple[Result, ...]:
    """Commits without a `result` row, oldest batch first, up to the first that may not count."""
    noted = {(batch, attempt) for batch, attempt, _ in marks.results}
    bases = {(o.signature.sequence, o.version): o.signature.base for o in line.commits}
    late: list[Result] = []
    for batch in sorted(loaded):
        if (batch, loaded[batch]) in noted:
            continue
        gap = between(log, bases[batch, versions[batch]], versions[batch])
        if gap.restored or gap.replaced or gap.expired:
            if late:
                break
            raise OffsetError(
                f"{table}: the table was restored, or its history expired, while batch {batch} was loaded",
                code="offset.restored",
                fix=f"RESTORE the table to a version before {versions[batch]}",
            )
        late.append(Result(batch, loaded[batch], versions[batch]))
    return tuple(late)


@dataclass(frozen=True)
class _Plan:
    work: str
    base: int


class _Marks:
    """The ledger's few rows that are not about files."""

    def __init__(self, rows: pa.Table) -> None:
        plans = rows.filter(pc.equal(rows["kind"], "planned")).group_by("batch", use_threads=rows.num_rows > MANY)
        self.planned = {
            plan["batch"]: _Plan(plan["work_max"], plan["version_min"])
            for plan in plans.aggregate([("work", "max"), ("version", "min")]).to_pylist()
        }
        void = rows.filter(pc.equal(rows["kind"], "void"))
        self.void = frozenset(void["batch"].to_pylist())
        done = rows.filter(pc.equal(rows["kind"], "result")).select(["batch", "attempt", "version"])
        self.results: list[tuple[int, str, int]] = [(r["batch"], r["attempt"], r["version"]) for r in done.to_pylist()]


def _open(rows: pa.Table, batch: int) -> OpenBatch:
    mine = rows.filter(pc.and_(pc.equal(rows["kind"], "planned"), pc.equal(rows["batch"], batch))).to_pylist()
    files = [
        SourceFile(r["path"], r["size"], r["modified"], json.loads(r["partitions"] or "{}")) for r in mine if r["path"]
    ]
    first = next((r for r in mine if r["fixed"] is not None), mine[0])
    return OpenBatch(
        batch,
        first["attempt"],
        first["work"] or "data",
        first["ingested_at"],
        json.loads(first["fixed"] or "{}"),
        tuple(sorted(files, key=lambda f: (f.modified, f.path))),
    )
