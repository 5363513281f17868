"""Files without columns: text and whole files as bytes."""

from __future__ import annotations

import gzip
from datetime import UTC
from typing import TYPE_CHECKING

from tests.ingest.feed import T0, Feed

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def test_text_has_a_row_for_each_line(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "text")
    feed.put("a.log", "one\n\n two,\t\r\nthree")
    feed.put("b.log.gz", gzip.compress("größer\n".encode()))
    feed.put("empty.log", "")
    read = feed.read()
    assert read.types["value"] == "string"
    assert sorted(read.rows) == [("",), (" two,\t",), ("größer",), ("one",), ("three",)]


def test_text_may_be_whole_files_or_have_line_ends_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "text")
    feed.put("a.log", "one|two\n|three")
    assert feed.read(options={"wholetext": "true"}).rows == [("one|two\n|three",)]
    assert feed.read(options={"lineSep": "|"}).rows == [("one",), ("two\n",), ("three",)]


def test_a_text_that_is_no_gzip_fails_when_it_is_loaded_and_names_the_file(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "text")
    feed.put("good.log", "one\n")
    feed.put("bad.log.gz", b"\x1f\x8b\x08\x00this is no gzip")
    read = feed.read(schema={"value": {"type": "string", "nullable": False}})  # which is looked at first
    assert read.rows == [("one",)]
    assert set(read.failed) == {"bad.log.gz"}


def test_binary_has_a_row_for_each_file(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "binary")
    path = feed.put("a b+c%20.png", b"\x89PNG\x00")
    feed.put("empty.bin", b"")
    (row,) = feed.read().full  # S5: a file of no bytes has no row
    assert (row["path"], row["length"], bytes(row["content"])) == (str(path), 5, b"\x89PNG\x00")
    assert row["path"] == row["_source_file"]
    assert row["modificationTime"].astimezone(UTC) == T0
