"""A folder of files and one call that reads them as Bronze would."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.ingest.batch import BatchRequest, Ingested
from lakehouse.quality.models import ColumnSpec
from lakehouse.sources.auto_loader import AutoLoader
from lakehouse.sources.copy_into import CopyInto
from lakehouse.state.listing import list_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T0 = datetime(2024, 1, 1, tzinfo=UTC)
INGESTED = datetime(2024, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
OPTIONS: Mapping[str, Mapping[str, Any]] = {"csv": {"header": True}, "xml": {"rowTag": "row"}}
OWN = ("_source_file", "_source_modified", "_ingested_at", "_batch", "_rescued_data")


class Feed:
    """Files of one source, each modified a second after the one before."""

    def __init__(self, spark: SparkSession, root: Path, kind: str) -> None:
        self.spark, self.root, self.kind, self.count = spark, root, kind, 0

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        at = (T0 + timedelta(seconds=self.count)).timestamp()
        self.count += 1
        os.utime(path, (at, at))
        return path

    def request(
        self,
        options: Mapping[str, Any] | None = None,
        known: Mapping[str, str] | None = None,
        schema: Mapping[str, Any] | None = None,
        loader: Mapping[str, Any] | None = None,
        copy_into: CopyInto | None = None,
        source: Mapping[str, Any] | None = None,
        **keys: Any,
    ) -> BatchRequest:
        module: Any = import_module(f"lakehouse.sources.{self.kind}")
        options = OPTIONS.get(self.kind) if options is None else options
        spec = module.Options.model_validate({"path": str(self.root), "options": options or {}, **(source or {})})
        return BatchRequest(
            files=keys.pop("files", None) or list_files(spec, self.root, {}, copy_into),
            batch=keys.pop("batch", 7),
            ingested_at=INGESTED,
            known=known or {},
            source=spec,
            auto_loader=None if copy_into else AutoLoader.model_validate(loader or {}),
            copy_into=copy_into,
            schema={n: ColumnSpec.model_validate(s) for n, s in schema.items()} if schema else None,
            **keys,
        )

    def read(self, **keys: Any) -> Read:
        from lakehouse.ingest.read import read_batch

        return Read(read_batch(self.spark, self.request(**keys)), self.root)


class Read:
    """What came of a batch, in plain values."""

    def __init__(self, out: Ingested, root: Path) -> None:
        self.out, self.root = out, root
        rows = out.frame.collect()
        self.types = {f.name: f.dataType.simpleString() for f in out.frame.schema.fields}
        self.columns = [name for name in out.frame.columns if name not in OWN]
        self.full = [row.asDict(recursive=True) for row in rows]
        self.rows = [tuple(row[name] for name in self.columns) for row in rows]
        self.rescued = [row["_rescued_data"] for row in rows]
        self.bad = [row.asDict(recursive=True) for row in out.bad.collect()] if out.bad is not None else []
        self.raw = [row["_raw"] for row in self.bad]
        self.failed = {os.path.relpath(path, root): why for path, why in out.failed.items()}
        assert list(out.frame.columns[-5:]) == list(OWN)
        assert out.rejected == len(self.bad) or out.bad is None
        assert out.rows in (None, len(rows))
        assert out.rescued_rows() == sum(r is not None for r in self.rescued)

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]
