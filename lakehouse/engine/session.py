"""A SparkSession of our own, or the caller's after a look at it; and the session of one step."""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.engine import hiding, jvm, start
from lakehouse.engine.hiding import LOG_PROPERTY
from lakehouse.errors import MachineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
"""Static settings without which there is no Delta."""

MEANING: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.caseSensitive": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.mapKeyDedupPolicy": "EXCEPTION",
    "spark.sql.columnNameOfCorruptRecord": "_corrupt_record",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.sources.partitionOverwriteMode": "static",
    # a file that cannot be read fails the step: skipping it would lose rows without a word
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # columns are added by the step that says so, and every signed commit can be read back at once
    "spark.databricks.delta.schema.autoMerge.enabled": "false",
    "spark.databricks.delta.commitInfo.enabled": "true",
    "spark.databricks.delta.history.metricsEnabled": "true",
    "spark.databricks.delta.stats.collect": "true",
    "spark.databricks.delta.stalenessLimit": "0",
    "spark.databricks.delta.write.txnVersion.autoReset.enabled": "false",
}
"""What the words of a pipeline mean must not depend on whose session runs it: set in every step's session."""

_READERS = re.compile(r"spark\.sql\.(?:legacy|parquet|orc|json|csv|xml|avro)\.")
_HARMLESS = re.compile(
    r"pushdown|vectorized|batchsize|compression|codec|deflate|zstandard|respectsummaryfiles", re.IGNORECASE
)
"""What a caller sets of these changes what files are read as, or what is written; the rest only how fast."""

SPEED: Mapping[str, str] = {
    # with deduplication by `row_number = 1` the limit costs a sort more than it saves (facts.md: a whole job)
    "spark.sql.optimizer.windowGroupLimitThreshold": "-1",
}
"""Set in every step's session unless the caller has set it."""

LOCAL: Mapping[str, str] = {
    "spark.driver.host": "localhost",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000000",
    # nobody can look at them without the UI, and the plans of a thousand past queries fill the driver's memory
    "spark.sql.ui.retainedExecutions": "50",
    # Delta keeps 10,000 tables' states for an hour, each with the session that read it: megabytes
    "spark.databricks.delta.delta.log.cacheSize": "100",
}
"""For one machine: Spark's own defaults are for clusters and run 50 tasks to read a log of three lines."""

SMALL: Mapping[str, str] = {
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": (
        "-XX:+UseSerialGC -Xmn700m "
        # planning has no hot loop, and Java's second compiler takes half of the processor time: it comes 30 times later
        "-XX:Tier4InvocationThreshold=150000 -XX:Tier4MinInvocationThreshold=18000 "
        "-XX:Tier4CompileThreshold=450000 -XX:Tier4BackEdgeThreshold=1200000"
    ),
    # a checksum beside each file of a log doubles the processes that Hadoop starts for a commit (`chmod`, `readlink`)
    "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.databricks.delta.delta.log.cacheSize": "16",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""For tables of a few rows that nobody else writes, where planning and compiling are the work."""

EXCLUDED = "spark.sql.adaptive.optimizer.excludedRules"
LOSES_COUNTS = "org.apache.spark.sql.execution.adaptive.AQEPropagateEmptyRelation"
"""A rule that leaves out the rest of a query when a part of it gave no row, and with it what was counted there."""

_CLASS_PATH, _JAVA_OPTIONS = "spark.driver.extraClassPath", "spark.driver.extraJavaOptions"
_LEFTOVERS = {
    "spark.databricks.delta.write.txnAppId",
    "spark.databricks.delta.write.txnVersion",
    "spark.databricks.delta.commitInfo.userMetadata",
}
_OLDEST_SPARK = 4


def build(master: str, conf: Mapping[str, str], *, log_file: Path | None = None) -> SparkSession:
    """Start Spark with Delta, or take the session that this process has already; raises MachineError.

    `conf` wins over our settings; jars and JVM options in it are added to ours, and jars that hold Delta replace
    ours. Spark's own lines go to `log_file` (to a file that vanishes with the process when there is none).
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    _quiet()
    if SparkContext._active_spark_context is None:
        log_path = (log_file or _passing() / "spark.log").resolve()
        chosen = settings(master, conf, log_path)
        if SparkContext._gateway is None:
            if master.startswith("local"):
                os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # or Spark asks the network who it is
            start.java(hiding.for_launch(chosen), log_path)
        hiding.hide_in_log(SparkContext._jvm)
        spark = start.spark(chosen, conf)
    else:
        spark = SparkSession.builder.getOrCreate()
    adopt(spark)
    if log_file is not None:
        log_to(spark, log_file)
    return spark


def log_to(spark: SparkSession, log_file: Path) -> None:
    """Send Spark's own lines to this file from now on; does nothing to a JVM that was not started by `build`."""
    java: Any = spark._jvm
    log_path, system = str(log_file.resolve()), java.java.lang.System
    if system.getProperty(LOG_PROPERTY) in (None, log_path):
        return
    system.setProperty(LOG_PROPERTY, log_path)
    java.org.apache.logging.log4j.core.config.Configurator.reconfigure()


def adopt(spark: SparkSession) -> SparkSession:
    """The same session, when the library can work with it; else MachineError with what is wrong and how to set it."""
    if "connect" in type(spark).__module__.split("."):
        raise _unfit("it is a Spark Connect session, which cannot make a session per step", "pass a classic session")
    if spark._jsc is None or spark._jsc.sc().isStopped():
        raise _unfit("it is stopped", "start it again, or pass none and let the library start its own")
    if int(spark.version.split(".")[0]) < _OLDEST_SPARK:
        raise _unfit(f"it is Spark {spark.version}", f"use Spark {_OLDEST_SPARK} or newer")
    if not _speaks_delta(spark):
        raise _unfit(
            f"it has no Delta ({_have(spark, 'spark.sql.extensions')})",
            f"start it with delta-spark on its class path and `spark.sql.extensions={DELTA['spark.sql.extensions']}`",
        )
    catalog = "spark.sql.catalog.spark_catalog"
    if spark.conf.get(catalog, "builtin") == "builtin" and "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        raise _unfit(
            f"its catalog is not Delta's ({_have(spark, catalog)})", f"start it with `{catalog}={DELTA[catalog]}`"
        )
    _quiet()
    return spark


def step_session(spark: SparkSession, conf: Mapping[str, str]) -> SparkSession:
    """A session with the caller's settings, ours that fix what a pipeline means, and `conf`, which wins over both.

    `newSession` alone starts from the static settings: what the caller has set since, such as the keys of an object
    store, would be lost. Signatures that a caller's session still carries are left behind, and so are settings that
    change what files mean to Spark's readers: what a table holds must not depend on whose session loads it.
    """
    step = spark.newSession()
    theirs = {key: value for key, value in _conf(spark).items() if not _is_left_behind(key)}
    fresh = _conf(step)
    changed = {key: value for key, value in theirs.items() if fresh.get(key) != value}
    speed = {key: value for key, value in SPEED.items() if key not in theirs}
    excluded = {EXCLUDED: _joined(",", [LOSES_COUNTS], theirs.get(EXCLUDED))}
    wanted = {**changed, **speed, **MEANING, **excluded, **conf}
    for key in fresh.keys() - theirs.keys() - wanted.keys():
        step.conf.unset(key)
    for key, value in wanted.items():
        if fresh.get(key) != value:
            step.conf.set(key, value)
    return step


def _is_left_behind(key: str) -> bool:
    return key in _LEFTOVERS or bool(_READERS.match(key) and not _HARMLESS.search(key))


def _conf(spark: SparkSession) -> dict[str, str]:
    """All settings of a session by one call to Java; `conf.getAll` makes one for every setting."""
    java: Any = spark._jvm
    mapper = java.com.fasterxml.jackson.databind.ObjectMapper()
    found: dict[str, str] = json.loads(mapper.writeValueAsString(spark._jsparkSession.conf().getAllAsJava()))
    return found


def settings(master: str, conf: Mapping[str, str], log_path: Path) -> dict[str, str]:
    """All that Spark is started with: our settings, those of one machine if it is one, `conf`, jars, JVM options."""
    java = jvm.find_java()
    jvm.use(java)
    local = master.startswith("local")
    chosen = {"spark.master": master, "spark.app.name": "lakehouse", **DELTA, **MEANING, **SPEED}
    if local:
        chosen |= {**LOCAL, "spark.sql.warehouse.dir": str(_passing() / "warehouse")}
        chosen |= {"spark.driver.memory": _memory(), "spark.sql.shuffle.partitions": str(2 * _cores(master))}
    chosen |= conf
    ours = [] if _brings_delta(conf) else [str(jar) for jar in jvm.fetch_jars()]
    if ours:
        chosen[_CLASS_PATH] = _joined(":", ours, conf.get(_CLASS_PATH))
        if not local:  # executors take them from the driver
            chosen["spark.jars"] = _joined(",", ours, conf.get("spark.jars"))
    options = [] if "ArchiveClassesAtExit" in conf.get(_JAVA_OPTIONS, "") else jvm.archive_options(java)
    if local:
        options += jvm.spawn_options(java)
    log4j = Path(__file__).with_name("log4j2.properties")
    options += [f'"-Dlog4j2.configurationFile={log4j}"', f'"-D{LOG_PROPERTY}={log_path}"']
    chosen[_JAVA_OPTIONS] = _joined(" ", options, conf.get(_JAVA_OPTIONS))
    return chosen | hiding.redaction(conf)


def _joined(by: str, ours: list[str], theirs: str | None) -> str:
    return by.join([*ours, theirs] if theirs else ours)


def _brings_delta(conf: Mapping[str, str]) -> bool:
    """Whether Delta comes from the caller's own jars, from Spark's folder, or from a JVM that runs already."""
    named = ",".join(conf.get(key, "") for key in ("spark.jars", "spark.jars.packages", _CLASS_PATH))
    if "delta-spark" in named or "PYSPARK_GATEWAY_PORT" in os.environ:
        return True
    return any((jvm.spark_home() / "jars").glob("*delta-spark*.jar"))


def _quiet() -> None:
    """Keep pyspark from printing each SQL error as a line of JSON: the library tells it once, and better."""
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@functools.cache
def _passing() -> Path:
    """A folder that goes with the process: Spark would put a warehouse into the current one."""
    folder = tempfile.TemporaryDirectory(prefix="lakehouse-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _memory() -> str:
    """A quarter of what this process may use, between one and eight gigabytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = Path(limit).read_text().strip() if Path(limit).exists() else "max"
        total = min(total, int(text)) if text.isdigit() else total
    return f"{min(max(total // 4, 1 << 30), 8 << 30) >> 20}m"


def _cores(master: str) -> int:
    """Threads that `local[n]`, `local[*]`, `local[n, retries]` or plain `local` means."""
    inside = master.partition("[")[2].rstrip("]").split(",")[0].strip()
    if inside == "*":
        return os.cpu_count() or 1
    return int(inside) if inside.isdigit() else 1


def _speaks_delta(spark: SparkSession) -> bool:
    """Whether Spark parses a statement that only Delta's extension knows; its name in the settings proves little."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        spark._jsparkSession.sessionState().sqlParser().parsePlan("OPTIMIZE delta.`/lakehouse`")
    except (Py4JJavaError, PySparkException):
        return False
    return True


def _have(spark: SparkSession, key: str) -> str:
    return f"`{key}={spark.conf.get(key, '')}`"


def _unfit(reason: str, fix: str) -> MachineError:
    return MachineError(f"this SparkSession cannot be used: {reason}", code="session", fix=fix)
