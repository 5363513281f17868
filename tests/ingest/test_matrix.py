"""For every broken file: each record in it, counted by hand, is loaded or in the quarantine, or the file fails."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lakehouse
from lakehouse.engine.catalog import read_table
from lakehouse.ingest import read
from lakehouse.names import TableName
from tests.engine.lake import Lake
from tests.ingest.broken import ITEMS, LONG, TABLES, Case, Table
from tests.ingest.feed import OWN, Feed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOADER = {"schema_hints": {"n": "int"}}
ELSEWHERE = {"vanished while reading", "no permission"}
"""Items that are no content of a file: test_vanishing.py and test_permission.py."""


def file_name(name: str, table: Table) -> str:
    return f"{name}.{table.kind}{table.cases[name].suffix}"


def short(value: Any) -> Any:
    """A value as it stands in the matrix: JSON parsed, numbers in it as text, no NULLs; the long one by its length."""
    if isinstance(value, str) and value.endswith(LONG):
        return value.replace(LONG, "60 MB")
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) < 10_000:
        try:
            return short(json.loads(value, parse_int=str, parse_float=str))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {name: short(item) for name, item in value.items() if item is not None}
    return [short(item) for item in value] if isinstance(value, list) else value


class Taken:
    """What came of a batch, file by file."""

    def __init__(self, rows: DataFrame, bad: DataFrame | None, failed: Mapping[str, str]) -> None:
        self.rows: dict[str, list[Any]] = defaultdict(list)
        self.raw: dict[str, list[str]] = defaultdict(list)
        self.rescued: dict[str, list[Any]] = defaultdict(list)
        self.failed = {Path(path).name: why for path, why in failed.items()}
        for row in rows.collect():
            found = row.asDict(recursive=True)
            name = Path(found["_source_file"]).name
            self.rows[name].append(short({key.lower(): item for key, item in found.items() if key not in OWN}))
            if found["_rescued_data"] is not None:
                fields = json.loads(found["_rescued_data"])
                assert Path(fields.pop("_file_path")).name == name
                self.rescued[name].append(fields)
        for row in bad.select("_raw", "_source_file", "_failures", "_stage").collect() if bad is not None else ():
            self.raw[Path(row["_source_file"]).name].append(row["_raw"])
            assert row["_stage"] == "record"
            assert row["_failures"][0]["message"].startswith("the record ")

    def check(self, table: Table, names: Sequence[str]) -> None:
        """Each of the files came out as the matrix says."""
        for name in names:
            case, file = table.cases[name], file_name(name, table)
            if case.failed:
                assert case.failed in self.failed.get(file, "it did not fail"), name
                assert not self.rows[file] + self.raw[file], name
                continue
            assert file not in self.failed, (name, self.failed.get(file))
            assert ordered(self.rows[file]) == ordered(short(_lower(row)) for row in case.rows), name
            assert sorted(self.raw[file]) == sorted(case.raw), name
            assert ordered(self.rescued[file]) == ordered(case.rescued), name
            assert len(self.rows[file]) + len(self.raw[file]) == case.records, name
        known = {file_name(name, table) for name in names}
        assert set().union(self.rows, self.raw, self.failed) <= known


def _lower(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in row.items()}  # a column keeps the spelling that came first


def ordered(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def take(feed: Feed, table: Table) -> Taken:
    """Read as the engine does: what Spark cannot read when it comes to writing is left out, and the rest read again."""
    request = feed.request(options=table.options, loader=LOADER)
    failed: dict[str, str] = {}
    while True:
        found = read.read_batch(feed.spark, request)
        try:
            return Taken(found.frame, found.bad, {**failed, **found.failed})
        except Exception as error:
            failed |= read.blamed(feed.spark, request, error) or pytest.fail(str(error))
            request = replace(request, files=[file for file in request.files if file.path not in failed])


ALONE = [
    pytest.param(table, name, marks=[pytest.mark.soak] if name in TABLES[table].slow else [], id=f"{table}-{name}")
    for table in TABLES
    for name in TABLES[table].cases
]


@pytest.mark.parametrize(("table", "name"), ALONE)
def test_alone(spark: SparkSession, tmp_path: Path, table: str, name: str) -> None:
    found = TABLES[table]
    feed = Feed(spark, tmp_path / "in", found.kind)
    feed.put(file_name(name, found), found.cases[name].content)
    take(feed, found).check(found, [name])


def test_all_beside_each_other_in_one_batch_each(spark: SparkSession, tmp_path: Path) -> None:
    """Through the whole engine: what is in the table, in the quarantine and in the ledger."""
    lake = Lake(tmp_path, spark)
    lake.max_parallel = 1  # lines of 60 MB side by side want more memory than the tests' session has
    names = {table: [name for name in found.cases if name not in found.slow] for table, found in TABLES.items()}
    for table, found in TABLES.items():
        options = f", options: {json.dumps(found.options)}" if found.options else ""
        source = f'source: {{format: {found.kind}, path: "${{landing}}/{table}"{options}}}'
        lake.tables(bronze={table: f"{source}\nauto_loader: {json.dumps(LOADER)}"})
        feed = Feed(spark, lake.landing / table, found.kind)
        for name in names[table]:
            feed.put(file_name(name, found), found.cases[name].content)
    result = lake.run()
    for table, found in TABLES.items():
        ledger = lakehouse.files(lake.project(), f"bronze.{table}", rows=1000)
        failed = {row["path"]: row["error"] for row in ledger if row["status"] == "failed"}
        assert {row["status"] for row in ledger if row["path"] not in failed} == {"loaded"}
        rejected = f"bronze.{table}_quarantine"
        bad = read_table(lake.project(), TableName.parse(rejected), spark) if lake.exists(rejected) else None
        rows = read_table(lake.project(), TableName.parse(f"bronze.{table}"), spark)
        Taken(rows, bad, failed).check(found, names[table])
        step = result[f"bronze.{table}"]
        records = sum(case.records for name, case in found.cases.items() if name in names[table] and not case.failed)
        assert (step.commits - bool(bad) * 1, step.rows_read) == (1, records)


@pytest.mark.soak
@pytest.mark.parametrize(("table", "name"), [(table, name) for table in TABLES for name in TABLES[table].slow])
def test_slow_ones_beside_a_good_file(spark: SparkSession, tmp_path: Path, table: str, name: str) -> None:
    found = TABLES[table]
    feed = Feed(spark, tmp_path / "in", found.kind)
    for each in ("good", name):
        feed.put(file_name(each, found), found.cases[each].content)
    take(feed, found).check(found, ["good", name])


def test_every_item_of_the_list_stands_in_the_matrix_by_name() -> None:
    items = {" ".join(item.split()) for item in ITEMS.split(";")}
    assert items - ELSEWHERE <= {name for table in TABLES.values() for name in table.cases}


def test_records_are_counted_by_hand() -> None:
    """Where a file does not fail, what is written down of it is all that is in it."""
    for table in TABLES.values():
        for name, case in table.cases.items():
            assert isinstance(case, Case)
            assert case.failed or case.records == len(case.rows) + len(case.raw), name
