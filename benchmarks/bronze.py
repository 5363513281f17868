"""Bronze beside Spark's own file stream and beside a read written by hand, on the same files in the same session.

    python benchmarks/bronze.py [--files 10000] [--known 100000] [--simulated 1000000] [--rows 4000000] [--only WORD]

Each part prints both times and their ratio beside the goal. Parts: `files` (many small files), `known` (a run over a
folder of which everything is loaded, in a process of its own), `ledger` (a ledger of a million files, simulated), `big`
(one big file).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.sources.base import SourceFile

SCHEMA = "id string, name string, amount string, at string"
BEST = {"spark.sql.sources.parallelPartitionDiscovery.threshold": "1000000", "spark.sql.files.openCostInBytes": "65536"}
"""The settings at which Spark's stream takes many small files fastest."""
START = datetime(2024, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure the parts and print them."""
    parser = argparse.ArgumentParser(description="Bronze beside Spark's own file stream and a read by hand.")
    parser.add_argument("--files", type=int, default=10_000, help="small files to load (default 10,000)")
    parser.add_argument("--known", type=int, default=100_000, help="files that are loaded already (default 100,000)")
    parser.add_argument("--simulated", type=int, default=1_000_000, help="files of the simulated ledger")
    parser.add_argument("--rows", type=int, default=4_000_000, help="records of the big file (default 4,000,000)")
    parser.add_argument("--only", choices=("files", "known", "ledger", "big"), help="measure this part alone")
    parser.add_argument("--child", choices=("run", "ledger", "defaults"), help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        children: dict[str, Callable[[], dict[str, float]]] = {
            "run": lambda: run_once(options.base),
            "ledger": lambda: look(options.simulated),
            "defaults": lambda: by_defaults(options.base, options.files),
        }
        print(json.dumps(children[options.child]()))
        return
    parts: dict[str, Callable[[Path], None]] = {
        "files": lambda base: many_files(base, options.files),
        "known": lambda base: known_files(base, options.known),
        "ledger": lambda _: a_ledger(options.simulated),
        "big": lambda base: one_file(base, options.rows),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            base = Path(tempfile.mkdtemp(prefix="bench-"))
            try:
                part(base)
            finally:
                shutil.rmtree(base, ignore_errors=True)


def told(what: str, ours: float, theirs: float, goal: str) -> None:
    """A line: our seconds, theirs, how many times faster or slower, and the goal."""
    ratio = f"{theirs / ours:6.1f} times faster" if ours <= theirs else f"{ours / theirs:6.2f} times as long"
    print(f"{what:<44} {ours:8.2f} s  {theirs:8.2f} s  {ratio}   goal: {goal}", flush=True)


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def project(base: Path, kind: str, keys: str = "") -> None:
    """A project of one Bronze table over the files in `landing`."""
    for folder in ("pipelines", "configs", "landing"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    (base / "configs" / "local.yaml").write_text("lake: ./lake\n")
    table = f"{{source: {{format: {kind}, path: landing, options: {{header: true}}}}{keys}}}"
    table = table if kind == "csv" else table.replace(", options: {header: true}", "")
    (base / "pipelines" / "p.yaml").write_text(f"pipeline: p\nbronze:\n  events: {table}\n")


def load(base: Path, spark: SparkSession | None = None) -> None:
    """One run of the library; raises RuntimeError when it fails."""
    import lakehouse as lh

    result = lh.run(lh.load(root=base), spark=spark)
    if not result.ok:
        raise RuntimeError("; ".join(str(step.error) for step in result.steps.values()))


def stream(base: Path, spark: SparkSession, name: str) -> None:
    """One run of Spark's file stream, with a checkpoint and a table of its own name."""
    source = spark.readStream.schema(SCHEMA).json(str(base / "landing"))
    writer = source.writeStream.format("delta").option("checkpointLocation", str(base / f"{name}.checkpoint"))
    writer.trigger(availableNow=True).start(str(base / name)).awaitTermination()


def session(**conf: str) -> SparkSession:
    """The session that the library starts by itself."""
    from lakehouse.engine import session

    return session.build(master="local[*]", conf=conf)


def rows(count: int) -> Iterator[str]:
    """Records as JSON lines."""
    for i in range(count):
        yield f'{{"id":"{i}","name":"name of {i}","amount":"{i % 977}.25","at":"2024-01-01 00:00:{i % 60:02}"}}\n'


def land(base: Path, first: int, count: int) -> None:
    """So many files of one record, each a second newer than the one before."""
    for number, row in enumerate(rows(count), start=first):
        path = base / "landing" / f"{number:07}.json"
        path.write_text(row)
        at = (START + timedelta(seconds=number)).timestamp()
        os.utime(path, (at, at))


# --- many small files ---------------------------------------------------------------------------------------------


def many_files(base: Path, count: int) -> None:
    """Load them, look again with nothing new, and with ten new; Spark's defaults are those of a session of its own."""
    defaults = child("defaults", base / "defaults", "--files", str(count), times=1)["seconds"]
    spark = session()
    for number in (min(count, 2000), count):  # the first warms up and does not count
        shutil.rmtree(base, ignore_errors=True)
        project(base, "json")
        land(base, 0, number)
        ours = seconds(lambda: load(base, spark))
        for name, value in BEST.items():
            spark.conf.set(name, value)
        best = seconds(lambda: stream(base, spark, "best"))
        for name in BEST:
            spark.conf.unset(name)
    told(f"load {count:,} files, Spark's defaults", ours, defaults, "3 times faster")
    told(f"load {count:,} files, Spark's best settings", ours, best, "")
    counted = [spark.read.format("delta").load(str(base / p)).count() for p in ("lake/bronze/events", "best")]
    if counted != [count] * 2:
        raise RuntimeError(f"rows differ: {counted}")
    for name, value in BEST.items():
        spark.conf.set(name, value)
    pairs = [(seconds(lambda: load(base, spark)), seconds(lambda: stream(base, spark, "best"))) for _ in range(5)]
    ours, theirs = (median(times) for times in zip(*pairs, strict=True))
    told(f"nothing new among {count:,}, best settings", ours, theirs, "5 times faster")
    land(base, count, 10)
    ours, theirs = seconds(lambda: load(base, spark)), seconds(lambda: stream(base, spark, "best"))
    told(f"10 new among {count:,}, best settings", ours, theirs, "")
    spark.stop()


def by_defaults(base: Path, count: int) -> dict[str, float]:
    """Seconds of Spark's file stream in a session that knows of Delta and nothing else, the second time."""
    from pyspark.sql import SparkSession

    from lakehouse.engine import jvm
    from lakehouse.engine.session import DELTA

    jvm.use(jvm.find_java())
    conf = {**DELTA, "spark.jars": ",".join(map(str, jvm.jars())), "spark.ui.enabled": "false"}
    spark = SparkSession.builder.master("local[*]").config(map=conf).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    (base / "landing").mkdir(parents=True)
    land(base, 0, count)
    took = [seconds(lambda name=name: stream(base, spark, name)) for name in ("first", "second")]  # type: ignore[misc]
    return {"seconds": took[1]}


# --- files that are known -----------------------------------------------------------------------------------------


def known_files(base: Path, count: int) -> None:
    """A run with nothing to do, as a process of its own: seconds and memory beside those with one known file."""
    from lakehouse import api
    from lakehouse.control.store import Control
    from lakehouse.control.upkeep import upkeep

    project(base, "json")
    land(base, 0, 1)
    load(base, session())
    few = child("run", base)
    land(base, 1, count - 1)
    control = Control(api.load(root=base).environment.control_path)
    (row,) = [r for r in control.read("files").to_pylist() if r["kind"] == "planned"]
    paths = ((base / "landing" / f"{n:07}.json", START + timedelta(seconds=n)) for n in range(1, count))
    more = [
        {**row, "path": str(path), "size": path.stat().st_size, "modified": at, "fixed": None} for path, at in paths
    ]
    control.append("files", more)
    upkeep(control, force=True)
    many = child("run", base)
    print(
        f"nothing new among {count:,}, as a process        {many['seconds']:8.2f} s, {many['mebibytes']:.0f} MiB;"
        f" with one file {few['seconds']:.2f} s, {few['mebibytes']:.0f} MiB   goal: 2 s, 300 MiB more",
        flush=True,
    )


def child(what: str, base: Path, *arguments: str, times: int = 2) -> dict[str, float]:
    """Measure in a process of its own; the second time, when the file system's cache is filled."""
    command = [sys.executable, __file__, "--child", what, "--base", str(base), *arguments]
    for _ in range(times):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_once(base: Path) -> dict[str, float]:
    """Seconds of a run, without Python's start, and the process's peak of memory."""
    import resource

    started = time.perf_counter()
    load(base)
    took = time.perf_counter() - started
    return {"seconds": took, "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


# --- a ledger of a million files ----------------------------------------------------------------------------------


def a_ledger(count: int) -> None:
    """What a run with nothing new does with a ledger of so many files and a listing of the same."""
    with tempfile.TemporaryDirectory(prefix="bench-") as base:
        found = child("ledger", Path(base), "--simulated", str(count))
    print(
        f"a ledger of {count:,} files, simulated           {found['judged']:8.2f} s to judge the ledger,"
        f" {found['compared']:.2f} s to compare a listing, {found['mebibytes']:.0f} MiB in all",
        flush=True,
    )


def look(count: int) -> dict[str, float]:
    """Judge a ledger of so many files, compare a listing with it: seconds, and the peak of memory."""
    import resource

    import pyarrow as pa

    from lakehouse.control.ledger import COLUMNS
    from lakehouse.control.tables import FILES
    from lakehouse.sources.base import SourceFile
    from lakehouse.state.known import NOT_AGAIN, Known

    per_batch = 1000
    names = [f"/data/landing/events/{n:09}.json" for n in range(count)]
    at = [START + timedelta(seconds=n) for n in range(count)]
    columns = {
        "kind": pa.array(["planned"] * count).dictionary_encode().cast(pa.string()),
        "batch": pa.array([1 + n // per_batch for n in range(count)], pa.int64()),
        "path": pa.array(names),
        "size": pa.array([100] * count, pa.int64()),
        "modified": pa.array(at, pa.timestamp("us", "UTC")),
        "at": pa.array([START] * count, pa.timestamp("us", "UTC")),
    }
    fields = [(name, FILES.columns[name]) for name in COLUMNS]
    ledger = pa.table({n: columns[n].cast(t) if n in columns else pa.nulls(count, t) for n, t in fields})
    listing: list[SourceFile] = [SourceFile(name, 100, when) for name, when in zip(names, at, strict=True)]
    batches = dict.fromkeys(range(1, 2 + count // per_batch), "attempt")
    started = time.perf_counter()
    known = Known.of(ledger, batches, frozenset(), max(batches))
    judged = time.perf_counter()
    if known.new(listing, allow_overwrites=False, again=NOT_AGAIN):
        raise RuntimeError("every file is known")
    compared = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"judged": judged - started, "compared": compared - judged, "mebibytes": peak}


# --- one big file -------------------------------------------------------------------------------------------------


def one_file(base: Path, count: int) -> None:
    """One file beside a job by hand that keeps corrupt records apart, and one that does not look at them."""
    spark = session()
    for kind in ("json", "csv"):
        found = [_round(base / kind, spark, kind, count, number) for number in range(4)][1:]  # the first warms up
        ours, careful, careless = (median(values) for values in zip(*found, strict=True))
        told(f"{count:,} records of {kind}, with corrupt records", ours, careful, "1.05 times as long")
        told(f"{count:,} records of {kind}, without", ours, careless, "1.7 times as long")
    spark.stop()


def _round(folder: Path, spark: SparkSession, kind: str, count: int, number: int) -> tuple[float, float, float]:
    """Seconds of the library, of the careful hand and of the careless one; who goes first changes."""
    shutil.rmtree(folder, ignore_errors=True)
    project(folder, kind)
    big(folder, kind, count)
    ours = seconds(lambda: load(folder, spark)) if number % 2 else 0.0
    careful = seconds(lambda: by_hand(folder, spark, kind, True))
    careless = seconds(lambda: by_hand(folder, spark, kind, False))
    return ours or seconds(lambda: load(folder, spark)), careful, careless


def big(folder: Path, kind: str, count: int) -> None:
    """One file of so many records."""
    with (folder / "landing" / f"big.{kind}").open("w") as out:
        if kind == "csv":
            out.write("id,name,amount,at\n")
            out.writelines(",".join(json.loads(row).values()) + "\n" for row in rows(count))
        else:
            out.writelines(rows(count))


def by_hand(folder: Path, spark: SparkSession, kind: str, careful: bool) -> None:
    """The same load in plain Spark, of a schema that is known; `careful` keeps corrupt records in a table beside it."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    target = folder / f"hand_{careful}"
    columns = SCHEMA + (", _corrupt_record string" if careful else "")
    frame = spark.read.schema(columns).option("header", "true").format(kind).load(str(folder / "landing"))
    frame = frame.select("*", "_metadata.file_path", "_metadata.file_modification_time", F.now().alias("at_"))
    if not careful:
        frame.write.format("delta").save(str(target))
        return
    seen = Observation()
    counted = frame.observe(seen, F.count("_corrupt_record").alias("bad"))
    counted.where("_corrupt_record IS NULL").drop("_corrupt_record").write.format("delta").save(str(target))
    if seen.get["bad"]:
        bad = frame.where("_corrupt_record IS NOT NULL").select("_corrupt_record", "file_path")
        bad.write.format("delta").save(f"{target}_bad")


if __name__ == "__main__":
    main()
