"""Files that go away, or change, between the moment in which they were planned and the one in which Spark reads them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet
import pytest

from lakehouse.engine import points
from lakehouse.names import TableName
from tests.engine.lake import Lake


def put(lake: Lake, kind: str, name: str, value: str) -> Path:
    """A file with one row: its name, and a column of its own, so that it is read by a task of its own."""
    path = lake.landing / kind / f"{name}.{kind}"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pa.table({"name": [name], value: ["1"]})
    if kind == "csv":
        path.write_text(f"name,{value}\n{name},1\n")
    elif kind == "json":
        path.write_text(f'{{"name":"{name}","{value}":"1"}}\n')
    else:
        (pyarrow.parquet.write_table if kind == "parquet" else pyarrow.orc.write_table)(rows, path)
    return path


@contextmanager
def at(where: str, act: Callable[[], None]) -> Iterator[None]:
    """Once, at a point of the protocol."""
    acts = [act]

    def listen(place: str, table: TableName) -> None:
        if place == where and acts:
            acts.pop()()

    points.listener = listen
    try:
        yield
    finally:
        points.listener = None


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "orc"])
def test_s4_a_file_that_vanishes_fails_alone_whenever_that_is(lake: Lake, kind: str) -> None:
    """Before it is read, and while it is being written to the table, when other tasks have read theirs."""
    lake.tables(
        bronze={
            "a": f'source: {{format: {kind}, path: "${{landing}}/{kind}", {"options: {header: true}" if kind == "csv" else ""}}}'
        }
    )
    first = [put(lake, kind, name, "x") for name in ("kept", "gone before")]
    with at("after ledger", first[1].unlink):
        lake.run()
    second = [
        put(lake, kind, name, value) for name, value in (("kept too", "x"), ("gone while", "y"), ("kept as well", "z"))
    ]
    with at("before data", second[1].unlink):
        result = lake.run()["bronze.a"]
    assert set(lake.rows("bronze.a", "name", "_batch")) == {("kept", 1), ("kept as well", 2), ("kept too", 2)}
    failed = lake.ledger("batch", "path", kind="failed")
    assert failed == [(1, f"gone before.{kind}"), (2, f"gone while.{kind}")]
    assert result.files_read == 2
    put(lake, kind, "gone while", "y")
    lake.run()
    assert ("gone while", 3) in lake.rows("bronze.a", "name", "_batch")
    assert not lake.run().used_spark


def test_on_bad_file_fail_counts_for_a_file_that_vanishes_too(lake: Lake) -> None:
    lake.tables(bronze={"a": 'source: {format: parquet, path: "${landing}/parquet"}\non_bad_file: fail'})
    path = [put(lake, "parquet", name, name) for name in ("a", "b")][1]
    kept = path.read_bytes()
    with at("before data", path.unlink):
        result = lake.run(ok=False)["bronze.a"]
    assert "1 file(s) cannot be loaded" in str(result.error)
    assert lake.kinds("bronze.a") == ["create"]
    path.write_bytes(kept)


def test_a_record_that_was_whole_when_it_was_counted_goes_to_quarantine_when_it_is_not(lake: Lake) -> None:
    """The file grows without another size or time, so nobody but the reader sees it."""
    lake.bronze()
    path = lake.file("1.csv", "1,10,xyz", "2,20,y")
    when = path.stat().st_mtime

    def break_it() -> None:
        text = path.read_text()
        path.write_text(text.replace(",xyz", ",,x,"))
        os.utime(path, (when, when))

    with at("before data", break_it):
        lake.run()
    assert lake.rows("bronze.a") == [(2, 20, "y")]
    (kept,) = lake.rows("bronze.a_quarantine", "_raw")
    assert kept == ("1,10,,x,",)
