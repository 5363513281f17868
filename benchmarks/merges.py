"""What a merge costs: one per cent of the rows merged into a large table, SCD 1 and SCD 2, beside the same by hand.

    python benchmarks/merges.py [--rows 5000000] [--share 0.01] [--merges 11] [--only latest|history]

All in one session over the same Bronze table, whose batches are shuffled and hold updates, new keys, deletes, rows that
change nothing, several rows of a key and late ones. Both take turns, and in the end both tables must hold the same.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from benchmarks.merges_by_hand import Job

GOALS = {"latest": 1.10, "history": 1.25}
NAMES = {"latest": "SCD 1", "history": "SCD 2"}
SLOWER = 1.1
"""How much longer the last merge may take than the first."""
SCHEMA = "{id: bigint, name: string, city: string, amount: double, price: 'decimal(12,2)', day: date, note: string}"
MERGE = "merge: {keys: id, sequence_by: at, apply_as_deletes: op = 'D'"
PIPELINE = f"""\
pipeline: merges
run: {{max_parallel: 1, max_retries: 0}}
defaults: {{silver: {{maintenance: {{optimize: never, vacuum: never}}}}}}
bronze:
  events: {{source: {{format: parquet, path: landing}}, maintenance: {{optimize: never, vacuum: never}}}}
silver:
  latest: {{from: bronze.events, schema: {SCHEMA}, {MERGE}}}}}
  history: {{from: bronze.events, schema: {SCHEMA}, {MERGE}, stored_as_scd_type: 2}}}}
"""


def main() -> int:
    """Measure and print; 1 when a table differs from the one by hand."""
    parser = argparse.ArgumentParser(description="Merges into a large table, beside the same by hand.")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--share", type=float, default=0.01, help="rows of a merge, as a share (default 0.01)")
    parser.add_argument("--merges", type=int, default=11)
    parser.add_argument("--only", choices=GOALS, help="one kind of merge")
    options = parser.parse_args()
    from lakehouse.engine import session

    spark = session.build(master="local[*]", conf={})
    spark.sparkContext.setLogLevel("ERROR")
    base = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        tables = [options.only] if options.only else list(GOALS)
        return measure(spark, base, options.rows, int(options.rows * options.share), options.merges, tables)
    finally:
        spark.stop()
        shutil.rmtree(base, ignore_errors=True)


def measure(spark: SparkSession, base: Path, rows: int, batch: int, merges: int, tables: list[str]) -> int:
    """Fill both lakes, then merge after merge in turns; 1 when they differ in the end."""
    from benchmarks.merges_by_hand import Job

    for folder in ("pipelines", "configs", "by_hand"):
        (base / folder).mkdir()
    (base / "configs" / "local.yaml").write_text("lake: ./lake\n")
    (base / "pipelines" / "merges.yaml").write_text(PIPELINE)
    hand = Job(spark, base / "lake" / "bronze" / "events", base / "by_hand")
    took: dict[tuple[str, str], list[float]] = {}
    for number in range(merges + 1):
        land(spark, base / "landing", number, rows, batch)
        run(base, spark, "bronze.events")
        for table in tables:
            for who in ("library", "by hand")[:: -1 if number % 2 else 1]:
                seconds = run(base, spark, f"silver.{table}") if who == "library" else by_hand(hand, table)
                took.setdefault((table, who), []).append(seconds)
                word = f"merge {number}" if number else "first load"
                print(f"  {word}, {NAMES[table]}, {who}: {seconds:.2f} s", file=sys.stderr, flush=True)
    print(f"{batch:,} rows into {rows:,}, {merges} merges, {spark.sparkContext.defaultParallelism} cores")
    print(f"{'':8}{'':12}{'first load':>12}{'median':>10}{'first':>10}{'last':>10}{'last/first':>12}")
    for table in tables:
        ours, theirs = took[table, "library"], took[table, "by hand"]
        for who, seconds in (("library", ours), ("by hand", theirs)):
            load, first, last = seconds[0], seconds[1], seconds[-1]
            line = f"{load:>10.2f} s{median(seconds[1:]):>8.2f} s{first:>8.2f} s{last:>8.2f} s{last / first:>12.2f}"
            print(f"{NAMES[table]:8}{who:12}{line}")
        ratio = median(ours[1:]) / median(theirs[1:])
        print(f"{NAMES[table]:8}{'ratio':12}{ratio:>22.2f}   goal {GOALS[table]}, last/first {SLOWER}")
    differences = [line for table in tables for line in compare(spark, base, table)]
    print("\n".join(differences) or "\nBoth hold the same rows.")
    return 1 if differences else 0


def land(spark: SparkSession, folder: Path, number: int, rows: int, batch: int) -> None:
    """One Parquet file, shuffled: first every key once, then batches of all that can happen.

    Of 20 rows of a batch 14 change a key, two bring a new one, one deletes, one says what the first load said, one is
    older than the last merge, one older than all; one of the 14 comes twice, with another time.
    """
    what = f"pmod(xxhash64(id, {number}), 20)" if number else "19"
    # rows that differ never have the same key and time, which only a hash of the content would tell apart
    now = 10 * number
    at = f"CASE {what} WHEN 3 THEN {now - 15} WHEN 4 THEN -1 WHEN 5 THEN {now + 1} ELSE {now} END"
    some = f"pmod(xxhash64(id, {number}, 7), {rows})"
    key = f"IF({what} IN (0, 1), {rows + number * batch} + id, {some})" if number else "id"
    salt = f"IF({what} = 5, 0, {number})"
    frame = spark.range(batch if number else rows).selectExpr(
        f"CAST({key} AS bigint) AS id",
        f"CAST({at} AS bigint) AS at",
        f"IF({what} = 2, 'D', 'U') AS op",
        f"{salt} AS salt",
        f"{what} AS what",
    )
    if number:
        frame = frame.unionByName(
            frame.where("what = 6").selectExpr("id", "at + 3 AS at", "op", "salt + 1 AS salt", "what")
        )
    frame = frame.selectExpr(
        "id", "at", "op",
        "concat('name ', id % 9999, ' ', salt) AS name",
        "concat('city ', (id + salt) % 1000) AS city",
        "(id + salt) * 0.25D AS amount",
        "CAST((id + salt) % 100000 AS decimal(12, 2)) AS price",
        "date_add(DATE'2020-01-01', CAST((id + salt) % 1000 AS int)) AS day",
        "concat('note of ', sha1(CAST(id AS string))) AS note",
    )  # fmt: skip
    parts = 4 if not number else 1
    frame.orderBy("note").coalesce(parts).write.mode("append").parquet(str(folder / f"n={number:02}"))


def run(base: Path, spark: SparkSession, table: str) -> float:
    """Seconds of one step of the library; raises RuntimeError when it fails."""
    import lakehouse as lh

    result = lh.run(lh.load(root=base), spark=spark, select=table)
    if not result.ok:
        raise RuntimeError("; ".join(str(step.error) for step in result.steps.values()))
    return float(result[table].seconds)


def by_hand(job: Job, table: str) -> float:
    started = time.perf_counter()
    job.merge(table)
    return time.perf_counter() - started


def compare(spark: SparkSession, base: Path, table: str) -> list[str]:
    """What differs; the columns are those that both have."""
    from benchmarks.run import fingerprint

    frames = [spark.read.format("delta").load(str(p)) for p in (base / "lake/silver" / table, base / "by_hand" / table)]
    columns = sorted(set(frames[0].columns) & set(frames[1].columns))
    prints = [fingerprint(frame.select(*columns)) for frame in frames]
    if prints[0] == prints[1]:
        return []
    return [f"DIFFERENT {table}: {prints[0][0]} rows by the library, {prints[1][0]} by hand, not the same ones"]


if __name__ == "__main__":
    sys.exit(main())
