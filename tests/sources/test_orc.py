from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

from lakehouse.sources.orc import look
from tests.sources.files import listed


def test_files_of_one_schema_say_the_same_whatever_is_in_them(tmp_path: Path) -> None:
    tables = [{"a": [1], "b": ["x"]}, {"a": [None, 2], "b": [None, "y"]}, {"a": ["1"], "b": ["x"]}]
    for number, columns in enumerate(tables):
        orc.write_table(pa.table(columns), tmp_path / str(number))
    one, same, other = (look(listed(tmp_path / str(number)), {}) for number in range(3))
    assert one.schema == same.schema != other.schema


def test_columns_that_are_nested_too_deep_for_spark_are_refused(tmp_path: Path) -> None:
    value = pa.array([1])
    for level in range(101):
        if level in (99, 100):
            orc.write_table(pa.table({"a": value}), tmp_path / str(level))
        value = pa.StructArray.from_arrays([value], ["x"])
    assert look(listed(tmp_path / "99"), {}).schema
    with pytest.raises(ValueError, match="more than 100 levels"):
        look(listed(tmp_path / "100"), {})


@pytest.mark.parametrize("content", [b"", b"ORC", b"garbage" * 100])
def test_what_is_no_orc_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises((OSError, ValueError)):
        look(listed(path), {})
