"""Signatures get into the one commit they are for, and the settings never stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.lake import commit
from lakehouse.lake.log import Log
from lakehouse.lake.signature import Signature

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = (commit.TXN_APP_ID, commit.TXN_VERSION, commit.USER_METADATA)


def signature(kind: str, sequence: int, attempt: str = "a1") -> Signature:
    return Signature("id-1", "run-1", attempt, kind, sequence, 0, "hash", {"bronze.x": {"id": "i", "version": 3}})


def append(spark: SparkSession, path: str) -> None:
    spark.range(1).write.format("delta").mode("append").save(path)


def last(path: Path) -> list[dict[str, Any]]:
    newest = max(path.glob("_delta_log/*.json"))
    return [json.loads(line) for line in newest.read_text().splitlines()]


def settings(spark: SparkSession) -> list[str | None]:
    return [spark.conf.get(key, None) for key in SETTINGS]


def test_a_signed_commit_holds_txn_and_signature(spark: SparkSession, tmp_path: Path) -> None:
    with commit.signed(spark, signature("data", 7)):
        append(spark, str(tmp_path))
    actions = last(tmp_path)
    assert [a["txn"]["version"] for a in actions if "txn" in a] == [7]
    assert Signature.from_json(actions[0]["commitInfo"]["userMetadata"]) == signature("data", 7)
    assert settings(spark) == [None, None, None]
    log = Log.require(str(tmp_path))
    assert log.transaction("lakehouse/id-1") == 7


def test_a_second_attempt_at_the_same_sequence_is_dropped(spark: SparkSession, tmp_path: Path) -> None:
    for attempt in ("a1", "a2"):
        with commit.signed(spark, signature("data", 1, attempt)):
            append(spark, str(tmp_path))
    assert spark.read.format("delta").load(str(tmp_path)).count() == 1
    assert json.loads(last(tmp_path)[0]["commitInfo"]["userMetadata"])["attempt"] == "a1"


def test_an_annotated_commit_has_no_txn(spark: SparkSession, tmp_path: Path) -> None:
    append(spark, str(tmp_path))
    with commit.annotated(spark, signature("alter", 4)):
        spark.sql(f"ALTER TABLE delta.`{tmp_path}` SET TBLPROPERTIES ('a' = 'b')")
    actions = last(tmp_path)
    assert not [a for a in actions if "txn" in a]
    assert Signature.from_json(actions[0]["commitInfo"]["userMetadata"]) == signature("alter", 4)
    assert settings(spark) == [None, None, None]


def test_settings_go_also_when_the_statement_fails(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), commit.signed(spark, signature("data", 1)):
        raise ZeroDivisionError
    assert settings(spark) == [None, None, None]


def test_a_leftover_txn_of_the_caller_does_not_drop_our_commit(spark: SparkSession, tmp_path: Path) -> None:
    append(spark, str(tmp_path))
    session = spark.newSession()
    session.conf.set(commit.TXN_APP_ID, "other")
    session.conf.set(commit.TXN_VERSION, "99")
    with commit.annotated(session, signature("create", 0)):
        assert settings(session)[:2] == [None, None]
    assert settings(session) == [None, None, None]


def test_a_kind_gets_the_settings_it_must_have(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="carries no txn"), commit.signed(spark, signature("optimize", 1)):
        pass
    with pytest.raises(ValueError, match="needs a txn"), commit.annotated(spark, signature("data", 1)):
        pass


def test_a_statement_about_another_table_may_come_before_the_signed_one(spark: SparkSession, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with commit.signed(spark, signature("data", 7)):
        with commit.aside(spark):
            assert settings(spark) == [None, None, None]
            append(spark, str(other))
        append(spark, str(one))
    assert [[a["txn"]["version"] for a in last(path) if "txn" in a] for path in (one, other)] == [[7], []]
    assert settings(spark) == [None, None, None]
