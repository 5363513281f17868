from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import MachineError
from lakehouse.sources.filesystem import absolute, filesystem, for_spark, from_spark, inner, outer


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
