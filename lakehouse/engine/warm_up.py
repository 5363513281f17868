"""A small job of every kind that runs do, so that the JVM's class archive holds what they load."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.engine import jvm, session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SCHEMA = "id STRING, at STRING, amount STRING, name STRING, _corrupt_record STRING"
_NEWEST = "(SELECT *, row_number() OVER (PARTITION BY id ORDER BY at DESC) AS n FROM batch)"


def main(scratch: str, archive: str) -> None:
    """Run the job in the folder `scratch`; the JVM writes `archive` when it ends."""
    from pyspark import SparkContext

    options = f'"-XX:ArchiveClassesAtExit={archive}" -Xlog:disable -XX:+UseSerialGC -XX:TieredStopAtLevel=1'
    conf = {"spark.databricks.delta.snapshotPartitions": "1", "spark.sql.shuffle.partitions": "1"}
    spark = session.build("local[2]", {**conf, "spark.driver.extraJavaOptions": options})
    step = session.step_session(spark, {})
    frame = _read(step, Path(scratch))
    _write(step, frame, Path(scratch))
    gateway = SparkContext._gateway
    spark.stop()
    jvm.end(gateway)


def _read(spark: SparkSession, folder: Path) -> DataFrame:
    from pyspark.sql import functions as f

    numbers = range(200)
    csv, json = folder / "in.csv", folder / "in.json"
    csv.write_text("id,at,amount,name\n" + "".join(f"{n},2013-01-01 10:00:00,{n}.5, x{n} \n" for n in numbers))
    json.write_text("".join(f'{{"id": {n}, "tags": ["a"], "place": {{"x": {n}}}}}\n' for n in numbers) + "{broken\n")
    spark.read.option("primitivesAsString", True).json(str(json)).select("id", f.to_json("place")).collect()
    typed = spark.read.schema(_SCHEMA).option("header", True).option("escape", '"').csv(str(csv)).select(
        f.expr("try_cast(id AS INT)").alias("id"),
        f.expr("try_cast(at AS TIMESTAMP)").alias("at"),
        f.expr("try_cast(amount AS DECIMAL(10, 2))").alias("amount"),
        f.trim("name").alias("name"),
        f.col("_metadata.file_path").alias("file"),
        f.array_compact(f.array(f.when(f.expr("id IS NULL"), f.struct("id", "name")))).alias("failures"),
    )  # fmt: skip
    typed.agg(f.count(f.lit(1)), f.count_if(f.col("id") < 5), f.sum(f.size("failures"))).collect()
    return typed.select("id", "at", "amount", "name")


def _write(spark: SparkSession, frame: DataFrame, folder: Path) -> None:
    frame.createOrReplaceTempView("batch")
    facts, dimension = f"delta.`{folder / 'facts'}`", f"delta.`{folder / 'dimension'}`"
    for table in (facts, dimension):
        spark.sql(
            f"CREATE TABLE {table} (id INT, at TIMESTAMP, amount DECIMAL(10, 2), name STRING) USING delta "
            "TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true')"
        )
    for more in (0, 1):
        frame.write.format("delta").mode("append").option("userMetadata", "x").save(str(folder / "facts"))
        spark.sql(
            f"MERGE WITH SCHEMA EVOLUTION INTO {dimension} t "
            f"USING (SELECT id, at, amount + {more} AS amount, name FROM {_NEWEST} WHERE n = 1 AND id % 2 >= {more}) s "
            "ON t.id = s.id WHEN MATCHED AND NOT (t.amount <=> s.amount) THEN UPDATE SET amount = s.amount "
            "WHEN NOT MATCHED THEN INSERT (id, at, amount, name) VALUES (s.id, s.at, s.amount, s.name)"
        )
    totals = spark.sql(
        f"SELECT name, count(*) AS n, sum(amount) AS total, avg(amount) AS mean FROM {facts} GROUP BY name"
    )
    totals.write.format("delta").mode("overwrite").save(str(folder / "totals"))
    changes = spark.read.format("delta").option("readChangeFeed", True).option("startingVersion", 1)
    changes.load(str(folder / "dimension")).count()
    spark.read.format("delta").option("versionAsOf", 1).load(str(folder / "facts")).join(frame, "id").count()
    for statement in (
        "OPTIMIZE {} ZORDER BY (id)",
        "VACUUM {}",
        "DESCRIBE HISTORY {}",
        "ALTER TABLE {} ADD COLUMN (x INT)",
    ):
        spark.sql(statement.format(facts)).collect()


if __name__ == "__main__":
    main(*sys.argv[1:3])
