"""`make bench`: the library beside the same work written by hand, on the same files, in the same session and cold.

    python benchmarks/run.py [--rounds 3] [--cold 2] [--keep]

Warm rounds interleave the two in one session and alternate who goes first; the first round warms the JVM up and does
not count. In a cold round every instalment is a process of its own, from the start of Python to its end. Each round
has a fresh landing zone and fresh lakes, and afterwards both lakes must hold the same tables.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from demo import feed  # noqa: E402  (the folder of this file is on the path, its parent is not)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BY_HAND, LIBRARY = "by hand", "library"
INSTALMENTS = (1, 2, 3)
LAYERS = ("bronze", "silver", "gold")
CONFIG = """\
lake: ./library
time_zone: UTC
spark: {master: "local[*]"}
variables: {landing: ./landing}
"""


@dataclass(frozen=True)
class Run:
    """One contestant's run over one instalment."""

    who: str
    instalment: int
    seconds: float
    jobs: int | None
    """Spark jobs; not counted in a process of its own."""
    commits: int
    """Delta commits to data tables."""


def main() -> int:
    """Run the rounds and print the figures; 1 when the two lakes differ."""
    parser = argparse.ArgumentParser(description="The library beside the same work written by hand.")
    parser.add_argument("--rounds", type=int, default=3, help="warm rounds that count (default 3); 0 for none")
    parser.add_argument("--cold", type=int, default=2, help="rounds of fresh processes (default 2); 0 for none")
    parser.add_argument("--keep", action="store_true", help="keep the last round's lakes and say where they are")
    parser.add_argument("--child", choices=(BY_HAND, LIBRARY), help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        {BY_HAND: by_hand, LIBRARY: library}[options.child](options.base, None)
        return 0
    base = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        cold = [run for number in range(options.cold) for run in cold_round(base, number)]
        spark = session()
        differences = compare(spark, base) if cold else []
        warm: list[Run] = []
        for number in range(options.rounds + 1 if options.rounds else 0):
            runs = warm_round(spark, base, number)
            differences += compare(spark, base)
            warm += runs if number else []
        report("one session", warm)
        report("fresh processes", cold)
        for difference in differences:
            print("DIFFERENT", difference)
        print("\nBoth lakes hold the same tables." if not differences else "")
        spark.stop()
    finally:
        if options.keep:
            print(f"The lakes of the last round are in {base}.")
        else:
            shutil.rmtree(base, ignore_errors=True)
    return 1 if differences else 0


def session() -> SparkSession:
    """The session that the library starts by itself; the work by hand gets the same."""
    from lakehouse.engine import session

    return session.build(master="local[*]", conf={})


def by_hand(base: Path, spark: SparkSession | None) -> None:
    """One run of the job by hand, with a session of its own unless one is given."""
    from benchmarks.by_hand import Job

    Job(spark or session(), base / "landing", base / lake_of(BY_HAND)).run()


def library(base: Path, spark: SparkSession | None) -> None:
    """One run of the library; raises RuntimeError when a step fails."""
    import lakehouse as lh

    result = lh.run(lh.load(root=base), spark=spark)
    if not result.ok:
        raise RuntimeError("; ".join(f"{name}: {step.error}" for name, step in result.steps.items() if step.error))


def lake_of(who: str) -> str:
    return who.replace(" ", "_")


def fresh(base: Path) -> None:
    """Empty the folder and lay the library's project in it."""
    shutil.rmtree(base)
    for folder in ("pipelines", "configs", lake_of(BY_HAND)):
        (base / folder).mkdir(parents=True)
    shutil.copy(ROOT / "pipelines" / "flights.yaml", base / "pipelines")
    (base / "configs" / "local.yaml").write_text(CONFIG)


def order(number: int) -> list[str]:
    """Who goes first changes with every round."""
    return [BY_HAND, LIBRARY] if number % 2 else [LIBRARY, BY_HAND]


def warm_round(spark: SparkSession, base: Path, number: int) -> list[Run]:
    def measured(who: str) -> tuple[float, int]:
        before, started = jobs_so_far(spark), time.perf_counter()
        {BY_HAND: by_hand, LIBRARY: library}[who](base, spark)
        return time.perf_counter() - started, jobs_so_far(spark) - before

    return list(_round(base, number, measured, "warm" if number else "warming up"))


def cold_round(base: Path, number: int) -> list[Run]:
    def measured(who: str) -> tuple[float, None]:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--child", who, "--base", str(base)], check=True
        )
        return time.perf_counter() - started, None

    return list(_round(base, number, measured, "cold"))


def _round(base: Path, number: int, measured: Callable[[str], tuple[float, int | None]], label: str) -> Iterator[Run]:
    fresh(base)
    for instalment in INSTALMENTS:
        feed.deliver(instalment, base / "landing")
        for who in order(number):
            before = commits_so_far(base / lake_of(who))
            seconds, jobs = measured(who)
            run = Run(who, instalment, seconds, jobs, commits_so_far(base / lake_of(who)) - before)
            print(
                f"  {label}, round {number}, instalment {instalment}: {who} {seconds:.2f} s",
                file=sys.stderr,
                flush=True,
            )
            yield run


def jobs_so_far(spark: SparkSession) -> int:
    """Jobs that this context's scheduler has numbered, of all threads and sessions."""
    java: Any = spark.sparkContext._jsc
    return int(java.sc().dagScheduler().numTotalJobs())


def commits_so_far(lake: Path) -> int:
    """Commits in the logs of the data tables; the library's control tables are not data."""
    return sum(1 for layer in LAYERS for _ in lake.glob(f"{layer}/*/_delta_log/*.json"))


def compare(spark: SparkSession, base: Path) -> list[str]:
    """What differs between the two lakes: tables, columns and types, rows; without columns of each one's own."""
    hand, ours = (base / lake_of(who) for who in (BY_HAND, LIBRARY))
    tables = [{str(path.parent.relative_to(lake)) for path in lake.glob("*/*/_delta_log")} for lake in (hand, ours)]
    only = {name for name in tables[0] ^ tables[1] if not name.startswith("_")}
    found = [f"{name}: only one of the lakes has it" for name in sorted(only)]
    for name in sorted(tables[0] & tables[1]):
        frames = [visible(spark.read.format("delta").load(str(lake / name))) for lake in (hand, ours)]
        if sorted(frames[0].dtypes) != sorted(frames[1].dtypes):
            found.append(f"{name}: columns {sorted(set(frames[0].dtypes) ^ set(frames[1].dtypes))}")
        elif len(set(prints := [fingerprint(frame) for frame in frames])) > 1:
            found.append(f"{name}: {prints[0][0]} rows by hand, {prints[1][0]} by the library, not the same ones")
    return found


def visible(frame: DataFrame) -> DataFrame:
    """Without the columns that begin with `_`, but with the damaged lines of Bronze."""
    return frame.select(*sorted(column for column in frame.columns if column == "_raw" or not column.startswith("_")))


def fingerprint(frame: DataFrame) -> tuple[int, Any]:
    """Number of rows and the sum of their hashes: equal for equal rows in whatever order and number of files."""
    row = frame.selectExpr("count(*)", "sum(CAST(xxhash64(*) AS decimal(20, 0)))").first()
    assert row is not None
    return row[0], row[1]


def report(title: str, runs: Sequence[Run]) -> None:
    """Medians of the rounds, per instalment and together."""
    if not runs:
        return
    rounds = len(runs) // (2 * len(INSTALMENTS))
    print(f"\n{title}, median of {rounds} round(s)")
    print(f"{'':24}{'by hand':>10}{'library':>10}{'ratio':>8}{'jobs':>14}{'commits':>14}")
    total = {BY_HAND: 0.0, LIBRARY: 0.0}
    for instalment in INSTALMENTS:
        seconds, jobs, commits = {}, {}, {}
        for who in (BY_HAND, LIBRARY):
            own = [run for run in runs if (run.who, run.instalment) == (who, instalment)]
            seconds[who] = median(run.seconds for run in own)
            jobs[who] = own[-1].jobs
            commits[who] = own[-1].commits
            total[who] += seconds[who] if instalment != 3 else 0  # nothing to do is not work
        _line(f"instalment {instalment}", seconds, jobs, commits)
    _line("instalments 1 and 2", total)


def _line(title: str, seconds: dict[str, float], *counts: dict[str, Any]) -> None:
    ratio = seconds[LIBRARY] / seconds[BY_HAND] if seconds[BY_HAND] > 0.05 else float("nan")
    pairs = "".join(f"{f'{count[BY_HAND]} / {count[LIBRARY]}':>14}" for count in counts if count[BY_HAND] is not None)
    print(f"{title:24}{seconds[BY_HAND]:>8.2f} s{seconds[LIBRARY]:>8.2f} s{ratio:>8.2f}{pairs}")


if __name__ == "__main__":
    sys.exit(main())
