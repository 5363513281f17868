"""A lake in which a delivery of histories is merged and the next one waits in Bronze: what tests of merges that go wrong
start from."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from textwrap import indent
from typing import Any

from pyspark.sql import SparkSession

from lakehouse.engine.catalog import read_table
from lakehouse.names import TableName
from tests.crash import lakes, project
from tests.models.histories import HINTS, Histories
from tests.models.merged import TABLES


class World:
    """Histories in three deliveries: the first is merged, the second waits, the third is not there yet."""

    def __init__(
        self, root: Path, spark: SparkSession, tables: tuple[str, ...], keys: int = 40, seed: int = 11
    ) -> None:
        self.root, self.spark, self.tables = project.make(root / "project"), spark, tables
        self.histories = Histories(seed, keys=keys, deliveries=3)
        head = "pipeline: crash\nrun: {max_parallel: 1, max_retries: 0}\n"
        source = '{source: {format: csv, path: "${landing}/orders", options: {header: true}}, '
        bronze = f"bronze:\n  orders: {source}auto_loader: {{schema_hints: {{{HINTS}}}}}}}\n"
        silver = "".join(f"  {name}:\n{indent(TABLES[name].yaml('bronze.orders'), '    ')}\n" for name in tables)
        (self.root / "pipelines" / "crash.yaml").write_text(f"{head}{bronze}silver:\n{silver}")
        self.base = root / "base"
        self.deliver(0)
        self.run(self.base)
        self.deliver(1)
        self.run(self.base, "bronze.orders")

    def deliver(self, delivery: int) -> None:
        self.histories.deliver(self.root / "landing" / "orders", delivery)

    def run(self, lake: Path, select: str = "", inside: AbstractContextManager[Any] | None = None) -> None:
        with inside or nullcontext():
            done = lakes.run(self.root, lake, self.spark, select=select)
        assert done.ok, [str(step.error) for step in done.steps.values() if step.error]

    def read(self, lake: Path, table: str) -> Any:
        """Its rows; of a companion those that exist."""
        return read_table(project.load(self.root, lake), TableName.parse(table), self.spark)

    def rows(self, lake: Path, table: str) -> Counter[str]:
        """Rows as texts, without what no two runs have in common."""
        frame = self.read(lake, table)
        kept = sorted(name for name in frame.columns if name not in lakes.VOLATILE)
        return Counter(str(row) for row in frame.select(*kept).collect())

    def wrong(self, lake: Path, table: str) -> list[str]:
        """What the model says otherwise."""
        bronze = self.read(lake, "bronze.orders").collect()
        return TABLES[table].wrong(bronze, self.read(lake, f"silver.{table}").collect())
