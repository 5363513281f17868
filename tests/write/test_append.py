"""Appending, with and without keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from lakehouse.write import append
from tests.write.conftest import Table, commits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_the_short_form() -> None:
    assert append.Options.model_validate(True) == append.Append()
    assert append.Options.model_validate({"keys": "a"}).keys == ("a",)
    with pytest.raises(ValidationError, match="says nothing"):
        append.Options.model_validate(False)


def test_stored_columns_only_by_name_in_one_commit(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(a="int", b="string")
    frame = spark.createDataFrame([("x", 1, 9, 2)], "b string, A int, other int, __hidden int")
    made.write(append, frame, append.Append())
    made.write(append, frame.select("A"), append.Append())
    assert made.rows("a", "b") == [(1, "x"), (1, None)] or made.rows("a", "b") == [(1, None), (1, "x")]
    assert (made.version, made.read().columns) == (2, ["a", "b"])


def test_new_columns_come_with_the_data_and_their_comments(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(a="int")
    frame = spark.createDataFrame([(1, "x")], "a int, Fl_No string")
    made.write(
        append, frame, append.Append(), columns={"a": "int", "Fl_No": "string"}, comments={"Fl_No": "Fl No", "a": "no"}
    )
    assert made.version == 1
    fields = {f.name: f.metadata.get("comment") for f in made.read().schema.fields}
    assert fields == {"a": None, "Fl_No": "Fl No"}


def test_an_empty_frame_is_a_signed_commit(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(a="int")
    made.write(append, spark.createDataFrame([], "a int"), append.Append())
    assert [t["version"] for t in commits(made.path)[-1]["txn"]] == [1]
    assert made.rows() == []


def test_s40_keys_leave_out_rows_that_are_there_or_came_earlier(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    made = table(k="int", v="string")
    options = append.Append(keys="k")

    def frame(*rows: tuple[int | None, str, int]) -> object:
        return spark.createDataFrame(list(rows), "k int, v string, _batch bigint")

    made.write(append, frame((1, "second", 2), (1, "first", 1), (None, "null", 1)), options)
    made.write(append, frame((1, "late", 3), (None, "late", 3), (2, "new", 3)), options)
    assert made.rows() == [(1, "first"), (2, "new"), (None, "null")]
    assert made.version == 2
