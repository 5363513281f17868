from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow.fs import FileInfo

from lakehouse.errors import MachineError
from lakehouse.sources.filesystem import absolute, filesystem, for_spark, from_spark, inner, outer, s3_settings, time_of


def test_paths_are_absolute_and_plain() -> None:
    assert absolute("in/../x", "/base") == "/base/x"
    assert absolute("/a//b/", "/base") == "/a/b"
    assert absolute("~/x", "/base") == str(Path.home() / "x")
    assert absolute("s3://b/k", "/base") == "s3://b/k"
    assert absolute("file:///a%20b", "/base") == "/a b"


@pytest.mark.parametrize(
    ("path", "within"),
    [
        ("/a b/c", "/a b/c"),
        ("s3://bucket/k/x y", "bucket/k/x y"),
        ("s3a://bucket/k", "bucket/k"),
        ("abfss://box@account.dfs.core.windows.net/k/x", "box/k/x"),
        ("gs://b/k", "b/k"),
    ],
)
def test_there_and_back(path: str, within: str) -> None:
    assert inner(path) == within
    assert outer(within, path) == path


def test_sparks_names() -> None:
    assert for_spark("s3://b/k") == "s3a://b/k"
    assert for_spark("/a b") == "/a b"
    assert from_spark("file:/a%20b%2541+c") == "/a b%41+c"
    assert from_spark("file:///a") == "/a"


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(MachineError, match="ftp://"):
        filesystem("ftp://x/y", {})


def test_s3_by_the_stores_own_names() -> None:
    storage = {"AWS_ENDPOINT_URL": "http://localhost:9000", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
    store, to_inner = filesystem("s3://bucket/x", storage)
    assert (store.type_name, to_inner("s3://bucket/x")) == ("s3", "bucket/x")
    assert filesystem("s3a://bucket/y", storage)[0] is not None


@pytest.mark.parametrize(
    ("path", "microsecond"),
    [("/in/a", 123_000), ("gs://b/a", 123_000), ("s3://b/a", 0), ("s3a://b/a", 0)],
)
def test_times_are_of_milliseconds_and_on_s3_of_seconds(path: str, microsecond: int) -> None:
    """MinIO lists a file with milliseconds, and answers without them when it is asked for this one."""
    at = datetime(2024, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)
    assert time_of(FileInfo("a", mtime=at), path) == at.replace(microsecond=microsecond)


def test_s3_has_more_than_one_name_for_a_setting() -> None:
    storage = {"Access_Key_Id": "k", "aws_secret_access_key": "s", "AWS_DEFAULT_REGION": "r", "aws_session_token": ""}
    assert s3_settings(storage) == {"access_key": "k", "secret_key": "s", "region": "r"}
    assert s3_settings({"azure_storage_account_key": "a"}) == {}
