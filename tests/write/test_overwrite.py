"""Replacing all rows in one commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lakehouse.write import overwrite
from tests.write.conftest import Table, commits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS = overwrite.Options.model_validate(True)


def test_rows_are_replaced_in_one_commit_and_the_schema_stays(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(a="int", b="string")
    made.write(overwrite, spark.createDataFrame([(1, "x"), (2, "y")], "a int, b string"), OPTIONS)
    made.write(overwrite, spark.createDataFrame([("z", 3, 1)], "b string, a int, other int"), OPTIONS)
    assert made.rows() == [(3, "z")]
    assert made.version == 2
    assert "metaData" not in commits(made.path)[-1]
    assert [
        len(c)
        for c in ([tuple(r) for r in spark.read.format("delta").option("versionAsOf", 1).load(made.path).collect()],)
    ] == [2]


def test_new_columns_are_added_by_the_same_commit(table: Callable[..., Table], spark: SparkSession) -> None:
    made = table(a="int")
    made.write(
        overwrite, spark.createDataFrame([(1, "x")], "a int, b string"), OPTIONS, columns={"a": "int", "b": "string"}
    )
    assert (made.rows(), made.version) == ([(1, "x")], 1)


def test_another_type_is_refused_unless_the_schema_may_be_replaced(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    made = table(a="int")
    frame = spark.createDataFrame([("x",)], "a string")
    with pytest.raises(Exception, match=r"(?i)merge|cast|type"):
        made.write(overwrite, frame, OPTIONS)
    assert made.version == 0
    made.sequence = 0
    made.write(overwrite, frame, OPTIONS, columns={"a": "string"}, replace_schema=True)
    assert made.rows() == [("x",)]
    assert made.read().schema.simpleString() == "struct<a:string>"
