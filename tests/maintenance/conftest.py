"""Views of tables that were never written: decisions need nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from lakehouse.lake.history import Commit
from lakehouse.maintenance import View
from lakehouse.names import TableName

NOW = datetime(2024, 3, 1, tzinfo=UTC)
MIB = 1 << 20


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def files(*rows: tuple[Any, ...], partition: str | None = None) -> pa.Table:
    """Rows of (bytes, rows, deleted, modified[, partition value])."""
    columns: dict[str, Any] = {
        "path": [f"f{i}" for i in range(len(rows))],
        "size_bytes": pa.array([r[0] for r in rows], pa.int64()),
        "num_records": pa.array([r[1] for r in rows], pa.int64()),
        "modified": pa.array([r[3] for r in rows], pa.timestamp("us", "UTC")),
        "deleted": pa.array([r[2] for r in rows], pa.int64()),
    }
    if partition:
        columns[f"partition.{partition}"] = pa.array([r[4] for r in rows], pa.string())
    return pa.table(columns)


def removed(*at: datetime) -> pa.Table:
    return pa.table({"path": [f"r{i}" for i in range(len(at))], "removed_at": pa.array(at, pa.timestamp("us", "UTC"))})


def commit(operation: str, at: datetime, metrics: Mapping[str, Any] | None = None, **parameters: Any) -> Commit:
    return Commit(1, at, operation, parameters, metrics or {}, None)


def view(
    found: pa.Table,
    *commits: Commit,
    layer: str = "silver",
    gone: pa.Table | None = None,
    retain: timedelta = timedelta(days=7),
    cluster_by: Sequence[str] = (),
    readers: Mapping[TableName, datetime] | None = None,
) -> View:
    by = tuple(name.removeprefix("partition.") for name in found.column_names if name.startswith("partition."))
    nothing = removed() if gone is None else gone
    return View(layer, found, commits, nothing, by, tuple(cluster_by), retain, NOW, readers or {})
