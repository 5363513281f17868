"""A process that runs the crash project and is killed by signal 9 at one point.

`child.py ROOT LAKE "before data" TABLE [--select TABLE] [--off GUARD] [--meanwhile ACT]`; exit code 0 means that it was never there.
"""

from __future__ import annotations

import argparse
import os
import signal
from contextlib import ExitStack
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

import lakehouse
from lakehouse.engine import points, session
from lakehouse.names import TableName
from tests.crash import guards, meanwhile, project


def main() -> None:
    """Run until the point is reached for the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("lake", type=Path)
    parser.add_argument("where")
    parser.add_argument("table")
    parser.add_argument("--select", default="")
    parser.add_argument("--off", default="")
    parser.add_argument("--meanwhile", default="")
    given = parser.parse_args()
    found = project.load(given.root, given.lake)
    shared = "PYSPARK_GATEWAY_PORT" in os.environ
    spark = connected() if shared else session.build(master="local[2]", conf=session.SMALL)
    acts = dict(meanwhile.ACTS[given.meanwhile]) if given.meanwhile else {}

    def listen(where: str, table: TableName) -> None:
        act = acts.pop((where, str(table)), None)
        if act is not None:
            act(found, spark)
        if (where, str(table)) == (given.where, given.table):
            os.kill(os.getpid(), signal.SIGKILL)

    points.listener = listen
    with ExitStack() as stack:
        if given.off:
            stack.enter_context(guards.off(given.off))
        lakehouse.run(found, spark=spark, select=given.select)


def connected() -> SparkSession:
    """A session in the JVM of another process, which is there before this one and stays when it is killed."""
    gateway = launch_gateway()
    SparkContext._ensure_initialized(gateway=gateway)
    spark = gateway.jvm.org.apache.spark
    java = spark.api.java.JavaSparkContext.fromSparkContext(spark.SparkContext.getOrCreate())
    conf = SparkConf(_jvm=gateway.jvm, _jconf=java.getConf())
    context = SparkContext(conf=conf, gateway=gateway, jsc=java)
    return SparkSession(context, spark.sql.classic.SparkSession.builder().getOrCreate())


if __name__ == "__main__":
    main()
