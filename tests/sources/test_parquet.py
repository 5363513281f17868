from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.sources.parquet import _all_is_there, look
from tests.sources.files import listed


def looked(path: Path, columns: dict[str, Any]) -> Any:
    pq.write_table(pa.table(columns), path)
    return look(listed(path), {})


def test_files_of_one_schema_say_the_same_whatever_is_in_them(tmp_path: Path) -> None:
    one = looked(tmp_path / "1", {"a": [1], "b": [{"c": ["x"]}]})
    same = looked(tmp_path / "2", {"a": [None, 2], "b": [{"c": ["y", "z"]}, None]})
    other = looked(tmp_path / "3", {"a": pa.array([1], pa.int32()), "b": [{"c": ["x"]}]})
    assert one.schema == same.schema != other.schema


def test_the_footer_tells_which_columns_have_a_value(tmp_path: Path) -> None:
    seen = looked(tmp_path / "1", {"a": [None, 2], "b": pa.array([None, None], pa.string()), "c": [[1], None]})
    assert seen.valued == {"a"}
    assert looked(tmp_path / "2", {"a": pa.array([], pa.int64())}).valued == set()


def test_nanoseconds_are_told_from_other_timestamps(tmp_path: Path) -> None:
    kinds = {"n": pa.timestamp("ns"), "u": pa.timestamp("ns", "UTC"), "m": pa.timestamp("us")}
    assert looked(tmp_path / "1", {n: pa.array([0], k) for n, k in kinds.items()}).nanoseconds == {
        "n": False,
        "u": True,
    }


def test_a_footer_with_something_behind_it_is_refused_before_it_is_asked_for_more(tmp_path: Path) -> None:
    """As of a file whose columns are encrypted: to ask that for statistics would end the process."""
    path = tmp_path / "x"
    pq.write_table(pa.table({"a": [1]}), path)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little") + 28
    path.write_bytes(content[:-8] + bytes(28) + length.to_bytes(4, "little") + b"PAR1")
    with pytest.raises(ValueError, match="encrypted"):
        look(listed(path), {})


def test_a_row_group_that_lies_outside_of_the_file_is_refused(tmp_path: Path) -> None:
    """Spark reads the row groups whose middle lies in its part of the file, and would read none of these rows."""
    path = tmp_path / "x"
    pq.write_table(pa.table({"a": [1] * 100}), path)
    found = listed(path)
    footer = path.read_bytes()
    (tmp_path / "y").write_bytes(footer)
    assert look(found, {}).valued == {"a"}
    with pytest.raises(ValueError, match="outside of the file"):
        _all_is_there(pq.read_metadata(path), 20)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"garbage" * 100])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises((OSError, ValueError)):
        look(listed(path), {})
