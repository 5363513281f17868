"""The filters are in the files: read from their footers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from lakehouse import maintenance
from lakehouse.lake.signature import Signature
from lakehouse.lake.table import Column, Definition, create
from lakehouse.maintenance import Maintenance

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def lengths(path: Path) -> set[tuple[str, int | None]]:
    """Column and bytes of its filter, of every column chunk of the table's files."""
    found = set()
    for file in path.glob("*.parquet"):
        meta = pq.ParquetFile(file).metadata
        for group in range(meta.num_row_groups):
            for index in range(meta.num_columns):
                chunk = meta.row_group(group).column(index)
                found.add((chunk.path_in_schema, chunk.bloom_filter_length if chunk.bloom_filter_offset else None))
    return found


def test_fpp_and_items_are_checked() -> None:
    for wrong in ({"fpp": 0}, {"fpp": 1}, {"num_items": 0}, {"fbb": 0.1}):
        with pytest.raises(ValidationError):
            Maintenance.model_validate({"bloom_filter": {"a": wrong}})


def test_filters_are_written_by_append_optimize_and_merge(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    keys = Maintenance.model_validate({"bloom_filter": {"tail": {"fpp": 0.01, "num_items": 2000}, "st.x": {}}})
    definition = Definition(
        {"tail": Column("string"), "other": Column("string"), "st": Column("struct<x:string>")},
        properties=maintenance.properties(keys, layer="silver", rewrites=True),
    )
    create(spark, str(path), "id", definition, Signature("id", "r", "a", "create", 0, 0, "", {}))
    rows = spark.range(3000).selectExpr(
        "sha1(cast(id as string)) tail",
        "sha1(cast(-id as string)) other",
        "named_struct('x', md5(cast(id as string))) st",
    )
    for _ in range(2):
        rows.coalesce(1).write.format("delta").mode("append").save(str(path))

    def check() -> None:
        by_column = dict(lengths(path))
        assert by_column["other"] is None
        # 4 KiB of bits for 2,000 values at 1 %, 1 MiB where nothing is said, each with a header
        assert 4096 <= (by_column["tail"] or 0) < 4200
        assert (1 << 20) <= (by_column["st.x"] or 0) < (1 << 20) + 100

    check()
    maintenance.run(spark, str(path), keys, maintenance.Decision("optimize", True, "test"))
    rows.limit(10).createOrReplaceTempView("bloom_rows")
    spark.sql(
        f"MERGE INTO delta.`{path}` t USING bloom_rows s ON t.tail = concat(s.tail, 'x') WHEN NOT MATCHED THEN INSERT *"
    )
    spark.catalog.dropTempView("bloom_rows")
    assert {n for n, size in lengths(path) if size} == {"tail", "st.x"}
