"""Runs from a real S3 server into a lake on this machine; Spark gets all it needs from `storage` and the slim jars."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.engine import session
from tests import s3 as servers
from tests.engine.lake import Lake
from tests.s3 import Server

PIPELINE = """
pipeline: p
run: {{max_retries: 0}}
bronze:
  csv:
    source: {{format: csv, path: "s3://{bucket}/csv", options: {{header: true}}}}
    auto_loader: {{schema_hints: {{id: int, n: string}}}}
  json: {{source: {{format: json, path: "s3://{bucket}/json/d=*/*.json"}}}}
  parquet: {{source: {{format: parquet, path: "s3a://{bucket}/parquet", recursive_file_lookup: true}}}}
  moved:
    source: {{format: csv, path: "s3://{bucket}/in", options: {{header: true}}}}
    auto_loader: {{clean_source: {{action: move, retention_duration: 0 days, move_destination: "s3://{bucket}/done"}}}}
  told:
    source: {{format: csv, path: "s3a://{bucket}/told", options: {{header: true}}}}
    auto_loader: {{use_notifications: {{queue_url: "s3://{bucket}/told-events"}}}}
  deleted:
    source: {{format: text, path: "s3://{bucket}/deleted"}}
    auto_loader: {{clean_source: {{action: delete}}}}
"""


def parquet(**columns: list[Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another store."""
    with servers.running(tmp_path_factory.mktemp("there")) as server:
        yield server


@pytest.fixture(scope="module")
def seen(s3: Server, there: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the child saw; `folder` is its project's, `bucket` its bucket, `printed` all that it said."""
    folder, bucket = tmp_path_factory.mktemp("project"), there.bucket(s3.bucket())
    for name in ("pipelines", "configs", "events"):
        (folder / name).mkdir()
    (folder / "pipelines/p.yaml").write_text(PIPELINE.format(bucket=bucket))
    conf = {
        **session.SMALL,
        "spark.jars": ",".join(map(str, servers.spark_jars())),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (folder / "events").as_uri(),
        "spark.eventLog.compress": "false",
        # what `storage` says wins
        "spark.hadoop.fs.s3a.access.key": "${env:S3_NOBODY}",
        "spark.hadoop.fs.s3a.endpoint": "http://127.0.0.1:1",
        "spark.hadoop.fs.s3a.session.token": "${env:S3_NOBODY}",
        "spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider",
    }
    for env, server, lake in (("local", s3, "lake"), ("there", there, "lake-there")):
        config = f"lake: ./{lake}\nspark: {{master: 'local[2]', conf: {json.dumps(conf)}}}\n"
        storage = server.storage | {"aws_secret_access_key": f"${{env:S3_SECRET_{env.upper()}}}"}
        (folder / f"configs/{env}.yaml").write_text(f"{config}storage: {json.dumps(storage)}\n")
    good = gzip.compress(b"id,n\n5,zipped\n")
    (folder / "good.csv.gz").write_bytes(good)
    s3.put(bucket, **{
        "csv/a b%41.csv": "id,n\n1,a\n",
        "csv/p+q.csv": "n,id\nb,2\n",
        "csv/d=é/a#b?c.csv": "id,n\n3,c\n",
        "csv/_hidden.csv": "id,n\n0,no\n",
        "csv/bad.csv.gz": good[:-6],
        "json/d=1/a.json": '{"a": 1, "b": {"c": "é"}}\n{"a": 2}\nno json\n',
        "json/d=x%20y/b c.json": '{"a": 3}\n',
        "parquet/x/a.parquet": parquet(id=[1, 2], t=["a", "b"]),
        "parquet/b.parquet": parquet(id=[3], u=[1.5]),
        "in/d=1/a b+%.csv": "id\n1\n",
        "in/é.csv": "id\n2\n",
        "deleted/a.txt": "one\ntwo\n",
        "told/d=0/first.csv": "id\n1\n",
    })  # fmt: skip
    there.put(bucket, **{"csv/elsewhere.csv": "id,n\n100,there\n"})
    environ = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "S3_SERVERS": json.dumps([asdict(s3), asdict(there)]),
        "S3_SECRET_LOCAL": s3.secret,
        "S3_SECRET_THERE": there.secret,
        "S3_NOBODY": "keys-of-nobody",
    }
    command = [sys.executable, str(Path(__file__).with_name("s3_child.py")), str(folder), bucket]
    ended = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=600)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said[-5000:]
    return {**json.loads((folder / "seen.json").read_text()), "folder": folder, "bucket": bucket, "printed": said}


def statuses(seen: dict[str, Any], run: str) -> dict[str, str]:
    return {name.removeprefix("bronze."): step["status"] for name, step in seen[run]["steps"].items()}


def files(seen: dict[str, Any], run: str, table: str) -> dict[str, str]:
    """Path in the bucket, which is written as in the pipeline -> status."""
    scheme = "s3a" if table == "parquet" else "s3"
    return {p.removeprefix(f"{scheme}://{seen['bucket']}/"): f[0] for p, f in seen[run]["files"][table].items()}


def rows(seen: dict[str, Any], key: str, table: str = "") -> list[tuple[str, ...]]:
    """The rows' own values with their file's path, sorted."""
    found = seen[key][table] if table else seen[key]
    own = [{n: v for n, v in row.items() if not n.startswith("_")} for row in found]
    paths = [row["_source_file"].partition(seen["bucket"] + "/")[2] for row in found]
    return sorted((path, *map(str, row.values())) for path, row in zip(paths, own, strict=True))


def test_every_format_is_loaded_and_a_broken_file_fails_alone(seen: dict[str, Any]) -> None:
    assert "4 new of 4 files" in seen["plan"]
    errors = {name: step["error"] for name, step in seen["first"]["steps"].items()}
    assert errors == dict.fromkeys(errors)
    assert files(seen, "first", "csv") == {
        "csv/a b%41.csv": "loaded", "csv/p+q.csv": "loaded", "csv/d=é/a#b?c.csv": "loaded", "csv/bad.csv.gz": "failed",
    }  # fmt: skip
    (bad,) = [text for text in seen["first"]["steps"]["bronze.csv"]["warnings"] if "bad.csv.gz" in text]
    assert "bad.csv.gz could not be read and is left out: cannot be read: Truncated compressed stream" in bad
    assert rows(seen, "rows", "csv") == [
        ("csv/a b%41.csv", "1", "a", "None"), ("csv/d=é/a#b?c.csv", "3", "c", "é"), ("csv/p+q.csv", "2", "b", "None"),
    ]  # fmt: skip
    assert rows(seen, "rows", "json") == [
        ("json/d=1/a.json", "1", "{'c': 'é'}", "1"),
        ("json/d=1/a.json", "2", "None", "1"),
        ("json/d=x%20y/b c.json", "3", "None", "x y"),
    ]
    assert seen["first"]["steps"]["bronze.json"]["warnings"] == ["1 record(s) cannot be read"]
    assert [row[0] for row in rows(seen, "rows", "parquet")] == ["parquet/b.parquet", *2 * ["parquet/x/a.parquet"]]


def test_paths_are_as_written_in_the_ledger_and_in_the_rows(seen: dict[str, Any]) -> None:
    for table, scheme in (("csv", "s3://"), ("parquet", "s3a://")):
        paths = {*seen["first"]["files"][table], *(row["_source_file"] for row in seen["rows"][table])}
        assert {path[: path.index(seen["bucket"])] for path in paths} == {scheme}


def test_nothing_new_starts_no_java(seen: dict[str, Any]) -> None:
    assert "bronze.csv  idle: no new files among 4 files" in seen["plan after"]
    assert set(statuses(seen, "idle").values()) == {"idle"}
    assert not seen["idle"]["used_spark"]


def test_s1_a_changed_file_is_told_and_a_repaired_one_is_loaded_with_the_new(seen: dict[str, Any]) -> None:
    assert (seen["checked"]["ok"], seen["checked"]["files"], seen["checked"]["rows"]) == (True, 2, 2)
    new = {"csv": "completed", "told": "completed"}
    assert statuses(seen, "second") == dict.fromkeys(statuses(seen, "second"), "idle") | new
    (told,) = seen["second"]["steps"]["bronze.csv"]["warnings"]
    assert told.endswith("csv/a b%41.csv was loaded and has changed since; it is not read again")
    found = files(seen, "second", "csv")
    assert {path: found[path] for path in ("csv/a b%41.csv", "csv/bad.csv.gz", "csv/new +.csv")} == {
        "csv/a b%41.csv": "changed", "csv/bad.csv.gz": "loaded", "csv/new +.csv": "loaded",
    }  # fmt: skip
    new = [("csv/bad.csv.gz", "5", "zipped", "None"), ("csv/new +.csv", "7", "x", "None")]
    assert rows(seen, "second rows") == sorted([*rows(seen, "rows", "csv"), *new])


def test_files_are_loaded_by_events_that_lie_in_the_bucket_too(seen: dict[str, Any]) -> None:
    assert "2 new of 2 files named by events" in seen["told plan"]
    bad, outside = seen["second"]["steps"]["bronze.told"]["warnings"]
    assert bad.startswith(f"s3://{seen['bucket']}/told-events/bad.json stays in the queue: it is not JSON")
    assert outside == "1 event(s) name what does not lie in the source"
    assert rows(seen, "told rows") == [
        ("told/d=0/first.csv", "1", "0"),
        ("told/d=1/a b+%25.csv", "2", "1"),
        ("told/é.csv", "3", "None"),
    ]
    assert {path.partition(":")[0] for path in seen["second"]["files"]["told"]} == {"s3a"}
    assert "told/silent.csv" not in str(seen["second"]["files"]["told"]), "what no event names waits for a listing"
    assert seen["told events"] == ["told-events/bad.json"]


def test_files_are_moved_in_the_bucket_and_deleted_when_they_are_old(seen: dict[str, Any]) -> None:
    assert seen["moved"] == ["done/d=1/a b+%.csv", "done/é.csv"]
    to = {path: to for path, (_, to) in seen["first"]["files"]["moved"].items()}
    assert to == {path: path.replace("/in/", "/done/") for path in to}
    assert rows(seen, "rows", "moved") == [("in/d=1/a b+%.csv", "1", "1"), ("in/é.csv", "2", "None")]
    assert (seen["kept"], seen["deleted"]) == (["deleted/a.txt"], [])
    assert files(seen, "later", "deleted") == {"deleted/a.txt": "cleaned"}
    assert not seen["later"]["used_spark"]


def test_a_ledger_is_made_anew_from_rows(seen: dict[str, Any]) -> None:
    assert statuses(seen, "rebuilt") == {"csv": "idle", "moved": "idle"}
    assert files(seen, "rebuilt", "moved") == {"in/d=1/a b+%.csv": "cleaned", "in/é.csv": "cleaned"}


def test_storage_wins_over_the_sessions_settings_whatever_the_process_has_opened(seen: dict[str, Any]) -> None:
    assert rows(seen, "there rows") == [("csv/elsewhere.csv", "100", "there")]
    assert seen["there"]["steps"]["bronze.csv"]["error"] is None
    assert seen["back"]["steps"]["bronze.csv"]["error"] is None
    assert ("csv/last.csv", "9", "last", "None") in rows(seen, "back rows")
    assert seen["conf"] == {"fs.s3a.secret.key": None, "fs.s3a.endpoint": None}, "the caller's session is as it was"


def test_no_key_is_written_down(seen: dict[str, Any], s3: Server, there: Server) -> None:
    for secret in (s3.secret, there.secret, "keys-of-nobody"):
        assert secret not in seen["printed"]
        assert [p for p in seen["folder"].rglob("*") if p.is_file() and secret.encode() in p.read_bytes()] == []
    log = "".join(p.read_text() for p in (seen["folder"] / "events").rglob("*") if p.is_file())
    assert '"fs.s3a.secret.key":"*********(redacted)"' in log, "Spark writes the settings of a step's session"
    assert s3.endpoint in log


def test_without_the_jars_the_step_says_which_and_nothing_is_made(
    lake: Lake, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.bucket()
    s3.put(bucket, **{"in/a.csv": "id\n1\n"})
    lake.tables(bronze={"a": f"source: {{format: csv, path: 's3://{bucket}/in'}}"})
    monkeypatch.setenv("S3_SECRET", s3.secret)
    storage = s3.storage | {"aws_secret_access_key": "${env:S3_SECRET}"}
    (lake.root / "configs").mkdir()
    (lake.root / "configs/base.yaml").write_text(f"storage: {json.dumps(storage)}\n")
    error = lake.run(ok=False)["bronze.a"].error
    assert error is not None
    assert error.code == "store.connector"
    assert "Spark has no file system for s3://" in str(error)
    assert "org.apache.hadoop:hadoop-aws:3.4.2,software.amazon.awssdk:s3:" in str(error)
    assert "S3AFileSystem" in str(error)
    assert not lake.exists("bronze.a")
