"""`pipelines/flights.yaml` written by hand in plain PySpark and Delta, by someone who is good at it.

What it does for speed: one pass where one is enough (`Observation` counts what has to be set aside while the good rows
are written), a look before the write only where a rule may stop it, a plain append into a table that was just made, no
work without new files, two threads for what does not depend on each other, maintenance only where it is due. What it
leaves out is in README.md. It is one file, longer than others here, because such a job is one: what it is compared with
is a whole library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame, Observation, SparkSession, Window
from pyspark.sql import functions as F

FLIGHTS = [
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "carrier", "flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour",
]  # fmt: skip
PLANES = ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine"]
AIRLINES = ["carrier", "name"]
AIRPORTS = ["faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"]
WEATHER = [
    "dewp", "humid", "origin", "precip", "pressure", "temp", "time_hour", "visib", "wind_dir", "wind_gust",
    "wind_speed",
]  # fmt: skip
FLIGHT_HINTS = {"year": "int", "month": "int", "day": "int", "time_hour": "timestamp"}

ADDED = "_source_file string, _source_modified timestamp, _ingested_at timestamp, _batch bigint, _rescued_data string"

FLIGHTS_STORED = {
    "flight_date": "date NOT NULL", "carrier": "string NOT NULL", "flight": "int NOT NULL", "origin": "string NOT NULL",
    "dest": "string", "tailnum": "string", "sched_dep_time": "int", "dep_time": "int", "dep_delay": "int",
    "arr_delay": "int", "air_time": "int", "distance": "int", "time_hour": "timestamp",
}  # fmt: skip
PLANES_STORED = {
    "tailnum": "string NOT NULL", "built": "int", "manufacturer": "string", "model": "string", "engines": "int",
    "engine_type": "string", "seats": "int",
}  # fmt: skip
AIRLINES_STORED = {"carrier": "string NOT NULL", "name": "string"}
AIRPORTS_STORED = {
    "faa": "string NOT NULL", "name": "string", "latitude": "double", "longitude": "double", "altitude": "int",
    "time_zone": "string",
}  # fmt: skip
WEATHER_STORED = {
    "origin": "string NOT NULL", "time_hour": "timestamp NOT NULL", "temperature": "double", "humidity": "double",
    "wind_speed": "double", "precipitation": "double", "visibility": "double",
}  # fmt: skip

DELETION_VECTORS = {"delta.enableDeletionVectors": "true"}
BLOOM = {
    "parquet.bloom.filter.enabled#tailnum": "true",
    "parquet.bloom.filter.fpp#tailnum": "0.01",
    "parquet.bloom.filter.expected.ndv#tailnum": "5000",
}


class Job:
    """One run over one lake; `run` does it."""

    def __init__(self, spark: SparkSession, landing: Path, lake: Path, punctual_minutes: int = 15) -> None:
        self.spark, self.landing, self.lake = spark, landing, lake
        self.punctual_minutes = punctual_minutes
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.notes = lake / "_by_hand.json"
        noted = json.loads(self.notes.read_text()) if self.notes.exists() else {}
        self.loaded: dict[str, list[str]] = noted.get("loaded", {})
        self.batches: dict[str, int] = noted.get("batches", {})
        self.vacuumed: dict[str, str] = noted.get("vacuumed", {})
        self.changed: set[str] = set()

    def run(self) -> None:
        """Bronze and Silver in two threads, then Gold in two threads."""
        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(self.flights), threads.submit(self.everything_else)]:
                done.result()
            if not self.changed:
                return
            for done in [threads.submit(self.gold, *table) for table in self.gold_tables()]:
                done.result()
        self.notes.write_text(
            json.dumps({"loaded": self.loaded, "batches": self.batches, "vacuumed": self.vacuumed}, indent=1)
        )

    # Bronze

    def take_in(
        self, name: str, columns: list[str], file_format: str, hints: Mapping[str, str] = {}
    ) -> DataFrame | None:
        """Append the new files; returns what they brought as the Bronze table has it, or None without new files."""
        known = set(self.loaded.get(name, []))
        files = [str(path) for path in sorted((self.landing / name).iterdir()) if path.name[0] not in "._"]
        new = [file for file in files if file not in known]
        if not new:
            return None
        table, batch = f"bronze.{name}", self.batches.get(name, 0) + 1
        types = ", ".join(f"{column} {hints.get(column, 'string')}" for column in columns)
        self.create(table, f"{types}, {ADDED}")
        lines = (
            self.spark.read.schema(", ".join(f"{column} string" for column in [*columns, "_corrupt_record"]))
            .options(header=True, escape='"')
            .format(file_format)
            .load(new)
        )
        seen = Observation()
        rows = lines.select(
            *[F.col(c).try_cast(hints[c]).alias(c) if c in hints else F.col(c) for c in columns],
            F.col("_metadata.file_path").alias("_source_file"),
            F.col("_metadata.file_modification_time").alias("_source_modified"),
            F.lit(self.now).alias("_ingested_at"),
            F.lit(batch).cast("bigint").alias("_batch"),
            _rescued(hints).alias("_rescued_data"),
            "_corrupt_record",
        ).observe(seen, F.count("_corrupt_record").alias("bad"))
        good = rows.where("_corrupt_record IS NULL").drop("_corrupt_record")
        good.write.format("delta").mode("append").save(self.path(table))
        if seen.get["bad"]:
            bad = rows.where("_corrupt_record IS NOT NULL").cache()  # else Spark refuses to read this column alone
            self.set_aside(
                table, bad.selectExpr("_corrupt_record AS _raw", "_source_file", "_source_modified", "_batch")
            )
            bad.unpersist()
        self.loaded[name], self.batches[name] = files, batch
        self.keep_fast(table)
        return self.spark.read.format("delta").load(self.path(table)).where(F.col("_batch") == batch)

    # Silver

    def flights(self) -> None:
        bronze = self.take_in("flights", FLIGHTS, "csv", FLIGHT_HINTS)
        if bronze is None:
            return
        missing = ["tailnum", "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
        clean = _trimmed(_kept(bronze), ["carrier", "tailnum", "origin", "dest"])
        clean = _nulled(clean, missing, ["", "NA"]).withColumn("flight_date", F.expr("make_date(year, month, day)"))
        judged = _judged(clean, FLIGHTS_STORED, {"known_origin": "origin IN ('EWR', 'JFK', 'LGA') OR origin IS NULL"})
        seen = judged.agg(
            F.count("dep_delay").alias("judged"),
            F.expr("count_if(dep_delay NOT BETWEEN -60 AND 1000)").alias("implausible"),
            F.expr("count_if(dep_time IS NOT NULL AND air_time IS NULL)").alias("not_landed"),
            F.expr("count_if(size(_failures) > 0)").alias("bad"),
        ).first()
        if seen["implausible"] > 0.001 * seen["judged"]:
            raise ValueError(f"{seen['implausible']} of {seen['judged']} delays are not plausible")
        if seen["bad"]:
            self.set_aside("silver.flights", _rejected(judged))
        self.merge("flights", _accepted(judged), FLIGHTS_STORED, ["flight_date", "carrier", "flight", "origin"], BLOOM)
        self.spark.sql(f"OPTIMIZE {self.name('silver.flights')} ZORDER BY (origin, dest)")
        self.keep_fast("silver.flights", optimize=False)

    def everything_else(self) -> None:
        self.weather()
        self.planes()
        airlines = self.take_in("airlines", AIRLINES, "csv")
        if airlines is not None:
            judged, seen = _observed(_judged(_kept(airlines), AIRLINES_STORED))
            self.merge("airlines", _accepted(judged), AIRLINES_STORED, ["carrier"])
            self.set_aside_if("silver.airlines", judged, seen)
        airports = self.take_in("airports", AIRPORTS, "csv")
        if airports is not None:
            clean = _nulled(_kept(airports), ["tzone"], ["NA"]).withColumnsRenamed(
                {"lat": "latitude", "lon": "longitude", "alt": "altitude", "tzone": "time_zone"}
            )
            judged, seen = _observed(_judged(clean, AIRPORTS_STORED))
            self.merge("airports", _accepted(judged), AIRPORTS_STORED, ["faa"])
            self.set_aside_if("silver.airports", judged, seen)

    def weather(self) -> None:
        bronze = self.take_in("weather", WEATHER, "json")
        if bronze is None:
            return
        clean = _kept(bronze).withColumnsRenamed(
            {"temp": "temperature", "humid": "humidity", "precip": "precipitation", "visib": "visibility"}
        )
        calm = {"credible_wind": "wind_speed BETWEEN 0 AND 200 OR wind_speed IS NULL"}
        judged, seen = _observed(_judged(clean, WEATHER_STORED, calm))
        self.create("silver.weather", _ddl(WEATHER_STORED), cluster_by="origin, time_hour")
        accepted = _accepted(judged).select(*WEATHER_STORED)
        accepted.write.format("delta").mode("append").save(self.path("silver.weather"))
        self.set_aside_if("silver.weather", judged, seen)
        self.keep_fast("silver.weather")

    def planes(self) -> None:
        bronze = self.take_in("planes", PLANES, "csv")
        if bronze is None:
            return
        clean = _nulled(_kept(bronze), ["year", "speed"], ["NA"]).where("type <> 'Rotorcraft'")
        clean = clean.withColumnsRenamed({"year": "built", "engine": "engine_type"})
        judged, seen = _observed(_judged(clean, PLANES_STORED), F.expr("count_if(built IS NULL)").alias("age_unknown"))
        new = _accepted(judged).withColumn("valid_from", F.col("_source_modified"))
        table = self.name("silver.planes")
        times = "valid_from timestamp, valid_to timestamp, is_current boolean"
        if self.create("silver.planes", f"{_ddl(PLANES_STORED)}, {times}", DELETION_VECTORS):
            first = new.selectExpr(*PLANES_STORED, "valid_from", "CAST(NULL AS timestamp) valid_to", "true is_current")
            first.write.format("delta").mode("append").save(self.path("silver.planes"))
        else:  # the register comes whole: one newer version of each aircraft at a time
            tracked = [column for column in PLANES_STORED if column != "tailnum"]
            differs = " OR ".join(f"NOT n.{column} <=> c.{column}" for column in tracked)
            current = self.spark.read.format("delta").load(self.path("silver.planes")).where("is_current")
            changes = (
                new.alias("n")
                .join(current.alias("c"), F.expr("n.tailnum = c.tailnum AND n.valid_from > c.valid_from"), "left")
                .where(f"c.tailnum IS NULL OR {differs}")
                .selectExpr("n.*", "c.tailnum IS NOT NULL AS closes")
            )
            staged = changes.where("closes").selectExpr("tailnum AS key", *PLANES_STORED, "valid_from")
            staged = staged.unionByName(changes.selectExpr("CAST(NULL AS string) key", *PLANES_STORED, "valid_from"))
            names, values = ", ".join(PLANES_STORED), ", ".join(f"s.{column}" for column in PLANES_STORED)
            self.spark.sql(
                f"""MERGE INTO {table} t USING {{staged}} s ON t.tailnum = s.key AND t.is_current
                    WHEN MATCHED THEN UPDATE SET valid_to = s.valid_from, is_current = false
                    WHEN NOT MATCHED THEN INSERT ({names}, valid_from, valid_to, is_current)
                                          VALUES ({values}, s.valid_from, NULL, true)""",
                staged=staged,
            )
        self.set_aside_if("silver.planes", judged, seen)
        self.keep_fast("silver.planes")

    def merge(
        self, name: str, rows: DataFrame, stored: Mapping[str, str], keys: list[str], properties: Mapping[str, str] = {}
    ) -> None:
        """The newest row of each key, by the time of its file."""
        table = f"silver.{name}"
        latest = Window.partitionBy(*keys).orderBy(F.desc("_source_modified"), F.desc("_source_file"))
        newest = rows.withColumn("_place", F.row_number().over(latest)).where("_place = 1")
        newest = newest.select(*stored, F.col("_source_modified").alias("_sequence"))
        if self.create(table, f"{_ddl(stored)}, _sequence timestamp", {**DELETION_VECTORS, **properties}):
            newest.write.format("delta").mode("append").save(self.path(table))
        else:
            same = " AND ".join(f"t.{key} = s.{key}" for key in keys)
            self.spark.sql(
                f"""MERGE INTO {self.name(table)} t USING {{newest}} s ON {same}
                    WHEN MATCHED AND s._sequence >= t._sequence THEN UPDATE SET *
                    WHEN NOT MATCHED THEN INSERT *""",
                newest=newest,
            )
        if name != "flights":
            self.keep_fast(table)

    # Gold

    def gold_tables(self) -> list[tuple[str, str, str | None]]:
        """Name, query and clustering column, the slow ones first."""
        flights, planes, weather, airlines, airports = (
            self.name(f"silver.{name}") for name in ("flights", "planes", "weather", "airlines", "airports")
        )
        return [
            ("gold.carrier_day", f"""
                SELECT carrier, flight_date, count(*) AS flights, count_if(dep_time IS NULL) AS cancelled,
                       count_if(dep_delay > {self.punctual_minutes}) AS late, avg(dep_delay) AS mean_delay
                FROM {flights} GROUP BY ALL""", None),
            ("gold.weather_delay", f"""
                SELECT CASE WHEN w.visibility < 2 THEN 'fog' WHEN w.precipitation > 0 THEN 'rain or snow'
                            WHEN w.wind_speed >= 25 THEN 'wind' ELSE 'fair' END AS weather,
                       count(*) AS flights, avg(f.dep_delay) AS mean_delay,
                       count_if(f.dep_delay > {self.punctual_minutes}) AS late
                FROM {flights} f JOIN {weather} w ON w.origin = f.origin AND w.time_hour = f.time_hour
                GROUP BY ALL""", None),
            ("gold.routes", f"""
                SELECT l.name AS airline, f.origin, coalesce(p.name, f.dest) AS destination, count(*) AS flights,
                       avg(f.arr_delay) AS mean_delay
                FROM {flights} f JOIN {airlines} l ON l.carrier = f.carrier LEFT JOIN {airports} p ON p.faa = f.dest
                GROUP BY ALL""", None),
            ("gold.fleet_age", f"""
                SELECT p.manufacturer, year(f.flight_date) - p.built AS age, count(*) AS flights
                FROM {flights} f JOIN {planes} p ON f.tailnum = p.tailnum AND p.is_current
                GROUP BY ALL""", "manufacturer"),
        ]  # fmt: skip

    def gold(self, table: str, query: str, cluster_by: str | None) -> None:
        result = self.spark.sql(query)
        if cluster_by:
            self.create(table, ", ".join(f"{name} {kind}" for name, kind in result.dtypes), cluster_by=cluster_by)
        result.write.format("delta").mode("overwrite").save(self.path(table))
        self.keep_fast(table)

    # Tables

    def path(self, table: str) -> str:
        return str(self.lake / table.replace(".", "/"))

    def name(self, table: str) -> str:
        return f"delta.`{self.path(table)}`"

    def create(self, table: str, columns: str, properties: Mapping[str, str] = {}, cluster_by: str = "") -> bool:
        """Make the table unless it is there; returns whether it was made. It is then noted as changed."""
        self.changed.add(table)
        if Path(self.path(table), "_delta_log").exists():
            return False
        texts = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
        self.spark.sql(
            f"CREATE TABLE {self.name(table)} ({columns}) USING delta"
            + (f" CLUSTER BY ({cluster_by})" if cluster_by else "")
            + (f" TBLPROPERTIES ({texts})" if texts else "")
        )
        return True

    def set_aside(self, table: str, rows: DataFrame) -> None:
        rows.write.format("delta").mode("append").save(self.path(f"{table}_quarantine"))

    def set_aside_if(self, table: str, judged: DataFrame, seen: Observation) -> None:
        if seen.get["bad"]:
            self.set_aside(table, _rejected(judged))

    def keep_fast(self, table: str, optimize: bool = True) -> None:
        """OPTIMIZE from 20 files on, VACUUM once a week."""
        if optimize and sum(1 for _ in Path(self.path(table)).glob("*.parquet")) >= 20:
            self.spark.sql(f"OPTIMIZE {self.name(table)}")
        last = datetime.fromisoformat(self.vacuumed.setdefault(table, self.now.isoformat()))
        if self.now - last > timedelta(days=7):
            self.spark.sql(f"VACUUM {self.name(table)}")
            self.vacuumed[table] = self.now.isoformat()


def _rescued(hints: Mapping[str, str]) -> F.Column:
    if not hints:
        return F.lit(None).cast("string")
    misfits = ", ".join(
        f"'{name}', if({name} IS NOT NULL AND try_cast({name} AS {kind}) IS NULL, {name}, NULL)"
        for name, kind in hints.items()
    )
    return F.expr(f"nullif(to_json(map_filter(map({misfits}), (k, v) -> v IS NOT NULL)), '{{}}')")


def _kept(bronze: DataFrame) -> DataFrame:
    """With the row as it came in, for the quarantine."""
    return bronze.withColumn("_input", F.struct("*"))


def _trimmed(frame: DataFrame, columns: list[str]) -> DataFrame:
    return frame.withColumns({c: F.regexp_replace(c, r"^[\s\u00a0]+|[\s\u00a0]+$", "") for c in columns})


def _nulled(frame: DataFrame, columns: list[str], texts: list[str]) -> DataFrame:
    return frame.withColumns({c: F.when(~F.col(c).isin(texts), F.col(c)) for c in columns})


def _judged(frame: DataFrame, stored: Mapping[str, str], rules: Mapping[str, str] = {}) -> DataFrame:
    """Stored columns in their types, and in `_failures` the names of the rules that the row breaks."""
    casts, misfits = {}, []
    types = dict(frame.dtypes)
    for name, declared in stored.items():
        kind = declared.removesuffix(" NOT NULL")
        if types[name] != kind:
            casts[name] = F.col(name).try_cast(kind)
            misfits.append(F.when(F.col(name).isNotNull() & casts[name].isNull(), f"schema.{name}"))
        if declared.endswith(" NOT NULL"):
            misfits.append(F.when(F.col(name).isNull(), f"schema.{name}"))
        if FLIGHT_HINTS.get(name) == types[name]:
            rescued = F.get_json_object("_rescued_data", f"$.{name}")
            misfits.append(F.when(rescued.isNotNull(), f"schema.{name}"))
    broken = [F.when(~F.expr(f"coalesce({condition}, false)"), name) for name, condition in rules.items()]
    typed = frame.withColumns({**casts, "_misfits": F.array_compact(F.array(*misfits))})
    return typed.withColumn(
        "_failures", F.concat("_misfits", F.array_compact(F.array(*broken))) if broken else F.col("_misfits")
    )


def _observed(judged: DataFrame, *more: F.Column) -> tuple[DataFrame, Observation]:
    seen = Observation()
    return judged.observe(seen, F.expr("count_if(size(_failures) > 0)").alias("bad"), *more), seen


def _accepted(judged: DataFrame) -> DataFrame:
    return judged.where("size(_failures) = 0")


def _rejected(judged: DataFrame) -> DataFrame:
    return judged.where("size(_failures) > 0").select("_input.*", "_failures")


def _ddl(stored: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in stored.items())
