"""Batches into a Delta table: the frame is what one append with schema merging can take, however the files are cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.ingest.columns import plan, rules
from lakehouse.ingest.files import failed_file
from lakehouse.ingest.read import read_batch
from lakehouse.lake.errors import causes
from lakehouse.lake.types import from_json
from lakehouse.sources.copy_into import CopyInto
from lakehouse.sources.fields import Field

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tests.ingest.feed import Feed


def load(feed: Feed, table: Path, files: Any, batch: int, **keys: Any) -> None:
    """One batch, appended as the engine does."""
    known: dict[str, str] = {}
    if table.exists():
        stored = feed.spark.read.format("delta").load(str(table)).schema
        known = {field.name: from_json(field.dataType.jsonValue()) for field in stored.fields}
    request = feed.request(files=files, batch=batch, known=known, **keys)
    ingested = read_batch(feed.spark, request)
    writer = ingested.frame.write.format("delta").mode("append").option("mergeSchema", "true")
    writer.save(str(table))


def content(frame: DataFrame) -> list[dict[str, Any]]:
    """Rows without what says when they came, columns without a value left out, in one order."""
    rows = [_valued(row.asDict(recursive=True)) for row in frame.drop("_batch").collect()]
    return sorted(rows, key=str)


def _valued(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _valued(item) for name, item in sorted(value.items()) if item is not None}
    return [_valued(item) for item in value] if isinstance(value, list) else value


FILES = {
    "csv": ["a,b\n1,x\n2,\n", "B,c,a\ny,z,3\n", "a\n4\n5,6\n", "d,a\n,7\n", "a,d e\nq,8\n"],
    "json": [
        '{"a":1.50,"o":{"x":1}}\n',
        '{"a":"z","o":{"y":[1,{"k":2}]}}\nzz\n',
        '{"A":3,"o":{"x":"q","w w":true}}\n',
        '{"o":{"y":["s"]},"b":[{"k":1}]}\n{"a":1}{"a":2}\n',
        '{"b":[],"n":null}\n{"b":[{"l":2.0}]}\n',
    ],
}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_any_cut_into_batches_gives_the_same_rows(kind: str, csv_feed: Feed, json_feed: Feed, tmp_path: Path) -> None:
    feed = {"csv": csv_feed, "json": json_feed}[kind]
    for index, text in enumerate(FILES[kind]):
        feed.put(f"{index}.{kind}", text)
    files = list(feed.request().files)
    hints = {"loader": {"schema_hints": {"a": "decimal(5,2)"}}}
    tables = {}
    for name, cuts in {"whole": [5], "each": [1, 2, 3, 4, 5]}.items():
        table = tmp_path / name
        for batch, (start, end) in enumerate(zip([0, *cuts], cuts, strict=False)):
            load(feed, table, files[start:end], batch, **hints)
        tables[name] = content(feed.spark.read.format("delta").load(str(table)))
    assert tables["whole"] == tables["each"]
    assert len(tables["whole"]) == 6


def test_a_file_that_vanishes_before_the_write_is_named_by_the_error(csv_feed: Feed, tmp_path: Path) -> None:
    csv_feed.put("a.csv", "a\n1\n")
    gone = csv_feed.put("b %41é.csv", "a\n2\n")
    request = csv_feed.request()
    frame = read_batch(csv_feed.spark, request).frame
    gone.unlink()
    with pytest.raises(Exception, match=r".*") as caught:
        frame.write.format("delta").save(str(tmp_path / "t"))
    text = "\n".join(cause.message for cause in causes(caught.value))
    assert failed_file(text, request.files) == str(gone)
    assert not list((tmp_path / "t").glob("_delta_log/*.json"))


def test_a_file_that_is_written_while_it_is_read_fails_the_write(csv_feed: Feed) -> None:
    path = csv_feed.put("a.csv", "a,b\n1,2\n")
    frame = read_batch(csv_feed.spark, csv_feed.request()).frame
    path.write_text("a,b\n1,\n2\n")
    with pytest.raises(Exception, match="is being written"):
        frame.collect()


def test_copy_into_reads_named_files(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a\n1\n")
    csv_feed.put("b.csv", "a\n2\n")
    assert csv_feed.read(copy_into=CopyInto(files=("b.csv",))).rows == [("2",)]


NAMES = st.sampled_from(["id", "ID", "a b", "a_b", "_batch", "__x", "new", "New"])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(NAMES, max_size=4, unique_by=str.casefold), max_size=3))
def test_every_field_has_one_place(csv_feed: Feed, parts: list[list[str]]) -> None:
    csv_feed.root.mkdir(exist_ok=True)
    settled = rules(csv_feed.request(known={"id": "int", "_batch": "bigint"}, files=[]))
    found = plan(settled, [[Field(name, f"c{i}") for i, name in enumerate(part)] for part in parts])
    assert list(found.columns)[:1] == ["id"]
    assert len({name.casefold() for name in found.columns}) == len(found.columns)
    assert not any(name.startswith("_") for name in found.columns)
    for part, place in zip(parts, found.places, strict=True):
        for index, name in enumerate(part):
            assert (f"c{index}" in place) == (not name.startswith("_"))
