"""A process that meets secrets everywhere: `plants.py FOLDER`, in the folder of a project made by `test_hiding.py`.

What it prints, what it leaves in the folder, and the command line of its Java (`java.txt`) are looked through there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from pathlib import Path

import lakehouse
from lakehouse.cli import main
from lakehouse.engine import attempt, session
from lakehouse.sources import csv

FAILING = "silver.fails"


def say(*things: object) -> None:
    sys.stdout.write(" ".join(map(str, things)) + "\n")


def commands() -> None:
    """Each as a person types it, in one process; what it prints is the process's."""
    said = [
        "validate", "validate --env typed --json", "validate --env typed", "validate --env zone",
        "validate plain/pipelines", "validate sql/pipelines", "run variable/pipelines", "validate --env missing",
        f"validate --var db_password={os.environ['PLANT_ARGUMENT']}", "plan", "plan --json", "run --log-level debug",
        "run --json --retry-failed", "plan", "history", "history --json", "history silver.fails --json",
        "files bronze.feed --json", "show bronze.feed", "quarantine silver.good", "run --env missing",
        "plan --env refused",
    ]  # fmt: skip
    for words in said:
        sys.stderr.write(f"$ {words.partition('=')[0]}\n")
        sys.argv = ["lakehouse", *words.split()]
        with contextlib.suppress(SystemExit):
            main()
        sys.stdout.flush()


def from_python() -> None:
    """What a program gets: objects to look at, and exceptions to show."""
    project = lakehouse.load("pipelines")
    say(project, repr(project.environment), project.to_yaml(), project.environment.model_dump_json())
    result = lakehouse.run(project)
    say(result, lakehouse.plan(project))
    error = result[FAILING].error
    assert error is not None
    traceback.print_exception(error)
    say(repr(error), error.args, repr(error.__cause__), repr(error.__context__))
    try:
        lakehouse.plan(lakehouse.load("pipelines", env="refused"))
    except Exception as refused:  # whatever the store's client raises
        traceback.print_exception(refused)
        say(repr(refused.__cause__), repr(refused.__context__))
    else:
        say("nobody refused the store")


def spark_says() -> None:
    """What Spark logs of its own accord, with an exception; and what its Java was started with."""
    spark = session.build("local[1]", {})
    java = spark._jvm
    assert java is not None
    feed = os.environ["LAKEHOUSE_SECRET_FEED_PASSWORD"]
    planted = java.org.slf4j.LoggerFactory.getLogger("org.apache.spark.Planted")
    planted.error(f"a line of Spark with {feed}", java.java.lang.IllegalStateException(f"and a cause with {feed}"))
    assert spark.conf.get("spark.plain.name") == os.environ["LAKEHOUSE_SECRET_CONF_VALUE"], "Spark has the value"
    assert "TheStoreKey" in spark.conf.get("spark.hadoop.fs.s3a.secret.key", "")
    spark.sql("SELECT 'a description of SQL'").collect()
    found = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"org.apache.spark" in _bytes(path)]
    mine = [path for path in found if f"PPid:\t{os.getpid()}\n".encode() in _bytes(path.with_name("status"))]
    Path("java.txt").write_bytes(b"\n".join(_bytes(path) for path in mine))
    spark.stop()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has ended


def fail_with_secrets() -> None:
    """A step whose library quotes what it was given, as some connectors do."""
    real = attempt.load

    def load(run: object, step: object, *rest: object) -> bool:
        if str(step.name) == FAILING:  # type: ignore[attr-defined]
            secret = os.environ["LAKEHOUSE_SECRET_FEED_PASSWORD"]
            try:
                raise ValueError(f"login with {secret}")
            except ValueError as error:
                logging.getLogger("lakehouse.connector").exception("cannot connect with %s", secret)
                raise RuntimeError(f"cannot connect: password={secret}\nand a second line: {secret!r}") from error
        return real(run, step, *rest)  # type: ignore[arg-type]

    attempt.load = load  # type: ignore[assignment]


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    csv.Options.spark_options = None  # a connector's own options: nobody knows them all
    fail_with_secrets()
    commands()
    from_python()
    spark_says()
