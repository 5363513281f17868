"""A project of a few rows in a temporary folder: its files, its runs, and what they left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import lakehouse
from lakehouse.control.store import Control
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature
from lakehouse.lake.target import location

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = 1_700_000_000


class Lake:
    """Tables are given as the YAML below their name: `lake.tables(bronze={"a": "source: …"})`."""

    def __init__(self, root: Path, spark: SparkSession) -> None:
        self.root = root
        self.spark = spark
        self._layers: dict[str, dict[str, str]] = {"bronze": {}, "silver": {}, "gold": {}}
        self._head = ""
        self._clock = START
        self.max_parallel = 2

    # --- before a run ---

    def tables(self, head: str = "", **layers: Mapping[str, str]) -> None:
        """Add tables, or replace those of the same name; `head` are the file's other keys."""
        for layer, tables in layers.items():
            self._layers[layer] |= tables
        self._head = head or self._head
        parts = [f"pipeline: test\nrun: {{max_retries: 0, max_parallel: {self.max_parallel}}}\n{self._head}\n"]
        for layer, tables in self._layers.items():
            if tables:
                parts += [f"{layer}:\n", *(f"  {n}:\n{indent(text.strip(), '    ')}\n" for n, text in tables.items())]
        self._write("pipelines/test.yaml", "".join(parts))

    def forget(self, layer: str, name: str) -> None:
        """Take a table out; `tables` writes the file."""
        del self._layers[layer][name]

    def bronze(self, name: str = "a", more: str = "", hints: str = "id: int, n: int", options: str = "") -> None:
        """A Bronze table over the CSV files of its landing folder."""
        text = f'source: {{format: csv, path: "${{landing}}/{name}", options: {{header: true}}}}\n'
        text += f"auto_loader: {{schema_hints: {{{hints}}}{options and ', ' + options}}}\n"
        (self.landing / name).mkdir(parents=True, exist_ok=True)
        self.tables(bronze={name: text + more})

    def file(self, name: str, *rows: str, table: str = "a", header: str = "id,n,t", at: int | None = None) -> Path:
        """A CSV file in the table's landing folder, a second newer than the one before."""
        self._clock += 1
        path = self._write(f"landing/{table}/{name}", "\n".join([header, *rows]) + "\n")
        when = self._clock if at is None else START + at
        os.utime(path, (when, when))
        return path

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def _write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def project(self, **variables: Any) -> lakehouse.Project:
        self._write("configs/local.yaml", f"lake: {self.root}/lake\nvariables: {{landing: {self.landing}}}\n")
        return lakehouse.load(self.root / "pipelines", variables=variables)

    def run(
        self, *, ok: bool = True, variables: Mapping[str, Any] | None = None, **options: Any
    ) -> lakehouse.RunResult:
        """A run in the tests' session; `ok` is what is expected of it."""
        options.setdefault("spark", self.spark)
        result = lakehouse.run(self.project(**(variables or {})), **options)
        errors = {str(name): step.error for name, step in result.steps.items() if step.error}
        assert result.ok == ok, errors
        return result

    # --- after a run ---

    def path(self, table: str) -> str:
        layer, name = table.split(".")
        return f"{self.root}/lake/{layer}/{name}"

    def log(self, table: str) -> Log:
        return Log.require(self.path(table))

    def exists(self, table: str) -> bool:
        return Log.open(self.path(table)) is not None

    def version(self, table: str) -> int:
        return self.log(table).version

    def versions(self) -> dict[str, int]:
        """Every data table that exists -> its version."""
        found = (p.parent for p in (self.root / "lake").glob("*/*/_delta_log") if p.parts[-3] != "_lakehouse")
        return {f"{p.parts[-2]}.{p.parts[-1]}": self.version(f"{p.parts[-2]}.{p.parts[-1]}") for p in found}

    def kinds(self, table: str) -> list[str]:
        """What each commit is, oldest first: the kind of its signature, or the operation of somebody else's."""
        commits = reversed(list(self.log(table).commits))
        return [c.signature.kind if c.signature else c.operation for c in commits]

    def signature(self, table: str) -> Signature:
        """That of the newest commit."""
        found = self.log(table).commits[0].signature
        assert found is not None
        return found

    def rows(self, table: str, *columns: str, version: int | None = None) -> list[tuple[Any, ...]]:
        """Rows as tuples, sorted; without columns those that do not begin with `_`."""
        reader = self.spark.read.format("delta")
        frame = (reader if version is None else reader.option("versionAsOf", version)).load(self.path(table))
        wanted = columns or tuple(c for c in frame.columns if not c.startswith("_"))
        return sorted((tuple(r) for r in frame.select(*wanted).collect()), key=repr)

    def columns(self, table: str) -> list[str]:
        return list(self.log(table).columns)

    def sql(self, text: str) -> None:
        """A statement of somebody else's; `{silver.a}` stands for the table."""
        for name in self.versions():
            text = text.replace("{" + name + "}", location(self.path(name)))
        self.spark.sql(text).collect()

    def delete(self, folder: str) -> None:
        shutil.rmtree(self.root / "lake" / folder)

    @property
    def control(self) -> Control:
        return Control(f"{self.root}/lake/_lakehouse")

    def audit(self, table: str, run: lakehouse.RunResult | None = None) -> list[dict[str, Any]]:
        """Rows of a control table, in the order in which they were made, of one run or all."""
        rows: Iterable[dict[str, Any]] = self.control.read(table).sort_by("at").to_pylist()
        return [r for r in rows if run is None or r["run_id"] == run.id]

    def ledger(self, *columns: str, kind: str) -> list[tuple[Any, ...]]:
        """Rows of this kind in the ledger, sorted; a path is shown as the file's name."""
        rows = [r for r in self.audit("files") if r["kind"] == kind]
        return sorted(tuple(Path(r[c]).name if c == "path" else r[c] for c in columns) for r in rows)

    def files(self, table: str = "bronze.a") -> dict[str, str]:
        """File -> its status."""
        return {Path(r["path"]).name: r["status"] for r in lakehouse.files(self.project(), table)}

    def file_paths(self, table: str) -> set[str]:
        """The table's live data files."""
        return set(self.log(table).files()["path"].to_pylist())


def failures(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(rule, value) of every rule that a quarantined row broke."""
    return [(f["name"], f["value"]) for f in row["_failures"]]


def parsed(text: str | None) -> Any:
    """A JSON column of a control table."""
    return json.loads(text or "null")
