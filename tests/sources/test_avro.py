from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.sources.avro import look
from tests.sources.avro_files import avro, record
from tests.sources.files import listed

ROWS = [{"a": i, "b": "x" * 50} for i in range(5_000)]
SCHEMA = record(a="int", b="string")


def looked(path: Path, content: bytes) -> Any:
    path.write_bytes(content)
    return look(listed(path), {})


def test_files_of_one_schema_say_the_same_whatever_is_in_them(tmp_path: Path) -> None:
    one = looked(tmp_path / "1", avro(SCHEMA, ROWS))
    same = looked(tmp_path / "2", avro(SCHEMA, [], "deflate", metadata={"who": "somebody else"}))
    other = looked(tmp_path / "3", avro(record(a="long", b="string"), []))
    assert one.schema == same.schema != other.schema


def test_a_schema_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    schema = record(**{f"column_{i}": "int" for i in range(20_000)})
    assert looked(tmp_path / "1", avro(schema, [])).schema.endswith('"column_19999", "type": ["null", "int"]}]}')


def test_a_header_whose_entries_say_their_size(tmp_path: Path) -> None:
    """The specification allows a negative count, then the size in bytes."""
    content = avro(SCHEMA, [])
    assert content[4] == 4  # two entries
    size = len(content) - 4 - 1 - 1 - 16  # less magic, count, end of the map, marker
    block = bytes([3, size << 1 & 0x7F | 0x80, size >> 6])
    assert looked(tmp_path / "1", content[:4] + block + content[5:]).schema == looked(tmp_path / "2", content).schema


@pytest.mark.parametrize("cut", [1, 16, 17, 1000, 100_000])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    """Spark's reader takes a file for complete that ends within the first bytes of a block."""
    with pytest.raises(ValueError, match="does not end with a whole block"):
        looked(tmp_path / "x", avro(SCHEMA, ROWS)[:-cut])


def test_something_behind_the_last_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="something behind its end"):
        looked(tmp_path / "x", avro(SCHEMA, ROWS) + b"\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no Avro file"),
        (b"Obj", "no Avro file"),
        (b"Obj\x01", "cut off"),
        (avro(SCHEMA, ROWS)[:60], "cut off"),
        (b"Obj\x01" + b"\xff" * 100, "broken"),
        (b"Obj\x01\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "cut off or broken"),
        (b"garbage" * 100, "no Avro file"),
        (b"Obj\x01\x00" + b"s" * 16, "Expecting value"),
        (avro(SCHEMA, ROWS).replace(b"null", b"zero", 1), "the codec 'zero' is not known"),
        (avro("string", ["x"]), "no record"),
        (avro([SCHEMA, "null"], [None]), "no record"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # each file has a marker of its own
)
def test_what_is_no_avro_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        looked(tmp_path / "x", content)
