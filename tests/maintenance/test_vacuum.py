"""When removed files are deleted, and when they must stay."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from lakehouse import maintenance
from lakehouse.lake.log import Log
from lakehouse.maintenance import Maintenance, View, vacuum
from lakehouse.names import TableName
from tests.maintenance.conftest import ago, commit, files, removed, view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def decided(found: View, **keys: object) -> tuple[bool, str]:
    decision = vacuum.decide(found, Maintenance.model_validate(keys))
    return decision.due, decision.reason


def test_s103_a_short_retention_must_be_allowed() -> None:
    with pytest.raises(ValidationError, match=r"2 days is below 7 days.*allow_short_retention: true"):
        Maintenance.model_validate({"vacuum": {"retain": "2 days"}})
    short = Maintenance.model_validate({"vacuum": {"retain": "2 days"}, "allow_short_retention": True})
    assert vacuum.retain(short) == timedelta(days=2)


def test_retention_by_default_and_as_properties() -> None:
    assert vacuum.retain(Maintenance()) == timedelta(days=7)
    assert vacuum.retain(Maintenance(), read_by_changes=True) == timedelta(days=30)
    found = maintenance.properties(Maintenance.model_validate({"vacuum": {"retain": "60 days"}}), layer="bronze")
    assert found["delta.deletedFileRetentionDuration"] == "interval 60 days"
    assert found["delta.logRetentionDuration"] == "interval 60 days", "the log must reach back as far"
    assert maintenance.properties(None, layer="gold")["delta.logRetentionDuration"] == "interval 30 days"


def test_due_only_when_removed_files_are_older_than_the_retention() -> None:
    assert decided(view(files())) == (False, "no file was removed longer than 7 days ago")
    assert decided(view(files(), gone=removed(ago(days=6)))) == (False, "no file was removed longer than 7 days ago")
    assert decided(view(files(), gone=removed(ago(days=8), ago(days=9), ago(days=1)))) == (
        True,
        "2 files removed longer than 7 days ago",
    )
    assert decided(view(files(), gone=removed(ago(days=8))), vacuum="never") == (False, "`vacuum: never`")


def test_what_a_vacuum_has_seen_is_not_looked_at_again() -> None:
    gone = removed(ago(days=30), ago(days=9))
    seen_both = commit("VACUUM END", ago(days=1))
    assert not decided(view(files(), seen_both, gone=gone))[0]
    seen_one = commit("VACUUM END", ago(days=10))
    assert decided(view(files(), seen_one, gone=gone)) == (True, "1 file removed longer than 7 days ago")


def test_what_a_checkpoint_has_forgotten_is_found_in_the_history() -> None:
    merge = commit("MERGE", ago(days=8), {"numTargetFilesRemoved": "3"})
    recent = commit("OPTIMIZE", ago(days=2), {"numRemovedFiles": "9"})
    assert decided(view(files(), recent, merge)) == (True, "3 files removed longer than 7 days ago")
    assert not decided(view(files(), recent, commit("VACUUM END", ago(hours=23)), merge))[0]
    assert not decided(view(files(), recent))[0]


def test_s103_a_reader_that_is_behind_keeps_the_files() -> None:
    gone = removed(ago(days=8))
    behind = view(
        files(), gone=gone, readers={TableName("gold", "x"): ago(days=10), TableName("gold", "y"): ago(days=1)}
    )
    due, reason = decided(behind)
    assert not due
    assert "gold.x has still to read what was written from 2024-02-20 00:00 on" in reason
    assert decided(view(files(), gone=gone, readers={TableName("gold", "y"): ago(days=1)}))[0]


def test_old_files_go_the_rest_stays_and_an_idle_table_gets_no_commit(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    properties = ", ".join(f"'{n}' = '{v}'" for n, v in maintenance.properties(None, layer="bronze").items())
    spark.sql(f"CREATE TABLE delta.`{path}` (id bigint) USING delta TBLPROPERTIES ({properties})")
    for _ in range(2):
        spark.range(3).write.format("delta").mode("overwrite").save(str(path))
    now = datetime.now(UTC)

    def decision(at: datetime) -> maintenance.Decision:
        return vacuum.decide(View.of(Log.require(str(path)), "bronze", (), timedelta(days=7), at), Maintenance())

    assert not decision(now).due
    later = now + timedelta(days=8)
    assert decision(later).due
    _age(path, timedelta(days=8))
    due = decision(now)
    assert due.due
    before = spark.conf.get(vacuum._PARALLELISM)
    version = Log.require(str(path)).version
    vacuum.run(spark, str(path), Maintenance(), due)
    assert spark.conf.get(vacuum._PARALLELISM) == before
    log = Log.require(str(path))
    assert [c.operation for c in log.commits[: log.version - version]] == ["VACUUM END", "VACUUM START"]
    assert len(list(path.glob("*.parquet"))) == log.files().num_rows
    assert spark.read.format("delta").load(str(path)).count() == 3
    assert not decision(now).due, "what it deleted is still in the log, but seen"


def _age(path: Path, by: timedelta) -> None:
    """Move everything about the table into the past: its log, and what the log says."""
    import json

    for file in [*path.glob("*.parquet"), *path.glob("_delta_log/*")]:
        if file.suffix == ".json":
            lines = []
            for line in file.read_text().splitlines():
                action = json.loads(line)
                for name, key in (("commitInfo", "timestamp"), ("remove", "deletionTimestamp")):
                    if name in action:
                        action[name][key] -= int(by.total_seconds() * 1000)
                lines.append(json.dumps(action))
            file.write_text("\n".join(lines) + "\n")
        elif file.suffix == ".crc":
            file.unlink()
            continue
        then = file.stat().st_mtime - by.total_seconds()
        os.utime(file, (then, then))
    for crc in path.rglob(".*.crc"):
        crc.unlink()
