"""Counts that ride along with an action, and what becomes of them when no action tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.lake.observed import Observed

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def test_the_first_action_counts_and_later_ones_do_not(spark: SparkSession) -> None:
    found = Observed(spark.range(10), rows=F.count(F.lit(1)), high=F.count_if(F.col("id") > 6))
    assert found.frame.where("id > 8").agg(F.count(F.lit(1))).head() == (1,)
    found.frame.collect()
    assert found.get() == {"rows": 10, "high": 3}


def test_what_no_action_told_is_counted(spark: SparkSession, tmp_path: Path) -> None:
    never = Observed(spark.range(10), rows=F.count(F.lit(1)))
    assert never.get() == {"rows": 10}
    # a query that is planned anew while it runs leaves out what is below a part without rows
    session = spark.newSession()
    session.conf.set("spark.sql.adaptive.enabled", "true")
    session.range(10).write.format("delta").save(str(tmp_path / "t"))
    lost = Observed(session.read.format("delta").load(str(tmp_path / "t")), rows=F.count(F.lit(1)))
    first = F.row_number().over(Window.partitionBy("id").orderBy("id"))
    rows = lost.frame.where("id > 10").withColumn("first", first).where("first = 1").drop("first")
    rows.write.format("delta").mode("append").save(str(tmp_path / "t"))
    assert lost._told() == (), "else this shows nothing, and the library's own sessions need not exclude that rule"
    assert lost.get() == {"rows": 10}
