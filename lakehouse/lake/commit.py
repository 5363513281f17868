"""Signed commits: the settings that put a signature into one statement's commit, and into no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lakehouse.lake.signature import Signature

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TXN_APP_ID = "spark.databricks.delta.write.txnAppId"
TXN_VERSION = "spark.databricks.delta.write.txnVersion"
USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


@contextmanager
def signed(spark: SparkSession, signature: Signature) -> Iterator[None]:
    """Within, one data statement of this session commits the signature with a txn of its sequence.

    Delta drops the statement when the sequence is recorded already. The body must hold one statement only: a second
    one would be dropped in silence, and so would any later one if the settings stayed, so they are always removed.
    """
    if not signature.has_txn:
        raise ValueError(f"a commit of kind {signature.kind!r} carries no txn")
    settings = {
        TXN_APP_ID: signature.app_id,
        TXN_VERSION: str(signature.sequence),
        USER_METADATA: signature.to_json(),
    }
    with _settings(spark, settings):
        yield


@contextmanager
def annotated(spark: SparkSession, signature: Signature) -> Iterator[None]:
    """Within, statements of this session carry the signature, but no txn: CREATE, ALTER, OPTIMIZE, VACUUM."""
    if signature.has_txn:
        raise ValueError(f"a commit of kind {signature.kind!r} needs a txn")
    with _settings(spark, {USER_METADATA: signature.to_json()}):
        yield


@contextmanager
def aside(spark: SparkSession) -> Iterator[None]:
    """Within `signed`: statements about another table can come before the one that carries the signature."""
    settings = {key: value for key in (TXN_APP_ID, TXN_VERSION, USER_METADATA) if (value := spark.conf.get(key, None))}
    _unset(spark)
    try:
        yield
    finally:
        for key, value in settings.items():
            spark.conf.set(key, value)


@contextmanager
def _settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    # a txn left by a caller would make Delta drop our statement, so all three go first and last
    _unset(spark)
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        yield
    finally:
        _unset(spark)


def _unset(spark: SparkSession) -> None:
    for key in (TXN_APP_ID, TXN_VERSION, USER_METADATA):
        spark.conf.unset(key)
