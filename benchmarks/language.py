"""What a user waits for most often: `--help`, `validate`, `plan`, each as a process of its own.

    python benchmarks/language.py [--runs 5] [--keep]

Seconds are medians, from the start of the process to its end. A run before them, which does not count, makes the byte
code that an installation has and fills the file system's cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
LAKEHOUSE = Path(sys.executable).with_name("lakehouse")


@dataclass(frozen=True)
class Goal:
    """A command, where it is run, and what it may cost."""

    title: str
    arguments: tuple[str, ...]
    folder: Path
    seconds: float
    mebibytes: float | None = None


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds by the clock, seconds of all cores, mebibytes at its peak."""

    seconds: float
    processor: float
    mebibytes: float


def main() -> None:
    """Make the project, measure and print."""
    parser = argparse.ArgumentParser(description="Seconds of --help, validate and plan beside their goals.")
    parser.add_argument("--runs", type=int, default=5, help="runs that count (default 5)")
    parser.add_argument("--keep", action="store_true", help="keep the project of 500 tables and say where it is")
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        many = base / "many"
        # in a process of its own: a child's peak of memory is never below that of the process which started it
        subprocess.run([sys.executable, "-m", "benchmarks.many_tables", str(many)], check=True, cwd=ROOT)
        goals = (
            Goal("--help", ("--help",), many, 0.3),
            Goal("validate, the demo's 14 tables", ("validate",), ROOT, 0.5),
            Goal("validate, 500 tables in 50 files", ("validate",), many, 2),
            Goal("plan, the 500 tables with state", ("plan",), many, 4, 300),
        )
        print(f"{f'median of {options.runs}':36}{'seconds':>9}{'goal':>6}{'of cores':>10}{'MiB':>7}{'goal':>6}")
        for goal in goals:
            _line(goal, measured(goal, options.runs, base / "bytecode"))
    finally:
        if options.keep:
            print(f"The project is in {base / 'many'}.")
        else:
            shutil.rmtree(base, ignore_errors=True)


def measured(goal: Goal, runs: int, bytecode: Path) -> Sequence[Cost]:
    """The runs that count."""
    return [cost(goal, bytecode) for _ in range(runs + 1)][1:]


def cost(goal: Goal, bytecode: Path) -> Cost:
    """One run; raises RuntimeError when it fails."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(
        [LAKEHOUSE, *goal.arguments], cwd=goal.folder, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"lakehouse {' '.join(goal.arguments)} ended with {process.returncode}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _line(goal: Goal, costs: Sequence[Cost]) -> None:
    seconds, processor, mebibytes = (
        median(values) for values in zip(*((c.seconds, c.processor, c.mebibytes) for c in costs), strict=True)
    )
    limit = f"{goal.mebibytes:g}" if goal.mebibytes else ""
    print(f"{goal.title:36}{seconds:>9.2f}{goal.seconds:>6g}{processor:>10.2f}{mebibytes:>7.0f}{limit:>6}", flush=True)


if __name__ == "__main__":
    main()
