"""Compressed files that Hadoop reads in part, found by their first and last bytes."""

from __future__ import annotations

import bz2
import random
from pathlib import Path

import pytest

from lakehouse.sources.compressed import not_whole
from tests.sources.files import listed


def why(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return not_whole([listed(path)], {}).get(str(path), "")


@pytest.mark.parametrize("size", [0, 1, 10, 11, 12, 13, 100, 5000])
def test_a_bzip2_is_whole_at_whichever_bit_it_ends(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    packed = bz2.compress(data)
    assert why(tmp_path / "a.bz2", packed) == ""
    assert why(tmp_path / "a.BZ2", packed + packed) == ""
    assert "does not" in why(tmp_path / "a.bz2", packed[:-5])
    assert "does not end" in why(tmp_path / "a.bz2", packed + b"garbage")


def test_what_is_no_bzip2(tmp_path: Path) -> None:
    for content in (b"a", b'{"a":1}\n', b"BZh9garbage", bytes(100)):
        assert "does not begin" in why(tmp_path / "a.bz2", content)
    assert why(tmp_path / "a.bz2", b"") == "", "a file without a byte has no rows"
    assert why(tmp_path / "a.csv", b"a") == why(tmp_path / "a.gz", b"a") == ""


def test_what_only_hadoop_writes_is_refused_by_name(tmp_path: Path) -> None:
    assert "use .gz, .bz2 or .zst" in why(tmp_path / "a.csv.lz4", b"a")
    assert "use .gz, .bz2 or .zst" in why(tmp_path / "a.csv.Snappy", b"a")


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.bz2"
    path.write_bytes(b"x")
    file = listed(path)
    path.unlink()
    assert "cannot be read" in not_whole([file], {})[str(path)]
