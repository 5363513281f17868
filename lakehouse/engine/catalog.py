"""Tables by name for people: a session that knows them, and rows as they are or were."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from lakehouse.control.store import Control
from lakehouse.engine import companions, hiding, stores
from lakehouse.engine import session as sessions
from lakehouse.errors import MachineError, StepError
from lakehouse.lake.log import Log
from lakehouse.names import COMPANIONS, TableName, literal, quoted
from lakehouse.spec.load import Project
from lakehouse.state.place import Commits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def registered(project: Project, spark: SparkSession | None) -> SparkSession:
    """The caller's session, or one of our own, in which each table that exists can be named `layer.table`.

    Raises MachineError when the session's catalog has another table by such a name.
    """
    found = session_of(project, spark)
    environment = project.environment
    for name in project.tables:
        for known in (name, *(name.companion(c) for c in COMPANIONS)):
            if Log.open(environment.table_path(known), environment.storage) is None:
                continue  # CREATE TABLE … LOCATION on an empty path would make one
            table, path = f"{quoted(known.layer)}.{quoted(known.table)}", environment.table_path(known)
            if found.catalog.tableExists(str(known)):
                _refuse_another(found, table, known, path)
            else:
                found.sql(f"CREATE DATABASE IF NOT EXISTS {quoted(known.layer)}")
                found.sql(f"CREATE TABLE {table} USING delta LOCATION {literal(path)}")
    return found


def _refuse_another(spark: SparkSession, table: str, name: TableName, path: str) -> None:
    """The catalog may know the name already: of another lake, registered in the same Spark, or of somebody else's."""
    described = spark.sql(f"DESCRIBE TABLE EXTENDED {table}").where("col_name = 'Location'").select("data_type")
    there = unquote("".join(str(row[0]) for row in described.collect()))
    if there.removeprefix("file:").rstrip("/") != path.rstrip("/"):
        raise MachineError(
            f"{name} is {there} in this session's catalog, not {path}",
            code="catalog.taken",
            fix=f"DROP TABLE {name} there if it may go (the files of an external table stay), or use another session",
        )


def read_table(
    project: Project,
    name: TableName,
    spark: SparkSession | None,
    *,
    version: int | None = None,
    timestamp: str | None = None,
) -> DataFrame:
    """The table as it is, or was at a version or time; of a companion only the rows that exist."""
    hiding.hide_marked(project)
    environment = project.environment
    path = environment.table_path(name)
    if Log.open(path, environment.storage) is None:
        raise StepError(f"{name} does not exist yet", code="table.missing", fix="run the pipeline first")
    found, store = session_of(project, spark), stores.for_hadoop(environment.storage, path)
    conf = {"spark.sql.session.timeZone": environment.time_zone, **store, **hiding.redaction_of(store, found)}
    session = sessions.step_session(found, conf)
    reader = session.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    if timestamp is not None:
        reader = reader.option("timestampAsOf", timestamp)
    frame = reader.load(path)
    return _existing(project, name, frame) if name.table.endswith(COMPANIONS) else frame


def _existing(project: Project, companion: TableName, frame: DataFrame) -> DataFrame:
    environment = project.environment
    base = next(companion.table.removesuffix(c) for c in COMPANIONS if companion.table.endswith(c))
    log = Log.open(environment.table_path(TableName(companion.layer, base)), environment.storage)
    if log is None:
        return frame.limit(0)
    rows = Commits.read(Control(environment.control_path, environment.storage), log.table_id or "")
    return companions.existing(frame, rows.committed(log))


def session_of(project: Project, spark: SparkSession | None) -> SparkSession:
    """The caller's session, or one of our own that writes nothing into the lake."""
    if spark is not None:
        return sessions.adopt(spark)
    return sessions.build(project.environment.spark.master, project.environment.spark_conf)
