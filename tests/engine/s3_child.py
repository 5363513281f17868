"""A process whose Spark has the jars for S3: `s3_child.py FOLDER`, of a project made by `test_s3_runs.py`.

What it saw goes to `seen.json` in the folder and is looked at there: one start of Java for all that needs these jars.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote_plus

import lakehouse
from lakehouse.engine import cleaning, session
from tests.s3 import Server

TABLES = ("csv", "json", "parquet", "moved", "deleted", "told")


class Later(datetime):
    """A month from now."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(days=31)


def ran(project: lakehouse.Project, **options: Any) -> dict[str, Any]:
    """A run, and what it left."""
    result = lakehouse.run(project, **options)
    return {
        "used_spark": result.used_spark,
        "steps": {
            str(name): {
                "status": step.status,
                "error": str(step.error) if step.error else None,
                "code": step.error.code if step.error else None,
                "warnings": list(step.warnings),
                "commits": step.commits,
            }
            for name, step in result.steps.items()
        },
        "files": {name.table: files(project, name.table) for name in result.steps},
    }


def files(project: lakehouse.Project, table: str) -> dict[str, list[str | None]]:
    """Path -> status, and where it went."""
    return {r["path"]: [r["status"], r["moved_to"]] for r in lakehouse.files(project, f"bronze.{table}")}


def rows(project: lakehouse.Project, table: str) -> list[dict[str, Any]]:
    return lakehouse.show(project, f"bronze.{table}", rows=100)


def main(folder: Path, here: Server, there: Server, bucket: str) -> dict[str, Any]:
    project = lakehouse.load(root=folder)
    seen: dict[str, Any] = {"plan": str(lakehouse.plan(project)), "first": ran(project)}
    seen["plan after"] = str(lakehouse.plan(project))
    seen["idle"] = ran(project)
    seen["rows"] = {name: rows(project, name) for name in TABLES}
    seen["moved"], seen["kept"] = here.names(bucket, "done"), here.names(bucket, "deleted")

    here.put(bucket, **{"csv/new +.csv": "n,id\nx,7\n", "csv/a b%41.csv": "id,n\n1,changed\n"})
    here.put(bucket, **{"csv/bad.csv.gz": (folder / "good.csv.gz").read_bytes()})
    for n, key in enumerate(("told/d=1/a b+%25.csv", "told/é.csv", "told/gone.csv", "elsewhere/x.csv")):
        record = {
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}},
        }
        here.put(bucket, **{f"told-events/2024/01/{n}.json": json.dumps({"Records": [record]})})
    here.put(bucket, **{"told-events/bad.json": "{", "told/d=1/a b+%25.csv": "id\n2\n", "told/é.csv": "id\n3\n"})
    here.put(bucket, **{"told/silent.csv": "id\n4\n"})
    seen["told plan"] = str(lakehouse.plan(project, select="bronze.told"))
    seen["checked"] = lakehouse.validate_data(project, "bronze.csv").to_dict()
    seen["second"] = ran(project)
    seen["second rows"], seen["told rows"] = rows(project, "csv"), rows(project, "told")
    seen["told events"] = here.names(bucket, "told-events")

    cleaning.datetime = Later  # type: ignore[attr-defined, misc]
    seen["later"], seen["deleted"] = ran(project), here.names(bucket, "deleted")

    shutil.rmtree(folder / "lake/_lakehouse")
    for name in ("csv", "moved"):
        lakehouse.rebuild_ledger(project, f"bronze.{name}")
    seen["rebuilt"] = ran(project, select="bronze.csv bronze.moved")

    # the same bucket in another store, and then in the first again, in one JVM
    seen["there"] = ran(lakehouse.load(root=folder, env="there"), select="bronze.csv")
    seen["there rows"] = rows(lakehouse.load(root=folder, env="there"), "csv")
    here.put(bucket, **{"csv/last.csv": "id,n\n9,last\n"})
    seen["back"] = ran(project, select="bronze.csv")
    seen["back rows"] = rows(project, "csv")

    spark = session.build("local[1]", {})
    seen["conf"] = {name: spark.conf.get(name, None) for name in ("fs.s3a.secret.key", "fs.s3a.endpoint")}
    spark.stop()
    return seen


if __name__ == "__main__":
    root, servers, bucket = Path(sys.argv[1]), json.loads(os.environ["S3_SERVERS"]), sys.argv[2]
    found = main(root, *(Server(**server) for server in servers), bucket)
    (root / "seen.json").write_text(json.dumps(found, default=str))
