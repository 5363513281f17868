"""`copy_into.select`: expressions, casts and `_metadata` over the files' columns."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.errors import StepError
from lakehouse.sources.copy_into import CopyInto
from tests.ingest.feed import INGESTED, T0, Feed, Read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read(feed: Feed, *items: str, known: dict[str, str] | None = None, merge_schema: bool = False, **keys: Any) -> Read:
    copy = CopyInto.model_validate({"select": items, "merge_schema": merge_schema})
    return feed.read(copy_into=copy, known=known, **keys)


def test_expressions_casts_and_metadata(csv_feed: Feed) -> None:
    csv_feed.put("d=5/a.csv", "id,dep time,x\n1,5,a\n2,,b\n")
    path = csv_feed.put("d=5/b.csv", "x,id\nc,3\n")
    out = read(
        csv_feed, "cast(id AS bigint) id", "upper(x) AS `The X`", "dep_time", "cast(d as int) + 1 as e", "now() as at",
        "_metadata.file_name", "_metadata.file_size as size", "_metadata.file_modification_time modified",
        "_metadata.file_path",
    )  # fmt: skip
    assert out.types["id"] == "bigint"
    assert out.out.comments == {"The_X": "The X"}
    at = INGESTED.replace(tzinfo=None)
    when = [(T0 + timedelta(seconds=n)).replace(tzinfo=None) for n in (0, 1)]
    first = str(path).replace("b.csv", "a.csv")
    assert sorted(out.rows) == [
        (1, "A", "5", 6, at, "a.csv", 25, when[0], first),
        (2, "B", None, 6, at, "a.csv", 25, when[0], first),
        (3, "C", None, 6, at, "b.csv", 9, when[1], str(path)),
    ]


def test_a_star_is_the_columns_of_the_files(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a,b,c\n1,2,3\n")
    assert read(csv_feed, "*", "a || b as ab").dicts() == [{"a": "1", "b": "2", "c": "3", "ab": "12"}]
    assert read(csv_feed, "* EXCEPT (B)").dicts() == [{"a": "1", "c": "3"}]


def test_nested_values_are_selected_as_they_are_read(json_feed: Feed) -> None:
    json_feed.put("a.json", '{"a":{"b":{"c":"1"},"l":[1,2]},"id":1,"ID":2}\n')
    out = read(json_feed, "a.b.*", "a.l[1] as second", "a.b.c AS again", "a as whole", "id")
    row = out.full[0]
    assert (row["c"], row["second"], row["again"], row["id"]) == ("1", "2", "1", "2")
    assert row["whole"] == {"b": {"c": "1"}, "l": ["1", "2"]}
    assert json.loads(json.loads(out.rescued[0])["_rescued_data"])["id"] == "1", "nothing is lost by a selection"


def test_bad_records_stay_bad(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a,b\n1,2\n1\n")
    out = read(csv_feed, "cast(a as int) as a")
    assert (out.rows, out.raw) == ([(1,)], ["1"])


def test_what_does_not_fit_the_table_is_rescued_and_typed_values_stay(spark: SparkSession, tmp_path: Path) -> None:
    feed = Feed(spark, tmp_path / "in", "parquet")
    out = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 5_000_000_000], "s": [{"a": 1}, {"a": 2}]}), out)
    feed.put("a.parquet", out.getvalue())
    found = read(feed, "n", "s.a * 2 as twice", known={"n": "int", "twice": "bigint"})
    assert found.rows == [(1, 2), (None, 4)]
    assert json.loads(found.rescued[1])["n"] == "5000000000"


def test_a_new_column_of_the_selection_fails_unless_the_schema_may_merge(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a,b\n1,2\n")
    assert read(csv_feed, "a", known={"a": "string"}).rows == [("1",)]
    with pytest.raises(StepError, match="the table does not: c"):
        read(csv_feed, "a", "b as c", known={"a": "string"})
    assert read(csv_feed, "a", "b as c", known={"a": "string"}, merge_schema=True).rows == [("1", "2")]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (("nope",), r"select.* does not fit the files.*nope"),
        (("a", "b as A"), "two columns called 'A'"),
        (("*", "a"), "two columns called 'a'"),
    ],
)
def test_what_does_not_fit_the_files_is_told(csv_feed: Feed, items: tuple[str, ...], message: str) -> None:
    csv_feed.put("a.csv", "a,b\n1,2\n")
    with pytest.raises(StepError, match=message) as caught:
        read(csv_feed, *items)
    assert caught.value.code == "source.select"


def test_the_time_is_that_of_the_batch_so_that_a_replay_writes_the_same_rows(csv_feed: Feed) -> None:
    csv_feed.put("a.csv", "a\n1\n")
    assert read(csv_feed, "current_timestamp() as at").rows[0][0].replace(tzinfo=UTC) == INGESTED
    assert isinstance(INGESTED, datetime)
