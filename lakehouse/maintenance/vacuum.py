"""VACUUM: files that no version within the retention needs are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from lakehouse.lake.target import location
from lakehouse.maintenance.base import Decision, Shape, View, count, interval
from lakehouse.model import Duration, Model, duration_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAFE = timedelta(days=7)
"""A shorter retention can delete files under a running reader or writer."""
USUAL, READ_BY_CHANGES = timedelta(days=7), timedelta(days=30)
LOGGED = timedelta(days=30)
"""How long the log is kept at least; Delta wants it no shorter than removed files."""
_PARALLELISM = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
_REMOVING = (
    "numRemovedFiles",
    "numTargetFilesRemoved",
    "numDeletionVectorsRemoved",
    "numDeletionVectorsUpdated",
    "numTargetDeletionVectorsRemoved",
    "numTargetDeletionVectorsUpdated",
)
"""Metrics of a commit that took files out of the table."""


class Vacuum(Model):
    """`vacuum: {retain: 7 days}`."""

    retain: Duration
    """How long removed files, and with them time travel and the change feed, are kept."""


class Keys(Model):
    """The keys of this operation under `maintenance`."""

    vacuum: Vacuum | Literal["never"] | None = None
    """How long removed files are kept; by default 7 days, 30 where another table reads the change feed."""
    allow_short_retention: bool = False
    """Allows `vacuum.retain` below 7 days."""

    @model_validator(mode="after")
    def _long_enough(self) -> Keys:
        if isinstance(self.vacuum, Vacuum) and self.vacuum.retain < SAFE and not self.allow_short_retention:
            raise ValueError(
                f"`vacuum.retain` of {duration_text(self.vacuum.retain)} is below 7 days, which can delete files that "
                "a reader still needs; if that is meant, add `allow_short_retention: true`"
            )
        return self


def retain(keys: Keys, *, read_by_changes: bool = False) -> timedelta:
    """For how long removed files are kept; the usual time where nothing is ever deleted."""
    if isinstance(keys.vacuum, Vacuum):
        return keys.vacuum.retain
    return READ_BY_CHANGES if read_by_changes else USUAL


def properties(keys: Keys, shape: Shape) -> dict[str, str]:
    """Delta takes the retention from the table's property only: RETAIN in the statement is ignored since 4.1."""
    kept = retain(keys, read_by_changes=shape.read_by_changes)
    return {
        "delta.deletedFileRetentionDuration": interval(kept),
        "delta.logRetentionDuration": interval(max(kept, LOGGED)),
    }


def decide(view: View, keys: Keys) -> Decision:
    """Whether the log holds files removed before the retention that no VACUUM has seen, and no reader needs."""
    if keys.vacuum == "never":
        return Decision("vacuum", False, "`vacuum: never`")
    kept = duration_text(view.retain)
    until = view.now - view.retain
    seen = _seen(view)
    found = _tombstones(view, seen, until) or _by_history(view, seen, until)
    if not found:
        return Decision("vacuum", False, f"no file was removed longer than {kept} ago")
    behind = {name: at for name, at in view.readers.items() if at < until}
    if behind:
        slowest = min(behind, key=lambda name: behind[name])
        return Decision(
            "vacuum",
            False,
            f"{count(found, 'file')} removed longer than {kept} ago, but {slowest} has still to read what was written "
            f"from {behind[slowest]:%Y-%m-%d %H:%M} on",
        )
    return Decision("vacuum", True, f"{count(found, 'file')} removed longer than {kept} ago")


def run(spark: SparkSession, path: str, keys: Keys, decision: Decision) -> None:
    """Delete what the log knows to be removed; where the log no longer reaches back far enough, list the folder too."""
    before = spark.conf.get(_PARALLELISM, None)
    cores = spark.sparkContext.defaultParallelism
    # Delta plans as many tasks as this allows, by default 10,000, also for one file
    spark.conf.set(_PARALLELISM, str(min(int(before or 10_000), max(8, 4 * cores))))
    try:
        try:
            spark.sql(f"VACUUM {location(path)} LITE")
        except Exception as error:
            if "DELTA_CANNOT_VACUUM_LITE" not in str(error):
                raise
            spark.sql(f"VACUUM {location(path)} FULL")
    finally:
        if before is None:
            spark.conf.unset(_PARALLELISM)
        else:
            spark.conf.set(_PARALLELISM, before)


def _seen(view: View) -> datetime | None:
    """Files removed before this time were seen by a VACUUM; None when none is in sight."""
    for commit in view.recent():
        if commit.operation in ("VACUUM START", "VACUUM END"):
            return commit.at - view.retain
    return None


def _tombstones(view: View, seen: datetime | None, until: datetime) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    at = view.removed["removed_at"]
    old = pc.less(at, pa.scalar(until, at.type))
    if seen is not None:
        old = pc.and_(old, pc.greater_equal(at, pa.scalar(seen, at.type)))
    return int(pc.sum(old).as_py() or 0)


def _by_history(view: View, seen: datetime | None, until: datetime) -> int:
    """Files that commits of that time removed: a checkpoint forgets them once they are older than the retention."""
    found = 0
    for commit in view.recent():
        if seen is not None and commit.at < seen:
            break
        if commit.at < until:
            found += _removed(commit.metrics)
    return found


def _removed(metrics: Mapping[str, object]) -> int:
    return sum(int(str(metrics.get(name) or 0)) for name in _REMOVING)
