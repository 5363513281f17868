"""The ledger of a Bronze table, made anew from the table's own rows and its log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.control.ledger import COLUMNS
from lakehouse.control.tables import FILES
from lakehouse.errors import OffsetError
from lakehouse.lake.lineage import History, Lineage, Own, between, expired_path, lineage
from lakehouse.sources.base import SourceFile
from lakehouse.state.known import LOADED, SKIPPED
from lakehouse.state.ledger import judge
from lakehouse.state.place import Commits, Confirmation

LOST = frozenset({"ledger.empty", "ledger.behind"})
"""Codes of `judge` after which the ledger can be made from the table."""


@dataclass(frozen=True)
class Stored:
    """What the rows of a table say of where they come from, at one version of it: a row per file and batch."""

    path: str
    modified: datetime
    batch: int
    rows: int


@dataclass(frozen=True)
class Rebuilt:
    """What is to be written: rows of the ledger, and before them what vouches for history that has expired."""

    rows: Sequence[Mapping[str, Any]]
    confirm: tuple[Confirmation, ...] = ()


def rebuild(
    ledger: pa.Table,
    log: History,
    commits: Commits,
    stored: Sequence[Stored],
    listing: Mapping[str, SourceFile],
    *,
    attempt: str,
    skipped: Sequence[SourceFile] = (),
    table: str = "TABLE",
) -> Rebuilt:
    """The rows that `ledger` lacks, so that each file with a row in the table is loaded, and no other is known.

    `listing` has the files that are there by their paths, `attempt` is an id that stands for those of commits whose
    history has expired, `skipped` are files to be left alone. Raises OffsetError when a row's batch is no commit of
    the table, or when its place cannot be told for another reason than the ledger.
    """
    number, line = log.sequence or 0, lineage(log)
    visible: dict[int, Own] = {}
    for own in line.commits:
        visible.setdefault(own.signature.sequence, own)
    foreign = sorted({s.batch for s in stored if s.batch > number or (line.cut is None and s.batch not in visible)})
    if foreign:
        raise OffsetError(
            f"{table} has rows of batch {foreign[0]}, and that is no commit that it stands on: somebody wrote them",
            code="ledger.foreign",
            fix="RESTORE the table to the version before they came, then rebuild the ledger",
        )
    old = ledger.select(["kind", "batch", "attempt", "version"]).to_pylist()
    planned = {r["batch"] for r in old if r["kind"] == "planned"}
    results = [(r["batch"], r["attempt"], r["version"]) for r in old if r["kind"] == "result"]
    seen = _expired(line, commits, results)
    by_batch: dict[int, list[Stored]] = {}
    for item in stored:
        by_batch.setdefault(item.batch, []).append(item)
    rows: list[dict[str, Any]] = []
    for batch in sorted({*by_batch, *visible, number}):
        found, own_ = by_batch.get(batch, []), visible.get(batch)
        if batch not in planned:
            rows += _planned(batch, found, listing, -1 if own_ is None else own_.signature.base)
        if own_ is None and not found:
            # the newest number, which is taken: either nothing came of it or a RESTORE undid it
            rows += [{"kind": "void", "batch": batch}] * (batch not in planned)
            continue
        who, version = (attempt, seen.version) if own_ is None else (own_.signature.attempt, own_.version)
        known = any((b, a) == (batch, who) for b, a, _ in results) if own_ else batch in seen.loaded
        if not known and not _under_a_restore(log, own_):
            count = sum(s.rows for s in found)
            rows.append({"kind": "result", "batch": batch, "attempt": who, "version": version, "rows": count})
    rows += [{"kind": SKIPPED} | _file(f) for f in skipped]
    # events about what cannot be known any more are gone: the next run lists all files
    rows += [{"kind": "listed"}] * any(r["kind"] == "listed" for r in old)
    confirm: tuple[Confirmation, ...] = ()
    if line.cut is not None and all(c.version != line.cut for c in commits.confirmed):
        last = max([s.batch for s in stored if s.batch not in visible], default=0)
        confirm = (Confirmation(last, attempt, line.cut, {"files": {"batch": last}}),)
    found_ = Rebuilt(rows, confirm)
    _check(ledger, log, commits, stored, found_, table)
    return found_


def _under_a_restore(log: History, own: Own | None) -> bool:
    """Whether the table was restored while this commit was made: without a result it is refused, as it always was."""
    if own is None:
        return False
    gap = between(log, own.signature.base, own.version)
    return gap.restored or gap.replaced


@dataclass(frozen=True)
class _Expired:
    """Of the commits whose history has expired: the batches with a result, and a version that stands for the others."""

    loaded: frozenset[int]
    version: int | None


def _expired(line: Lineage, commits: Commits, results: Sequence[tuple[int, str, int]]) -> _Expired:
    if line.cut is None:
        return _Expired(frozenset(), None)
    path = expired_path(line.cut, commits.restores)
    newest = max(part[-1] for part in path if part)
    return _Expired(frozenset(b for b, _, v in results if any(v in part for part in path)), newest)


def _planned(batch: int, files: Sequence[Stored], listing: Mapping[str, SourceFile], base: int) -> list[dict[str, Any]]:
    common = {"kind": "planned", "batch": batch, "attempt": "", "work": "data", "version": base}
    return [common | _as_loaded(f, listing.get(f.path)) for f in files] or [common]


def _as_loaded(file: Stored, there: SourceFile | None) -> dict[str, Any]:
    """The size is in no row: it is known only as long as the file is there as it was."""
    same = there is not None and there.modified == file.modified
    return {"path": file.path, "size": there.size if same and there else None, "modified": file.modified}


def _file(file: SourceFile) -> dict[str, Any]:
    return {"path": file.path, "size": file.size, "modified": file.modified}


def _check(
    ledger: pa.Table, log: History, commits: Commits, stored: Sequence[Stored], found: Rebuilt, table: str
) -> None:
    """Judge what would be written as the next run will."""
    schema = pa.schema([(column, FILES.columns[column]) for column in COLUMNS])
    new = pa.Table.from_pylist([{k: v for k, v in r.items() if k in COLUMNS} for r in found.rows], schema=schema)
    rows = pa.concat_tables([ledger.select(COLUMNS).cast(schema), new])
    after = replace(commits, confirmed=(*commits.confirmed, *found.confirm))
    standing = judge(rows, log, after, table=table)
    known = standing.known.newest
    loaded = set(known.filter(pc.equal(known["status"], LOADED))["path"].to_pylist())
    if standing.late_results or standing.next_batch != (log.sequence or 0) + 1 or {s.path for s in stored} - loaded:
        raise OffsetError(f"the ledger of {table} cannot be made from its rows", code="ledger.foreign")
