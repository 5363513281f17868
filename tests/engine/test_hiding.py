"""Secrets planted everywhere that they could leak from, and none found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pyarrow.parquet as pq
import pytest

from lakehouse import redaction
from lakehouse.engine import hiding, session

PLANTS = {
    # by provider
    "LAKEHOUSE_SECRET_FEED_PASSWORD": "plant-Feed$Pass{word}",
    "LAKEHOUSE_SECRET_FEED_ENCODING": "plantFeedEncoding",
    "LAKEHOUSE_SECRET_S3_KEY": "plant/TheStoreKey+==",
    "LAKEHOUSE_SECRET_CONF_VALUE": "plantConfValue",
    "LAKEHOUSE_SECRET_CONF_SQL": "plantConfSql",
    "LAKEHOUSE_SECRET_STORE_TOKEN": 'plant"Store"Token\\x',
    "LAKEHOUSE_SECRET_STORE_URL": "plantStoreUrl",
    # environment variables: by their own name, by the setting that they stand in, by a variable on the way
    "PLANT_DB_PASSWORD": "plantDbPassword",
    "PLANT_STORE": "cGxhbnRTdG9yZUtleQ==",
    "PLANT_PLAIN": "plantPlainName",
    "PLANT_BAD": "plantBadValue",
    "PLANT_ARGUMENT": "plantArgument",
    "PLANT_NULL": "pw7",
}
HEADER = "pipeline: p\nrun: {max_retries: 0}\nvariables: {api_token: '${env:PLANT_PLAIN}', day: '${run.date}'}\n"
PIPELINE = """
bronze:
  feed:
    source:
      format: csv
      path: landing
      options:
        header: true
        nullValue: "${env:PLANT_DB_PASSWORD}"
        password: "${secret:feed/password}"
        odd.name: "${secret:feed/password}"
        token: "${api_token}"
        url: "https://me:${env:PLANT_PLAIN}@host/path?sig=${env:PLANT_BAD}"
        short.password: "${env:PLANT_NULL}"
    auto_loader: {schema_hints: {a: int}}
  unread:
    source: {format: csv, path: landing, options: {header: true, encoding: "${secret:feed/encoding}"}}
  lost:
    source: {format: csv, path: landing, options: {header: true, password: "${secret:no/such}"}}
silver:
  good:
    from: bronze.feed
    cleanse: [{derive: {loaded: "cast(:day as date)"}}, {filter: "'${run.id}' <> ''"}]
    expectations: {known: {expect: a < 2, on_violation: quarantine}}
  fails: {from: bronze.feed}
  marked:
    from: bronze.feed
    cleanse: [{derive: {born: cast(b AS date)}}]
    schema: {a: int, born: {type: date, pii: true}}
"""
PLAIN_SECRET = """
bronze:
  feed: {source: {format: csv, path: landing, options: {password: plantPlainText, header: true}}, comments: x}
"""
SQL = """
bronze: {feed: {source: {format: csv, path: landing, options: {nullValue: "${secret:feed/password}"}}}}
silver: {s: {from: bronze.feed, cleanse: [{filter: "a = '${secret:feed/password}'"}]}}
"""
VARIABLE = """
variables: {api_token: "${env:PLANT_PLAIN}"}
bronze: {feed: {source: {format: csv, path: landing}}}
silver: {s: {from: bronze.feed, cleanse: [{derive: {t: ":api_token"}}]}}
"""
STORAGE = """
storage:
  azure_storage_account_key: "${env:PLANT_STORE}"
  azure_storage_token: "${secret:store/token}"
"""


def configs(folder: Path) -> dict[str, str]:
    events = folder / "events"
    events.mkdir()
    conf = {
        **session.SMALL,
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.hadoop.fs.s3a.secret.key": "${secret:s3/key}",
        "spark.plain.name": "${secret:conf/value}",
        "spark.sql.plain.name": "${secret:conf/sql}",
    }
    return {
        "base": f"{STORAGE}variables: {{a: 1}}\n",
        "local": f"lake: ./lake\nspark: {{master: 'local[1]', conf: {json.dumps(conf)}}}\n",
        "typed": "history: {retain: '${env:PLANT_BAD}'}\ntime_zone: ${env:PLANT_DB_PASSWORD}\nlake: '${secret:a/b}'\n",
        "zone": "time_zone: ${env:PLANT_BAD}\nspark: {master: ''}\n",
        "missing": "lake: ./lake2\nstorage: {azure_storage_token: '${secret:no/such}'}\nspark: {master: 'local[1]'}\n",
        "refused": "lake: abfss://c@a.dfs.core.windows.net/lake\nstorage: {allow_http: '${secret:store/url}'}\n",
    }


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the process printed, and its folder."""
    folder = tmp_path_factory.mktemp("plants")
    for name in ("pipelines", "configs", "landing"):
        (folder / name).mkdir()
    (folder / "pipelines/p.yaml").write_text(HEADER + PIPELINE)
    (folder / "landing/1.csv").write_text("a,b\n1,plantDbPassword\n2,rowSmith77\n")
    for name, text in configs(folder).items():
        (folder / f"configs/{name}.yaml").write_text(text)
    for name, text in {"plain": PLAIN_SECRET, "sql": SQL, "variable": VARIABLE}.items():
        (folder / name / "pipelines").mkdir(parents=True)
        (folder / name / "pipelines/p.yaml").write_text(f"pipeline: {name}\n{text}")
    child = Path(__file__).with_name("plants.py")
    environ = {**os.environ, **PLANTS, "PYTHONPATH": str(child.parents[2])}
    command = [sys.executable, str(child), str(folder)]
    ended = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=300)
    text = ended.stdout + ended.stderr
    assert ended.returncode == 0, text[-3000:]
    return text, folder


VALUES = [*PLANTS.values(), "plantPlainText", "TheStoreKey", "plant-Feed", "plant%2FTheStoreKey", "plant\\u"]


def found_in(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [value for value in VALUES if value.encode() in data]


def test_nothing_printed_shows_a_secret(said: tuple[str, Path]) -> None:
    text, _ = said
    assert found_in(text) == []
    # it was there to be shown: by a step's library, a reader's option, the store's client, a value of a wrong type
    assert "silver.fails: RuntimeError: cannot connect: password=***" in text
    assert "the encoding '***' is unknown" in text
    assert 'failed to parse "***" as boolean' in text
    assert "'${env:PLANT_BAD}' is not a duration" in text
    assert "options: {password: ***" in text
    assert "the variable 'api_token' is a secret and cannot stand in SQL" in text
    assert "ValueError: login with ***" in text
    assert "nobody refused" not in text


def test_no_file_of_the_lake_shows_a_secret(said: tuple[str, Path]) -> None:
    _, folder = said
    files = [path for path in (folder / "lake").rglob("*") if path.is_file()]
    assert {path.name: found_in(path.read_bytes()) for path in files if found_in(path.read_bytes())} == {}
    rows = {path: pq.read_table(path).to_pylist() for path in files if path.suffix == ".parquet"}
    assert {path: found_in(str(table)) for path, table in rows.items() if found_in(str(table))} == {}
    kept = " ".join(str(table) for path, table in rows.items() if "_lakehouse/errors" in str(path))
    assert "password=***" in kept
    assert "'code': 'secret.missing', 'message': 'the secret no/such of the provider `environment` is missing" in kept
    assert "the encoding '***' is unknown" in kept
    logs = "".join(path.read_text() for path in (folder / "lake/_lakehouse/logs").iterdir())
    assert "step finished silver.fails silver.fails: RuntimeError: cannot connect: password=***" in logs
    assert "ERROR lakehouse.connector cannot connect with ***\nTraceback" in logs
    assert "ERROR spark Planted: a line of Spark with ***\n" in logs
    assert "IllegalStateException: and a cause with ***\n" in logs


def test_s60_what_errors_quote_of_rows_is_in_no_log_where_a_column_is_marked(said: tuple[str, Path]) -> None:
    text, folder = said
    logs = "".join(path.read_text() for path in (folder / "lake/_lakehouse/logs").iterdir())
    assert "The value '***' of the type" in text
    assert re.search(r"(ERROR|WARN) +spark .*\n?.*The value '\*\*\*' of the type", logs), "Spark's own lines"
    assert "rowSmith77" not in logs
    assert not re.search("(error|value|failed).*rowSmith77", text), "it is shown only as a row of `show`"


def test_sparks_event_log_shows_no_secret(said: tuple[str, Path]) -> None:
    _, folder = said
    (log,) = (folder / "events").iterdir()
    text = log.read_text()
    assert found_in(text) == []
    events = [json.loads(line) for line in text.split("\n") if line]
    (environment,) = [e for e in events if e["Event"] == "SparkListenerEnvironmentUpdate"]
    properties = environment["Spark Properties"]
    for name in ("spark.hadoop.fs.s3a.secret.key", "spark.plain.name", "spark.sql.plain.name"):
        assert dict(properties)[name] == "*********(redacted)"
    jobs = [e["Properties"] for e in events if e["Event"] == "SparkListenerJobStart"]
    assert {job["spark.sql.plain.name"] for job in jobs if "spark.sql.plain.name" in job} == {"*********(redacted)"}
    # what stands in SQL is there for all to read, which is why no secret can
    assert "a description of SQL" in text


def test_settings_of_a_store_are_hidden_in_a_session_that_was_handed_over() -> None:
    redaction.hide("account-key-of-a-store")
    given = MagicMock()
    given.conf.get.return_value = "(?i)url"
    name = "fs.azure.account.key.acc.dfs.core.windows.net"
    assert hiding.redaction_of({name: "account-key-of-a-store", "fs.s3a.endpoint": "http://x"}, given) == {
        "spark.sql.redaction.options.regex": f"(?i)url|^{re.escape(name)}$"
    }
    assert hiding.redaction_of({"fs.s3a.endpoint": "http://x"}, given) == {}


def test_the_command_line_of_java_shows_no_secret(said: tuple[str, Path]) -> None:
    _, folder = said
    line = (folder / "java.txt").read_bytes()
    assert b"spark.eventLog.enabled=true" in line
    assert found_in(line) == []


def test_the_values_arrive(said: tuple[str, Path]) -> None:
    _, folder = said
    feed = {row["a"]: row["b"] for row in _rows(folder / "lake/bronze/feed")}
    assert feed == {1: None, 2: "rowSmith77"}, "the secret is what the reader takes for NULL"
    (good,) = _rows(folder / "lake/silver/good")
    (started,) = {run[:8] for run in _column(folder, "runs", "run_id")}
    assert f"{good['loaded']:%Y%m%d}" == started


def _rows(table: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(table.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def _column(folder: Path, table: str, name: str) -> list[Any]:
    return [row[name] for row in _rows(folder / f"lake/_lakehouse/{table}")]
