"""Our own session is silent, offline and the same everywhere; the caller's is looked at first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.engine import jvm, session
from lakehouse.errors import MachineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA_CLASS_PATH = "spark.driver.extraClassPath"
JAVA_OPTIONS = "spark.driver.extraJavaOptions"


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two jars in an empty cache."""
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", os.environ.get("JAVA_HOME", ""))  # settings() writes it: put it back afterwards
    folder = jvm._jar_folder()
    folder.mkdir(parents=True)
    for name in ("a.jar", "b.jar"):
        (folder / name).touch()
    return [str(folder / "a.jar"), str(folder / "b.jar")]


def settings(conf: dict[str, str], master: str = "local[3]") -> dict[str, str]:
    return session.settings(master, conf, Path("/tmp/spark.log"))


def test_conf_wins_over_the_defaults(jars: list[str]) -> None:
    chosen = settings({"spark.driver.memory": "3g", "spark.sql.shuffle.partitions": "7"})
    assert (chosen["spark.driver.memory"], chosen["spark.sql.shuffle.partitions"]) == ("3g", "7")
    assert settings({})["spark.sql.shuffle.partitions"] == "6"


def test_class_path_and_java_options_are_added_to_ours(jars: list[str]) -> None:
    chosen = settings({DELTA_CLASS_PATH: "/x/driver.jar", JAVA_OPTIONS: "-Xss4m"})
    assert chosen[DELTA_CLASS_PATH] == ":".join([*jars, "/x/driver.jar"])
    assert chosen[JAVA_OPTIONS].endswith('"-Dlakehouse.log=/tmp/spark.log" -Xss4m')
    assert "spark.jars" not in chosen


@pytest.mark.parametrize(
    "conf",
    [
        {"spark.jars": "s3://jars/postgresql.jar,/opt/delta-spark_4.1_2.13-4.4.0.jar"},
        {"spark.jars.packages": "io.delta:delta-spark_4.1_2.13:4.4.0"},
        {DELTA_CLASS_PATH: "/opt/io.delta_delta-spark_4.1_2.13-4.4.0.jar"},
    ],
)
def test_the_callers_own_delta_replaces_the_cache(
    conf: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_CACHE", str(tmp_path))  # empty: a look into it would ask a registry
    monkeypatch.setattr(jvm, "fetch_jars", lambda: pytest.fail("asked a registry"))
    chosen = settings(conf)
    assert chosen.get(DELTA_CLASS_PATH) == conf.get(DELTA_CLASS_PATH)


def test_other_packages_of_the_caller_come_beside_the_cache(jars: list[str]) -> None:
    chosen = settings({"spark.jars.packages": "org.apache.hadoop:hadoop-aws:3.4.2"})
    assert chosen["spark.jars.packages"] == "org.apache.hadoop:hadoop-aws:3.4.2"
    assert chosen[DELTA_CLASS_PATH] == ":".join(jars)


def test_on_a_cluster_executors_get_the_jars_and_nothing_is_tuned_for_one_machine(jars: list[str]) -> None:
    chosen = settings({"spark.jars": "/x/driver.jar"}, master="spark://head:7077")
    assert chosen["spark.jars"] == ",".join([*jars, "/x/driver.jar"])
    assert not set(session.LOCAL) & set(chosen)
    assert "spark.driver.memory" not in chosen
    assert chosen["spark.sql.session.timeZone"] == "UTC"


@pytest.mark.parametrize(
    ("master", "cores"), [("local", 1), ("local[4]", 4), ("local[8, 3]", 8), ("local[*]", os.cpu_count())]
)
def test_cores_of_a_master(master: str, cores: int) -> None:
    assert session._cores(master) == cores


def test_memory_is_a_sensible_part_of_the_machine() -> None:
    assert 1024 <= int(session._memory().removesuffix("m")) <= 8192


def test_delta_keeps_the_states_of_a_few_tables_only(spark: SparkSession, tmp_path: Path) -> None:
    states: Any = getattr(getattr(spark._jvm, "org.apache.spark.sql.delta.DeltaLog$"), "MODULE$")
    most = int(session.SMALL["spark.databricks.delta.delta.log.cacheSize"])
    for number in range(2 * most):
        states.forTable(spark._jsparkSession, str(tmp_path / str(number)))
    assert 0 < states.cacheSize() <= most


# One process for each start, because a process has one JVM. --------------------------------------------------------

OFFLINE = """
import fcntl, logging, pathlib, socket, struct, sys
with socket.socket() as s:  # the loopback device of a new network namespace is down
    fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", 0x41))
try:
    socket.create_connection(("192.0.2.1", 443), timeout=5)
except OSError as error:
    assert error.errno == 101, error  # network is unreachable: we are alone
from pyspark.errors import AnalysisException
from lakehouse.engine import jvm, session
folder = pathlib.Path(sys.argv[2])
spark = session.build("local[2]", session.SMALL, log_file=folder / "logs" / "first.log")
step = session.step_session(spark, {})
for n in range(2):
    step.range(5).write.format("delta").mode("append").save(str(folder / "t"))
assert step.read.format("delta").load(str(folder / "t")).count() == 10
def warn(text): spark._jvm.org.apache.logging.log4j.LogManager.getLogger("x").warn(text)
warn("to the first")
assert session.build("local[2]", {}, log_file=folder / "second.log") is not None
warn("to the second")
try:
    step.sql("SELECT nothing FROM nowhere")
except AnalysisException:
    pass
else:
    raise AssertionError("there is no such table")
print("done", spark.conf.get("spark.driver.extraJavaOptions").count("SharedArchiveFile"))
spark.stop()
again = session.build("local[1]", session.SMALL)
assert again.range(3).count() == 3 and again.sparkContext.master == "local[1]"
again.stop()
"""


def run(
    code: str, *arguments: str, prefix: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def alone() -> tuple[str, ...]:
    """The command that takes the network away, where we may."""
    prefix = ("unshare", "--net")
    able = (
        shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    )
    return prefix if able else ()


def test_a_start_without_network_works_and_says_nothing(tmp_path: Path) -> None:
    jvm.fetch_jars()
    prefix = alone()
    if not prefix:
        pytest.skip("only root can take the network away from a process")
    done = run(OFFLINE, "alone", str(tmp_path), prefix=prefix)
    made = jvm.archive(jvm.find_java()).exists()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"done {int(made)}\n", "")
    first, second = ((tmp_path / name).read_text() for name in ("logs/first.log", "second.log"))
    assert "WARN  spark x: to the first\n" in first
    assert "WARN  spark x: to the second\n" in second
    assert "to the second" not in first


def test_a_damaged_archive_neither_prints_nor_fails(tmp_path: Path) -> None:
    cache = tmp_path / "a cache"
    (cache / "jars").mkdir(parents=True)
    shutil.copytree(jvm.fetch_jars()[0].parent, cache / "jars" / jvm._jar_folder().name)
    code = """
from pathlib import Path
import sys
from lakehouse.engine import jvm, session
made = jvm.archive(jvm.find_java()); made.parent.mkdir(); made.write_bytes(b"not an archive" * 999)
spark = session.build("local[1]", session.SMALL, log_file=Path(sys.argv[1]))
print(spark.conf.get("spark.driver.extraJavaOptions").count(str(made)), spark.sql("SELECT 1").count())
spark.stop()
"""
    done = run(code, str(tmp_path / "spark.log"), LAKEHOUSE_CACHE=str(cache))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 1\n", "")
    assert "archive" not in (tmp_path / "spark.log").read_text()


def test_java_that_does_not_start_is_an_error_with_its_reason(tmp_path: Path) -> None:
    code = """
import sys
from lakehouse.engine import session
from lakehouse.errors import MachineError
try:
    session.build("local[1]", {"spark.driver.extraJavaOptions": "-javaagent:/nowhere.jar"})
except MachineError as error:
    print(error)
"""
    done = run(code)
    assert done.stderr == ""
    assert "Java did not start: " in done.stdout
    assert "/nowhere.jar" in done.stdout


def test_a_session_without_delta_is_refused_and_so_is_a_stopped_one() -> None:
    code = """
import os
from lakehouse.engine import jvm, session
from lakehouse.errors import MachineError
jvm.use(jvm.find_java())
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
for attempt in (lambda: session.adopt(spark), lambda: session.build("local[1]", {}), lambda: (spark.stop(), session.adopt(spark))):
    try:
        attempt()
    except MachineError as error:
        print(error.exit_code, error)
"""
    said = run(code).stdout.splitlines()
    refused = "3 this SparkSession cannot be used: it has no Delta (`spark.sql.extensions=`)"
    fix = "  fix: start it with delta-spark on its class path and `spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension`"
    assert said[:4] == [refused, fix, refused, fix]
    assert said[4] == "3 this SparkSession cannot be used: it is stopped"


# The tests' own session is a caller's. ------------------------------------------------------------------------------


def test_a_session_with_delta_is_taken_as_it_is(spark: SparkSession) -> None:
    assert session.adopt(spark) is spark


def test_a_connect_session_is_refused() -> None:
    connect = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    with pytest.raises(MachineError, match="Spark Connect session, which cannot make a session per step"):
        session.adopt(connect)


def test_a_catalog_that_is_not_deltas_is_refused(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    other = spark.newSession()
    monkeypatch.setattr(type(other.conf), "get", lambda self, key, default=None: default)
    with pytest.raises(MachineError, match=r"its catalog is not Delta's .*spark\.sql\.catalog\.spark_catalog="):
        session.adopt(other)


def test_a_step_has_the_callers_settings_but_means_the_same_everywhere(spark: SparkSession) -> None:
    caller = spark.newSession()
    theirs = {
        "fs.s3a.access.key": "AKIA",
        "spark.hadoop.fs.s3a.endpoint": "https://store",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.files.ignoreCorruptFiles": "true",
        "spark.databricks.delta.schema.autoMerge.enabled": "true",
        "spark.databricks.delta.write.txnAppId": "left over",
        "spark.databricks.delta.write.txnVersion": "7",
        "spark.databricks.delta.commitInfo.userMetadata": "left over",
    }
    for key, value in theirs.items():
        caller.conf.set(key, value)
    caller.conf.unset("spark.databricks.delta.snapshotPartitions")
    step = session.step_session(caller, {"spark.sql.session.timeZone": "Europe/Berlin"})
    kept = ("fs.s3a.access.key", "spark.hadoop.fs.s3a.endpoint", "spark.sql.shuffle.partitions")
    assert {key: step.conf.get(key) for key in kept} == {key: theirs[key] for key in kept}
    meant = {key: step.conf.get(key) for key in session.MEANING}
    assert meant == {**session.MEANING, "spark.sql.session.timeZone": "Europe/Berlin"}
    assert not session._LEFTOVERS & set(step.conf.getAll)
    assert "spark.databricks.delta.snapshotPartitions" not in step.conf.getAll
    assert {key: caller.conf.get(key) for key in theirs} == theirs
    assert step.sql("SELECT current_timezone()").first()[0] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("spark.sql.parquet.binaryAsString", "true"),
        ("spark.sql.parquet.inferTimestampNTZ.enabled", "false"),
        ("spark.sql.parquet.datetimeRebaseModeInRead", "LEGACY"),
        ("spark.sql.parquet.int96RebaseModeInRead", "LEGACY"),
        ("spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY"),
        ("spark.sql.legacy.parquet.nanosAsLong", "true"),
        ("spark.sql.legacy.charVarcharAsString", "true"),
        ("spark.sql.json.enableExactStringParsing", "false"),
        ("spark.sql.json.enablePartialResults", "false"),
        ("spark.sql.orc.mergeSchema", "true"),
    ],
)
def test_settings_that_change_what_files_mean_do_not_reach_a_step(
    spark: SparkSession, tmp_path: Path, setting: str, value: str
) -> None:
    values = {
        "b": pa.array([b"ab"]),
        "old": pa.array([datetime(1500, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        "local": pa.array([0], pa.timestamp("us")),
    }
    pq.write_table(pa.table(values), tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text('{"n":1.50,"s":{"x":1,"y":"z"}}\n')
    caller = spark.newSession()
    caller.conf.set(setting, value)
    frames = [
        (
            step.read.parquet(str(tmp_path / "a.parquet")),
            step.read.schema("n string, s struct<x:int,y:int>").json(str(tmp_path / "a.json")),
        )
        for step in (session.step_session(found, {}) for found in (spark, caller))
    ]
    ours, theirs = ([(str(frame.schema), frame.collect()) for frame in pair] for pair in frames)
    assert ours == theirs
    assert session.step_session(caller, {}).conf.get(setting, None) != value


def test_settings_of_readers_that_only_make_them_faster_reach_a_step(spark: SparkSession) -> None:
    caller = spark.newSession()
    theirs = {"spark.sql.parquet.compression.codec": "zstd", "spark.sql.orc.filterPushdown": "false"}
    for key, value in theirs.items():
        caller.conf.set(key, value)
    step = session.step_session(caller, {})
    assert {key: step.conf.get(key) for key in theirs} == theirs


def test_a_step_does_not_see_the_callers_views_nor_the_caller_the_steps_settings(spark: SparkSession) -> None:
    caller = spark.newSession()
    caller.range(1).createOrReplaceTempView("theirs")
    step = session.step_session(caller, {"spark.sql.shuffle.partitions": "11"})
    assert not step.catalog.tableExists("theirs")
    assert caller.conf.get("spark.sql.shuffle.partitions") != "11"


def test_what_the_caller_says_about_speed_stays(spark: SparkSession) -> None:
    caller = spark.newSession()
    key = "spark.sql.optimizer.windowGroupLimitThreshold"
    caller.conf.set(key, "500")
    assert session.step_session(caller, {}).conf.get(key) == "500"
    caller.conf.unset(key)
    assert session.step_session(caller, {}).conf.get(key) == session.SPEED[key]
