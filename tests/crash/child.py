"""A process that runs the crash project and is killed by signal 9 at one point, or at any moment."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

import lakehouse
from lakehouse.engine import points, session
from lakehouse.names import TableName
from tests.crash import guards, meanwhile, project


@dataclass(frozen=True)
class Task:
    """What the process has to do; it ends by itself, with exit code 0, only when it never gets to the point."""

    root: Path
    lake: Path
    where: str = ""
    """`before data`, `after audit` …"""
    table: str = ""
    select: str = ""
    off: str = ""
    """The guard that is switched off."""
    meanwhile: str = ""
    java: tuple[int, str] | None = None
    """Port and secret of a JVM that outlives the process; None: one of its own, which dies with it."""
    locks: bool = True
    """False: it runs beside others, as on an object store, where locks only save work."""
    after: float | None = None
    """Instead of at a point: so many seconds after the run began."""
    replays: bool = False
    """The rejected rows of the table are replayed, instead of a run."""


def main(task: Task, output: Path) -> None:
    """Run until the point is reached for the table; what is printed goes to `output`."""
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    found = project.load(task.root, task.lake)
    spark = connected(*task.java) if task.java else session.build(master="local[2]", conf=session.SMALL)
    acts = dict(meanwhile.ACTS[task.meanwhile]) if task.meanwhile else {}

    if meanwhile.START in acts:
        acts.pop(meanwhile.START)(found, spark)

    def listen(where: str, table: TableName) -> None:
        act = acts.pop((where, str(table)), None)
        if act is not None:
            act(found, spark)
        if (where, str(table)) == (task.where, task.table):
            os.kill(os.getpid(), signal.SIGKILL)

    points.listener = listen
    with ExitStack() as stack:
        if task.off:
            stack.enter_context(guards.off(task.off))
        if not task.locks:
            stack.enter_context(guards.without_locks())
        if task.after is not None:
            killer = threading.Timer(task.after, os.kill, (os.getpid(), signal.SIGKILL))
            killer.daemon = True
            killer.start()
        if task.replays:
            lakehouse.replay(found, task.table, spark)
        else:
            lakehouse.run(found, spark=spark, select=task.select)


def connected(port: int, secret: str) -> SparkSession:
    """A session in the JVM of another process, which is there before this one and stays when it is killed."""
    os.environ |= {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
    gateway = launch_gateway()
    SparkContext._ensure_initialized(gateway=gateway)
    spark = gateway.jvm.org.apache.spark
    java = spark.api.java.JavaSparkContext.fromSparkContext(spark.SparkContext.getOrCreate())
    conf = SparkConf(_jvm=gateway.jvm, _jconf=java.getConf())
    context = SparkContext(conf=conf, gateway=gateway, jsc=java)
    return SparkSession(context, spark.sql.classic.SparkSession.builder().getOrCreate())
