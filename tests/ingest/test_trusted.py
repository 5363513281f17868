"""A batch that is expected to be good is read once; what is not good after all is seen all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.errors import PySparkException

from lakehouse.ingest import read
from tests.ingest.feed import Feed

KNOWN = {"id": "string", "n": "int"}
JobCount = Callable[[Callable[[], Any]], int]


def test_nothing_is_counted_before_the_rows_are_read(csv_feed: Feed, jobs: JobCount) -> None:
    csv_feed.put("a.csv", "id,n\n1,2\n3,x\n")
    asked = csv_feed.request(known=KNOWN, trusts=True)
    assert jobs(lambda: read.read_batch(csv_feed.spark, asked)) == 0
    trusted, counted = csv_feed.read(known=KNOWN, trusts=True), csv_feed.read(known=KNOWN)
    assert trusted.full == counted.full
    assert (counted.out.rows, counted.out.rescued, counted.out.observed) == (2, 1, None)
    assert (trusted.out.rows, trusted.out.rescued, trusted.out.rescued_rows()) == (None, None, 1)


@pytest.mark.parametrize(
    "text",
    [b"id,n\n1,2\n3\n", b"id,n\n1,2\n3,4,5\n", b"id,n\n1,2\nJos\xe9,3\n", b"id,n\n1,2\n,3\n"],
    ids=["short", "long", "bytes that are no text", "NULL"],
)
def test_a_record_that_is_bad_is_an_error_that_leads_to_a_second_look(csv_feed: Feed, text: bytes) -> None:
    csv_feed.put("a.csv", text)
    keys: dict[str, Any] = {"known": KNOWN, "schema": {"id": {"type": "string", "nullable": False}, "n": "int"}}
    out = read.read_batch(csv_feed.spark, csv_feed.request(**keys, trusts=True))
    with pytest.raises(PySparkException) as raised:
        out.frame.collect()
    assert read.surprised(raised.value)
    seen = csv_feed.read(**keys, trusts=True, look=True)
    assert (len(seen.rows), len(seen.bad)) == (1, 1)


def test_the_first_records_show_whether_new_columns_have_values(csv_feed: Feed, jobs: JobCount) -> None:
    csv_feed.put("a.csv", "id,n,empty\n1,2,\n")
    trusted, counted = csv_feed.read(known={"id": "string"}, trusts=True), csv_feed.read(known={"id": "string"})
    assert trusted.full == counted.full
    assert trusted.out.new_columns == counted.out.new_columns == {"n": "string"}, "S6: no column without a value"
    late = "".join(f"{i},2,\n" for i in range(1200))
    csv_feed.put("b.csv", f"id,n,empty\n{late}1,2,3\n")
    assert csv_feed.read(known={"id": "string"}, trusts=True).out.new_columns == {"n": "string", "empty": "string"}


def test_new_columns_with_values_at_once_cost_a_look_at_the_first_records(csv_feed: Feed, jobs: JobCount) -> None:
    csv_feed.put("a.csv", "id,n\n1,2\n")
    out: list[Any] = []
    asked = csv_feed.request(trusts=True)
    assert jobs(lambda: out.append(read.read_batch(csv_feed.spark, asked))) <= 2
    assert (out[0].rows, out[0].new_columns) == (None, {"id": "string", "n": "string"})
    csv_feed.put("b.csv", "id,n\n1,2,3\n")
    counted = csv_feed.read(trusts=True)
    assert (counted.out.rows, counted.raw) == (1, ["1,2,3"])


def test_json_is_looked_at_once_even_where_columns_must_not_be_null(json_feed: Feed, jobs: JobCount) -> None:
    json_feed.put("a.json", '{"id":"1"}\n')
    keys: dict[str, Any] = {"known": {"id": "string"}, "schema": {"id": {"type": "string", "nullable": False}}}
    asked = json_feed.request(**keys)
    assert jobs(lambda: read.read_batch(json_feed.spark, asked)) == 2
    asked = json_feed.request(**keys, trusts=True)
    assert jobs(lambda: read.read_batch(json_feed.spark, asked)) == 1
    json_feed.put("b.json", '{"x":"1"}\n')
    with pytest.raises(PySparkException) as raised:
        json_feed.read(**keys, trusts=True)
    assert read.surprised(raised.value)


def test_what_spark_had_no_need_to_read_is_not_waited_for(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "id,n\n1,2\n")
    out = read.read_batch(csv_feed.spark, csv_feed.request(known=KNOWN, trusts=True))
    assert out.rescued_rows() is None
    assert out.frame.where("false").collect() == []
    assert out.rescued_rows() is None
