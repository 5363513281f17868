"""Merges written by hand in plain PySpark and Delta, by someone who is good at it, with deletes and late rows.

What it does for speed: the batch is reduced to what can matter and cached, because a MERGE reads its source twice; of
the target it reads only the keys of the batch, by a broadcast; what stays as it is does not reach the MERGE; deletion
vectors. For late rows it keeps what the table forgets in a small one beside it: deletes and rows that changed nothing.
It checks no row and counts nothing, and a kill between its commits loses or doubles rows.
"""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

COLUMNS = ["name", "city", "amount", "price", "day", "note"]
ARRIVAL = ["_batch", "_source_modified", "_source_file"]
DELETION_VECTORS = {"delta.enableDeletionVectors": "true"}
ROW = f"struct({', '.join(COLUMNS)})"
NOT_STORED = ["false AS stored", "CAST(NULL AS bigint) AS until"]
END, START, NOW = "1e6D", "2e6D", "3e6D"
"""What tells which of several events of a key and time counts; of forgotten ones it is the number of their batch."""


class Job:
    """Merges what is new in Bronze into two tables of its own."""

    def __init__(self, spark: SparkSession, bronze: Path, lake: Path) -> None:
        self.spark, self.bronze, self.lake = spark, bronze, lake
        self.done: dict[str, int] = {}

    def merge(self, table: str) -> None:
        """One merge of all batches since the last one."""
        rows = self.spark.read.format("delta").load(str(self.bronze))
        last = self.done.get(table, 0)
        # the batches' numbers are in the files' statistics, so this costs no scan
        self.done[table] = rows.agg(F.max("_batch")).first()[0]
        new = rows.where(F.col("_batch") > last)
        {"latest": self.latest, "history": self.history}[table](new, not last)

    # SCD 1

    def latest(self, new: DataFrame, first: bool) -> None:
        """The newest row of each key; keys that were deleted stay away from older rows."""
        order = F.struct("at", *ARRIVAL, F.expr("op = 'D' AS d"))
        best = F.max_by(F.struct(*COLUMNS, "op", "at"), order)
        newest = new.groupBy("id").agg(best.alias("r")).select("id", "r.*")
        if first:
            deleted = newest.where("op = 'D'").select("id", "at")
            self.append("latest_deleted", deleted)
            live = newest.where("op <> 'D'").selectExpr("id", *COLUMNS, "at AS _sequence")
            self.append("latest", live, DELETION_VECTORS)
            return
        newest = newest.persist()
        try:
            known = self.read("latest_deleted").join(F.broadcast(newest.select("id")), "id", "left_semi")
            known = known.groupBy("id").agg(F.max("at").alias("gone"))
            source = newest.join(F.broadcast(known), "id", "left").where("gone IS NULL OR at >= gone")
            self.append("latest_deleted", newest.where("op = 'D'").select("id", "at"))
            values = ", ".join(f"{name} = s.{name}" for name in COLUMNS)
            names, given = ", ".join(COLUMNS), ", ".join(f"s.{name}" for name in COLUMNS)
            self.spark.sql(
                f"""MERGE INTO {self.name("latest")} t USING {{source}} s ON t.id = s.id
                    WHEN MATCHED AND s.op = 'D' AND s.at >= t._sequence THEN DELETE
                    WHEN MATCHED AND s.at >= t._sequence THEN UPDATE SET {values}, _sequence = s.at
                    WHEN NOT MATCHED AND s.op <> 'D' THEN INSERT (id, {names}, _sequence)
                                                          VALUES (s.id, {given}, s.at)""",
                source=source,
            )
        finally:
            newest.unpersist()

    # SCD 2

    def history(self, new: DataFrame, first: bool) -> None:
        """Every version of each key; late rows are put where they belong."""
        order = F.struct(*ARRIVAL, F.expr("op = 'D' AS d"))
        batch = new.groupBy("id", "at").agg(F.max_by(F.struct(*COLUMNS, "op"), order).alias("r"))
        row = f"struct({', '.join(f'r.{name} AS {name}' for name in COLUMNS)}) AS row"
        batch = batch.selectExpr("id", "at", "r.op AS op", row, f"{NOW} AS age", *NOT_STORED)
        if first:
            placed = self.placed(batch).persist()
            self.remember(placed)
            versions = placed.where("starts").selectExpr(
                "id", "row.*", "at AS valid_from", "valid_to", "valid_to IS NULL AS is_current"
            )
            self.append("history", versions, DELETION_VECTORS)
            placed.unpersist()
            return
        batch = batch.persist()
        placed = None
        try:
            keys = F.broadcast(batch.select("id").distinct())
            there = self.read("history").join(keys, "id", "left_semi").selectExpr("*", f"{ROW} AS row")
            starts = there.selectExpr(
                "id", "valid_from AS at", "'U' AS op", "row", f"{START} AS age", "true AS stored", "valid_to AS until"
            )
            # where a version ends and none begins the key was deleted
            ends = there.where("valid_to IS NOT NULL").selectExpr(
                "id", "valid_to AS at", "'D' AS op", "row", f"{END} AS age", *NOT_STORED
            )
            forgotten = self.read("history_forgotten").join(keys, "id", "left_semi")
            forgotten = forgotten.selectExpr("id", "at", "op", "row", "age", *NOT_STORED)
            events = batch.unionByName(starts).unionByName(ends).unionByName(forgotten)
            placed = self.placed(events).persist()
            self.remember(placed)
            as_stored = f"was_stored AND age = {START} AND valid_to <=> was_until"
            changed = placed.where(f"IF(starts, NOT ({as_stored}), was_stored)").selectExpr(
                "id", "row.*", "at AS valid_from", "valid_to", "starts"
            )
            values = ", ".join(f"{name} = s.{name}" for name in COLUMNS)
            names, given = ", ".join(COLUMNS), ", ".join(f"s.{name}" for name in COLUMNS)
            self.spark.sql(
                f"""MERGE INTO {self.name("history")} t USING {{changed}} s
                    ON t.id = s.id AND t.valid_from = s.valid_from
                    WHEN MATCHED AND NOT s.starts THEN DELETE
                    WHEN MATCHED THEN UPDATE SET {values}, valid_to = s.valid_to, is_current = s.valid_to IS NULL
                    WHEN NOT MATCHED AND s.starts THEN INSERT (id, {names}, valid_from, valid_to, is_current)
                         VALUES (s.id, {given}, s.valid_from, s.valid_to, s.valid_to IS NULL)""",
                changed=changed,
            )
        finally:
            batch.unpersist()
            if placed is not None:
                placed.unpersist()

    def placed(self, events: DataFrame) -> DataFrame:
        """One event for each key and time, whether a version starts there and where that ends."""
        one = events.groupBy("id", "at").agg(
            F.max_by(F.struct("op", "row", "age"), "age").alias("e"),
            F.bool_or("stored").alias("was_stored"),
            F.max("until").alias("was_until"),
        )
        line = Window.partitionBy("id").orderBy("at")
        judged = one.select("id", "at", "e.*", "was_stored", "was_until").withColumns(
            {"alive": F.lag("op").over(line).eqNullSafe("U"), "row_before": F.lag("row").over(line)}
        )
        judged = judged.withColumn("starts", F.expr("op <> 'D' AND NOT (alive AND row <=> row_before)"))
        judged = judged.withColumn("traced", F.expr("starts OR (op = 'D' AND alive)"))
        end = F.expr("lead(if(traced, at, NULL)) IGNORE NULLS OVER (PARTITION BY id ORDER BY at)")
        return judged.withColumn("valid_to", end).drop("alive", "row_before")

    def remember(self, placed: DataFrame) -> None:
        """What leaves no trace in the table now: rows that came, and starts and ends that are none any more."""
        rows = placed.where(f"NOT traced AND age >= {END}")
        age = F.lit(float(self.done["history"])).alias("age")
        self.append("history_forgotten", rows.select("id", "at", "op", "row", age))

    # Tables

    def path(self, table: str) -> str:
        return str(self.lake / table)

    def name(self, table: str) -> str:
        return f"delta.`{self.path(table)}`"

    def read(self, table: str) -> DataFrame:
        return self.spark.read.format("delta").load(self.path(table))

    def append(self, table: str, rows: DataFrame, properties: dict[str, str] | None = None) -> None:
        writer = rows.write.format("delta").mode("append")
        if properties and not Path(self.path(table), "_delta_log").exists():
            columns = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in rows.schema)
            given = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
            self.spark.sql(f"CREATE TABLE {self.name(table)} ({columns}) USING delta TBLPROPERTIES ({given})")
        writer.save(self.path(table))
