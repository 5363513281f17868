"""The files that a ledger knows, and a listing compared with them; set operations, because ledgers grow for years."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.sources.base import SourceFile

LOADED, PLANNED, FAILED, SKIPPED = "loaded", "planned", "failed", "skipped"
MANY = 10_000
"""Rows from which on threads are worth their start."""
_KEY = ["path", "size", "modified"]


@dataclass(frozen=True)
class Again:
    """Which files are taken although the ledger knows them."""

    failed: bool = False
    """Those that could not be read."""
    loaded: bool = False
    """All."""
    before: int | None = None
    """Only those whose newest batch is below this one, so that one run takes no file twice."""

    def once(self, batch: int) -> Again:
        """The same for the rest of a run whose first batch is this one."""
        return self if self.before is not None else replace(self, before=batch)


NOT_AGAIN = Again()
"""A known file is never taken again."""


@dataclass(frozen=True)
class Known:
    """`files` has a row per path, size and modification time: status, batch, error, at. The newest batch decides.

    A path that was taken several times (`allow_overwrites`, `force`) has several rows; `newest` one row per path.
    """

    files: pa.Table
    noted: pa.Table
    """Changes of loaded files that were noted: path, size, modified."""
    cleaned: pa.Table
    """Loaded files that were taken away from the source: path, batch, work (what was done), moved_to."""
    undone: pa.Table
    """Files of batches that do not count, most of them undone by a RESTORE: path, size, modified, batch, at."""
    _last: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, rows: pa.Table, loaded: Mapping[int, str], void: frozenset[int], sequence: int) -> Known:
        """From the ledger's rows; a batch counts when it is committed or still above the table's sequence."""
        kind = rows["kind"]
        planned = rows.filter(pc.and_(pc.equal(kind, PLANNED), pc.is_valid(rows["path"])))
        counts = pc.or_(
            pc.is_in(planned["batch"], value_set=pa.array(sorted(loaded), pa.int64())),
            pc.and_(
                pc.greater(planned["batch"], sequence),
                pc.invert(pc.is_in(planned["batch"], value_set=pa.array(sorted(void), pa.int64()))),
            ),
        )
        undone = planned.filter(pc.invert(counts)).select([*_KEY, "batch", "at"])
        planned = planned.filter(counts)
        status = pc.if_else(pc.greater(planned["batch"], sequence), PLANNED, LOADED)
        failed = rows.filter(pc.equal(kind, FAILED))
        keep = [
            loaded.get(batch) == attempt
            for batch, attempt in zip(failed["batch"].to_pylist(), failed["attempt"].to_pylist(), strict=True)
        ]
        skipped = rows.filter(pc.equal(kind, SKIPPED))
        skipped = skipped.set_column(skipped.column_names.index("batch"), "batch", _all(skipped, -1))
        parts = [
            _rows(skipped, _all(skipped, SKIPPED), 0),
            _rows(planned, status, 0),
            _rows(failed.filter(pa.array(keep, pa.bool_())), _all(failed, FAILED)[: sum(keep)], 1),
        ]
        noted = rows.filter(pc.equal(kind, "changed")).select(_KEY)
        cleaned = rows.filter(pc.equal(kind, "cleaned")).select(["path", "batch", "work", "moved_to"])
        return cls(_newest(pa.concat_tables(parts), _KEY), noted, cleaned, undone)

    @cached_property
    def newest(self) -> pa.Table:
        """One row per path: what the newest batch that knows it says."""
        return _newest(self.files, ["path"])

    @cached_property
    def overwritten(self) -> frozenset[str]:
        """Paths of loaded files that were seen with another size or modification time since (S1)."""
        if not self.noted.num_rows:
            return frozenset()
        seen = self.newest.join(self.noted.select(["path"]), keys="path", join_type="left semi")
        seen = seen.filter(pc.equal(seen["status"], LOADED))
        return frozenset(seen.join(self.noted, keys=_KEY, join_type="left anti")["path"].to_pylist())

    def to_clean(self, batches: Collection[int]) -> pa.Table:
        """Files that these batches loaded last, not seen changed and not cleaned yet: path, size, modified, batch."""
        there = self.newest
        chosen = pc.is_in(there["batch"], value_set=pa.array(sorted(batches), pa.int64()))
        there = there.filter(pc.and_(pc.equal(there["status"], LOADED), chosen))
        if there.num_rows and self.cleaned.num_rows:
            there = there.join(self.cleaned.select(["path", "batch"]), keys=["path", "batch"], join_type="left anti")
        if there.num_rows and self.overwritten:
            changed = pa.array(sorted(self.overwritten), pa.string())
            there = there.filter(pc.invert(pc.is_in(there["path"], value_set=changed)))
        return there.select([*_KEY, "batch"]).sort_by([("batch", "ascending"), ("path", "ascending")])

    def new(self, listing: Sequence[SourceFile], allow_overwrites: bool, again: Again) -> list[SourceFile]:
        """The listed files that are to be loaded, in the listing's order."""
        found = _match(_listed(listing), self.files, _KEY) if allow_overwrites else self._by_path(listing)
        unknown = pc.is_null(found["status"])
        failed = pc.fill_null(pc.equal(found["status"], FAILED), False)
        # with `allow_overwrites` a file that changed is unknown
        wanted = unknown if allow_overwrites else pc.or_(unknown, pc.and_(failed, _differs(found)))
        if again.failed or again.loaded:
            earlier = True if again.before is None else pc.fill_null(pc.less(found["batch"], again.before), False)
            wanted = pc.or_(wanted, pc.and_(earlier, pc.or_(failed, again.loaded)))
        return _pick(listing, wanted)

    def _by_path(self, listing: Sequence[SourceFile]) -> pa.Table:
        """What is known of each listed path; kept, because one decision asks for it twice."""
        if self._last.get("listing") is not listing:
            self._last.update(listing=listing, found=_match(_listed(listing), self.newest, ["path"]))
        return self._last["found"]

    def changed(self, listing: Sequence[SourceFile]) -> list[SourceFile]:
        """The listed files that were loaded with another size or modification time, as long as nobody noted it."""
        found = self._by_path(listing)
        loaded = pc.fill_null(pc.equal(found["status"], LOADED), False)
        there = _pick(listing, pc.and_(loaded, _differs(found)))
        noted = {(r["path"], r["size"], r["modified"]) for r in self.noted.to_pylist()} if there else set()
        return [f for f in there if (f.path, f.size, f.modified) not in noted]


def _all(rows: pa.Table, value: str | int) -> pa.Array:
    return pa.repeat(pa.scalar(value), rows.num_rows)


def _rows(rows: pa.Table, status: pa.Array, rank: int) -> pa.Table:
    """`order`: by batch, and within one a failure outranks the plan."""
    order = pc.add(pc.multiply(rows["batch"], 2), rank)
    names = ["path", "size", "modified", "batch", "error", "at"]
    return rows.select(names).append_column("status", status).append_column("order", order)


def _newest(files: pa.Table, keys: list[str]) -> pa.Table:
    """One row per key: the one with the greatest `order`."""
    ordered = files.sort_by("order")
    places = ordered.select(keys).append_column("place", pa.array(range(ordered.num_rows), pa.int64()))
    last = places.group_by(keys, use_threads=files.num_rows > MANY).aggregate([("place", "max")])["place_max"]
    return ordered.take(last)


def _listed(listing: Sequence[SourceFile]) -> pa.Table:
    return pa.table(
        {
            "path": pa.array([f.path for f in listing], pa.string()),
            "size": pa.array([f.size for f in listing], pa.int64()),
            "modified": pa.array([f.modified for f in listing], pa.timestamp("us", "UTC")),
            "position": pa.array(range(len(listing)), pa.int64()),
        }
    )


def _match(listed: pa.Table, files: pa.Table, keys: list[str]) -> pa.Table:
    """A row per listed file, in order: what is known of it, NULL when nothing is."""
    known = files.select(sorted({*keys, "status", "size", "modified", "batch"}))
    if keys == ["path"]:
        known = known.rename_columns({"size": "known_size", "modified": "known_modified"})
    return listed.join(known, keys=keys, join_type="left outer", use_threads=listed.num_rows > MANY).sort_by("position")


def _differs(found: pa.Table) -> pa.Array:
    same = pc.and_(pc.equal(found["size"], found["known_size"]), pc.equal(found["modified"], found["known_modified"]))
    return pc.invert(pc.fill_null(same, False))


def _pick(listing: Sequence[SourceFile], chosen: pa.Array) -> list[SourceFile]:
    return [listing[i] for i in pc.indices_nonzero(chosen).to_pylist()]
