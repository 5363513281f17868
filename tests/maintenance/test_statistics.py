"""The columns that files are skipped by have statistics, wherever they stand in the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import maintenance
from lakehouse.lake.signature import Signature
from lakehouse.lake.table import Column, Definition, create
from lakehouse.maintenance import Maintenance

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEY = "delta.dataSkippingStatsColumns"


def property_of(columns: dict[str, str], first: tuple[str, ...] = ("_batch",), **keys: object) -> str | None:
    found = maintenance.properties(Maintenance.model_validate(keys), layer="bronze", first=first, columns=columns)
    return found.get(KEY)


def test_deltas_own_choice_is_left_where_it_has_the_columns() -> None:
    assert property_of({**{f"c{i}": "string" for i in range(31)}, "_batch": "bigint", "later": "string"}) is None
    assert property_of({}) is None


def test_a_column_behind_the_first_32_is_named_with_31_others() -> None:
    columns = {"flag": "boolean", **{f"c{i}": "string" for i in range(40)}, "_batch": "bigint"}
    names = (property_of(columns) or "").split(",")
    assert names[:3] == ["_batch", "c0", "c1"]
    assert len(names) == 32
    nested = {"s": f"struct<{','.join(f'f{i}:int' for i in range(32))}>", "_batch": "bigint"}
    assert property_of(nested) == "_batch,s"


def test_named_columns_come_with_those_that_the_table_needs() -> None:
    columns = {"k": "int", "Day": "date", "raw": "binary", "_sequence": "timestamp"}
    assert property_of(columns, ("k", "_sequence"), statistics=["day", "K"]) == "k,_sequence,Day"


def test_delta_takes_them_and_keeps_their_statistics(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"flag": "boolean", "bin": "binary", "m": "map<string,int>", "l": "array<int>", "v": "variant"}
    columns |= {"a b": "decimal(4,2)", **{f"c{i}": "string" for i in range(40)}, "_batch": "bigint"}
    found = maintenance.properties(None, layer="bronze", first=("_batch",), columns=columns)
    definition = Definition(
        {n: Column(t) for n, t in columns.items()}, properties={**found, "delta.columnMapping.mode": "name"}
    )
    path = tmp_path / "t"
    create(spark, str(path), "id", definition, Signature("id", "r", "a", "create", 0, 0, "", {}))
    spark.sql("SELECT 7L AS _batch, 'x' AS c39, 'y' AS c0").write.format("delta").mode("append").save(str(path))
    actions = [json.loads(line) for line in (path / "_delta_log/00000000000000000001.json").read_text().splitlines()]
    (stats,) = [json.loads(action["add"]["stats"]) for action in actions if "add" in action]
    assert set(stats["minValues"].values()) == {7, "y"}
