"""The story of `make demo`: a feed that arrives in three instalments, and a lakehouse that takes each in.

Every step is a command that anybody can type, run as its own process; `./landing` and `./lake` start empty.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from demo import feed  # noqa: E402  (the folder of this file is on the path, its parent is not)

LANDING, LAKE = ROOT / "landing", ROOT / "lake"
PIPELINE = "pipelines/flights.yaml"

INSTALMENTS = {
    1: (
        "Ten months of departures",
        "A file a day from January to October, the aircraft register, airlines, airports, the weather as JSON.",
    ),
    2: (
        "November and December, with everything that goes wrong in a real feed",
        "Corrections of days that are in already, a register with refitted aircraft, damaged lines, impossible values.",
    ),
    3: (
        "Nothing new",
        "No table gets a commit or a file. Deciding that needs no Spark, so Java does not even start.",
    ),
}


def main() -> int:
    """Tell the story; returns the exit code of the first command that fails, else 0."""
    started = time.monotonic()
    for folder in (LANDING, LAKE):
        shutil.rmtree(folder, ignore_errors=True)
    for number, (title, text) in INSTALMENTS.items():
        _heading(f"{number}. {title}", text)
        delivered = time.monotonic()
        files = feed.deliver(number, LANDING)
        print(f"{len(files)} files delivered to ./landing in {time.monotonic() - delivered:.1f} s")
        if code := _lakehouse("run", PIPELINE):
            return code
    _heading("What came of it", "Gold is there to be read: by Spark, by DuckDB, or by these.")
    for table, rows in (("gold.weather_delay", 4), ("gold.routes", 5)):
        if code := _lakehouse("show", table, "--rows", str(rows)):
            return code
    _heading(
        f"Done in {time.monotonic() - started:.0f} s", "The tables are Delta tables in ./lake. Where to look next:"
    )
    for command, what in (
        ("quarantine silver.flights", "rows that were set aside, each with every rule that it broke"),
        ("history", "what the runs did"),
        ("files bronze.flights", "every file and the batch that took it in"),
        (f"plan {PIPELINE}", "what the next run would do, and why"),
    ):
        print(f"  lakehouse {command:<28}  {what}")
    return 0


def _heading(title: str, text: str) -> None:
    print(f"\n{title}\n{'=' * len(title)}\n{text}\n", flush=True)


def _lakehouse(*words: str) -> int:
    """Run a command of the library beside this interpreter, with its own output; returns its exit code."""
    print(f"$ lakehouse {shlex.join(words)}", flush=True)
    started = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "lakehouse.cli", *words], cwd=ROOT, check=False).returncode
    print(f"({time.monotonic() - started:.1f} s from start to end of the process)\n", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
