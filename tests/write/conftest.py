"""A table to write to, and what its log says about the commits that a test made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.lake import increment
from lakehouse.lake.commit import aside, signed
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.lake.table import Column, Definition, create
from lakehouse.lake.target import Target
from lakehouse.names import TableName
from lakehouse.write.base import Counts, Memory, Told

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def signature(kind: str = "data", sequence: int = 1) -> Signature:
    return Signature("id-1", "run-1", f"attempt-{sequence}", kind, sequence, 0, "hash", {})


def commits(path: str) -> list[dict[str, Any]]:
    """The actions of each commit, oldest first."""
    found = []
    for file in sorted(Path(path, "_delta_log").glob("*.json")):
        actions: dict[str, Any] = {}
        for line in file.read_text().splitlines():
            for name, action in json.loads(line).items():
                actions.setdefault(name, []).append(action)
        found.append(actions)
    return found


def touched(path: str) -> bool:
    """Whether the newest commit added or removed a file."""
    return bool(commits(path)[-1].keys() & {"add", "remove"})


class Table:
    """A table under a temporary folder, written through one leaf."""

    def __init__(
        self, spark: SparkSession, path: str, columns: Mapping[str, str], properties: Mapping[str, str]
    ) -> None:
        self.spark = spark
        self.path = path
        self.columns = dict(columns)
        self.sequence = 0
        self.counts: Counts | None = None
        definition = Definition({n: Column(t) for n, t in columns.items()}, properties=properties)
        create(spark, path, "id-1", definition, signature("create", 0))

    def write(self, leaf: Any, frame: DataFrame, options: Any, **target: Any) -> Counts:
        """One signed commit by the leaf, as the engine makes it, and what it counts."""
        self.sequence += 1
        remembers = hasattr(leaf, "remembers") and leaf.remembers(options)
        memory = (Memory(self.tombstones(), self._keep),) if remembers else ()
        with signed(self.spark, signature(sequence=self.sequence)):
            told: Told = leaf.write(frame, self.target(**target), options, *memory)
        self.counts = told(Log.require(self.path).commits[0], None)
        return self.counts

    def tombstones(self) -> DataFrame | None:
        path = f"{self.path}_tombstones"
        # at its version, as the engine reads it: else what is kept now would be among what was known before
        return increment.pinned(self.spark, path, len(commits(path)) - 1) if Path(path).exists() else None

    def _keep(self, rows: DataFrame) -> None:
        from pyspark.sql import functions as F

        kept = rows.withColumn("_batch", F.lit(self.sequence).cast("bigint"))
        with aside(self.spark):
            kept.write.format("delta").mode("append").save(f"{self.path}_tombstones")

    def target(self, **more: Any) -> Target:
        return Target(
            TableName("silver", "t"),
            self.path,
            **{"columns": self.columns, "existing": self.columns, "empty": self.sequence == 1, "version": self.version}
            | more,
        )

    def read(self) -> DataFrame:
        return self.spark.read.format("delta").load(self.path)

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """The rows as tuples in an order that does not depend on the files."""
        frame = self.read()
        return sorted((tuple(r) for r in (frame.select(*columns) if columns else frame).collect()), key=repr)

    @property
    def log(self) -> Log:
        return Log.require(self.path)

    @property
    def version(self) -> int:
        return len(commits(self.path)) - 1


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> Callable[..., Table]:
    made: list[int] = []

    def make(properties: Mapping[str, str] | None = None, **columns: str) -> Table:
        made.append(1)
        # as tables with `merge` have it: without deletion vectors MERGE rewrites every file that holds a matched row
        return Table(
            spark,
            str(tmp_path / f"t{len(made)}"),
            columns,
            {"delta.enableDeletionVectors": "true", **(properties or {})},
        )

    return make
