"""Start Java, and Spark in it, with what goes wrong told in a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.engine import jvm
from lakehouse.errors import MachineError
from lakehouse.lake.errors import causes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def java(chosen: Mapping[str, str], log_path: Path) -> None:
    """Start the JVM with all it prints sent to the log: what Java says before any logging is set up is its stderr.

    Raises MachineError.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    log_path.parent.mkdir(parents=True, exist_ok=True)
    conf = SparkConf(loadDefaults=False).setAll(list(chosen.items()))
    with log_path.open("a") as output:
        start = output.tell()
        try:
            gateway = launch_gateway(conf, {"stdout": output, "stderr": output})  # type: ignore[no-untyped-call]
        except PySparkRuntimeError as error:
            said = log_path.read_bytes()[start:].decode(errors="replace")
            raise MachineError(
                f"Java did not start: {jvm.reason(said)}",
                code="java",
                fix="see the memory and JVM options that `spark: {conf: …}` sets",
            ) from error
    SparkContext._ensure_initialized(gateway=gateway)


def spark(chosen: Mapping[str, str], conf: Mapping[str, str]) -> SparkSession:
    """Start Spark in the JVM that runs; `conf` are the user's own among the settings. Raises MachineError."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    try:
        # before there is a session: pyspark, to tell of a bad setting, asks the session, and never comes to an end
        here: Any = SparkContext._jvm
        known = here.org.apache.spark.sql.internal.SQLConf()
        for name, value in conf.items():
            known.setConfString(name, value)
        return SparkSession.builder.config(map={**chosen}).getOrCreate()
    except Exception as error:  # whatever Spark, py4j or a class that a setting names raised
        reason = causes(error)[-1]
    # without its cause, which says the same and quotes more
    raise MachineError(
        f"Spark did not start: {reason.type}: {reason.message}",
        code="spark",
        fix="see the settings under `spark: {conf: …}`",
    )
