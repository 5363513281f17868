"""OPTIMIZE: small files and deleted rows are rewritten, ordered or clustered where the table says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from lakehouse.lake.target import location
from lakehouse.maintenance.base import Decision, View, count, size_text
from lakehouse.model import LATER, Model, Names
from lakehouse.names import literal, quoted

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

SMALL = 32 << 20
"""A file under this many bytes is small."""
DELETED = 0.2
"""Share of deleted rows that makes OPTIMIZE due."""
NEW_BYTES, NEW_SHARE = 128 << 20, 0.2
"""Bytes, and their share of the table, that when not ordered or clustered make OPTIMIZE due without small files."""
WORTH_ORDERING = 0.05
"""ZORDER rewrites all files every time: below this share of new bytes small files wait."""
_MOST_PARTITIONS = 100
"""Partitions that a statement names at most; with more of them due the whole table is looked at."""


class When(Model):
    """`optimize: {min_files: 50}`: as `auto`, with thresholds of one's own."""

    min_files: int = Field(20, ge=2)
    """Files under 32 MiB in one partition that make OPTIMIZE due."""
    where: str | None = Field(None, json_schema_extra=LATER)
    """Condition over partition columns: only these partitions are looked at."""


class Keys(Model):
    """The keys of this operation under `maintenance`."""

    optimize: Literal["auto", "always", "never"] | When = "auto"
    """When files are rewritten into fewer, larger ones."""
    zorder_by: Names | None = None
    """Columns by which OPTIMIZE orders rows within a file; not together with `cluster_by`."""


@dataclass(frozen=True)
class _Figures:
    """What one look at some files says."""

    files: int
    bytes: int
    small: int
    rows: int
    deleted: int
    new_files: int
    new_bytes: int

    @property
    def new_share(self) -> float:
        return self.new_bytes / self.bytes if self.bytes else 0.0

    @property
    def deleted_share(self) -> float:
        return self.deleted / self.rows if self.rows else 0.0


def decide(view: View, keys: Keys) -> Decision:
    """Whether there are enough small files, deleted rows or unordered bytes in a partition to rewrite them."""
    if keys.optimize == "never":
        return Decision("optimize", False, "`optimize: never`")
    if view.files.num_rows == 0:
        return Decision("optimize", False, "the table has no files")
    since = _last(view, keys)
    found = {partition: _figures(files, since) for partition, files in _partitions(view).items()}
    due = {partition: reason for partition, figures in found.items() if (reason := _reason(view, keys, figures))}
    if not due:
        return Decision("optimize", False, _nothing(view, keys, _total(found)))
    worst = max(due, key=lambda partition: (found[partition].small, found[partition].bytes))
    where = f" in partition {_shown(worst)}" if worst else ""
    others = f", and {count(len(due) - 1, 'other partition')}" if len(due) > 1 else ""
    arguments = {"where": _where(due)} if worst and len(due) < min(len(found), _MOST_PARTITIONS) else {}
    return Decision("optimize", True, f"{due[worst]}{where}{others}", arguments)


def run(spark: SparkSession, path: str, keys: Keys, decision: Decision) -> None:
    """One OPTIMIZE statement; it commits nothing when it finds nothing to rewrite."""
    parts = [f"OPTIMIZE {location(path)}"]
    if where := decision.arguments.get("where"):
        parts.append(f"WHERE {where}")
    if keys.zorder_by:
        parts.append(f"ZORDER BY ({', '.join(quoted(name) for name in keys.zorder_by)})")
    spark.sql(" ".join(parts))


def _min_files(keys: Keys) -> int:
    return keys.optimize.min_files if isinstance(keys.optimize, When) else When().min_files


def _ordered(view: View, keys: Keys) -> bool:
    return bool(keys.zorder_by or view.cluster_by)


def _reason(view: View, keys: Keys, figures: _Figures) -> str:
    """Why these files are to be rewritten; empty when they are not."""
    if keys.optimize == "always":
        # the one file that OPTIMIZE has just written needs no second one
        rewritten = figures.new_files if figures.files == 1 and not _ordered(view, keys) else 0
        return f"{count(figures.new_files, 'file')} since the last OPTIMIZE" if figures.new_files > rewritten else ""
    if figures.small >= _min_files(keys) and _worth_ordering(keys, figures):
        return f"{count(figures.small, 'file')} under 32 MiB"
    if view.layer != "bronze" and figures.deleted_share >= DELETED:
        return f"{figures.deleted:,} of {figures.rows:,} rows are deleted ({figures.deleted_share:.0%})"
    if _ordered(view, keys) and figures.new_bytes >= NEW_BYTES and figures.new_share >= NEW_SHARE:
        return f"{size_text(figures.new_bytes)} are not in order yet ({figures.new_share:.0%})"
    return ""


def _worth_ordering(keys: Keys, figures: _Figures) -> bool:
    return not keys.zorder_by or figures.new_share >= WORTH_ORDERING


def _nothing(view: View, keys: Keys, figures: _Figures) -> str:
    """The figures of a table of which no partition is due, with the threshold that each stays below."""
    if keys.optimize == "always":
        return f"{count(figures.files, 'file')}, none to rewrite since the last OPTIMIZE"
    most = "in one partition " if view.partitioned_by else ""
    text = f"{count(figures.files, 'file')}, at most {figures.small:,} under 32 MiB {most}(due at {_min_files(keys)})"
    if not view.partitioned_by:
        text = f"{count(figures.files, 'file')}, {figures.small:,} under 32 MiB (due at {_min_files(keys)})"
    if view.layer != "bronze":
        text += f", {figures.deleted_share:.0%} of the rows deleted (due at {DELETED:.0%})"
    if figures.small >= _min_files(keys):
        text += f"; {figures.new_share:.0%} of the bytes are new since the last ZORDER (due at {WORTH_ORDERING:.0%})"
    return text


def _total(found: Mapping[tuple[tuple[str, str | None], ...], _Figures]) -> _Figures:
    """All partitions together; of small files the most that one has, because that is what is compared."""
    every = found.values()
    return _Figures(
        files=sum(f.files for f in every),
        bytes=sum(f.bytes for f in every),
        small=max(f.small for f in every),
        rows=sum(f.rows for f in every),
        deleted=sum(f.deleted for f in every),
        new_files=sum(f.new_files for f in every),
        new_bytes=sum(f.new_bytes for f in every),
    )


def _figures(files: pa.Table, since: datetime | None) -> _Figures:
    import pyarrow as pa
    import pyarrow.compute as pc

    new = files if since is None else files.filter(pc.greater(files["modified"], pa.scalar(since)))

    def total(column: pa.ChunkedArray) -> int:
        return int(pc.sum(column).as_py() or 0)

    return _Figures(
        files=files.num_rows,
        bytes=total(files["size_bytes"]),
        small=total(pc.less(files["size_bytes"], SMALL)),
        rows=total(files["num_records"]),
        deleted=total(files["deleted"]),
        new_files=new.num_rows,
        new_bytes=total(new["size_bytes"]),
    )


def _partitions(view: View) -> dict[tuple[tuple[str, str | None], ...], pa.Table]:
    """(column, value) pairs -> the files of that partition; one entry without pairs for a table that has none."""
    names = [f"partition.{name}" for name in view.partitioned_by]
    if not names:
        return {(): view.files}
    rows: dict[tuple[tuple[str, str | None], ...], list[int]] = {}
    for index, values in enumerate(zip(*(view.files[name].to_pylist() for name in names), strict=True)):
        rows.setdefault(tuple(zip(view.partitioned_by, values, strict=True)), []).append(index)
    return {partition: view.files.take(indices) for partition, indices in rows.items()}


def _last(view: View, keys: Keys) -> datetime | None:
    """When the last OPTIMIZE ran that ordered or clustered as the table says now; None when none is in sight."""
    parameter, columns = "zOrderBy", [name.casefold() for name in keys.zorder_by or ()]
    if view.cluster_by:
        parameter, columns = "clusterBy", [name.casefold() for name in view.cluster_by]
    for commit in view.recent():
        if commit.operation == "OPTIMIZE":
            given = commit.parameters.get(parameter) or []
            names = json.loads(given) if isinstance(given, str) else given
            if [str(name).casefold() for name in names] == columns and not _partial(commit.parameters):
                return commit.at
    return None


def _partial(parameters: Mapping[str, object]) -> bool:
    """Whether an OPTIMIZE was for some partitions only, so that nothing follows for the others."""
    return str(parameters.get("predicate") or "[]") not in ("[]", '["true"]')


def _where(partitions: Mapping[tuple[tuple[str, str | None], ...], str]) -> str:
    def one(pairs: tuple[tuple[str, str | None], ...]) -> str:
        tests = (f"{quoted(n)} IS NULL" if v is None else f"{quoted(n)} = {literal(v)}" for n, v in pairs)
        return f"({' AND '.join(tests)})"

    return " OR ".join(one(pairs) for pairs in partitions)


def _shown(pairs: tuple[tuple[str, str | None], ...]) -> str:
    return "/".join(f"{name}={'NULL' if value is None else value}" for name, value in pairs)
