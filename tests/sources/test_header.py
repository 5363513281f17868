from __future__ import annotations

import bz2
import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import StepError
from lakehouse.sources.header import Dialect, Head, first_record, not_utf8, read_head, safe_names
from tests.sources.files import listed

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a,b\n1,2", ["a", "b"]),
        ("a,b\r\n1", ["a", "b"]),
        ("a,b\r1", ["a", "b"]),
        ("\n  \n\r\na,b\n", ["a", "b"]),
        ('"a,x","b""q"\n', ["a,x", 'b"q']),
        ('"",,x\n', ["", "", "x"]),
        (" a ,b\t\n", [" a ", "b\t"]),
        ("a\n", ["a"]),
        (",\n", ["", ""]),
    ],
)
def test_the_first_record(text: str, fields: list[str]) -> None:
    assert first_record(text, Dialect()) == fields


def test_a_record_that_does_not_end_yet() -> None:
    assert first_record("a,b", Dialect()) is None
    assert first_record("a,b", Dialect(), at_end=True) == ["a", "b"]
    assert first_record('"a\nb', Dialect(multi_line=True)) is None
    assert first_record("\n \n", Dialect(), at_end=True) is None


def test_dialects() -> None:
    assert first_record("a||b|c\n", Dialect(sep="||")) == ["a", "b|c"]
    assert first_record("# no\na;'b\\'c;d'\n", Dialect(sep=";", quote="'", escape="\\", comment="#")) == ["a", "b'c;d"]
    assert first_record(" a , b \n", Dialect(trim_left=True, trim_right=True)) == ["a", "b"]
    assert first_record("a,b;c,d;", Dialect(line_sep=";")) == ["a", "b"]
    assert first_record('"a\r\nx",b\r\n1,2', Dialect(multi_line=True)) == ["a\r\nx", "b"]


@given(st.lists(TEXT, min_size=1, max_size=5), st.booleans())
def test_it_reads_what_pythons_writer_writes(fields: list[str], multi_line: bool) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(fields)
    assert first_record(out.getvalue() + "next\n", Dialect(multi_line=multi_line)) == fields


@given(st.text(max_size=30), st.booleans(), st.booleans())
def test_any_text_has_a_record_or_none(text: str, multi_line: bool, at_end: bool) -> None:
    record = first_record(text, Dialect(multi_line=multi_line), at_end)
    assert record is None or len(record) >= 1


def test_s15_names_are_sparks() -> None:
    assert safe_names(["a", "A", "b", "", "NA"], "NA") == ["a0", "A1", "b", "_c3", "_c4"]


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_compressed_files_and_long_headers(tmp_path: Path, suffix: str) -> None:
    names = [f"column number {i}" for i in range(20_001)]
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[suffix]
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(pack((",".join(names) + "\n1\n").encode()))
    assert read_head(str(path), Dialect(), {}).record == names


def test_encodings_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for data, encoding, found in [
        (b"\xef\xbb\xbf\xc3\xa9,b\n", "", ""),
        ("é,b\n".encode("utf-16"), "", "UTF-16"),
        ("é,b\n".encode("utf-32"), "", "UTF-32"),
        ("é,b\n".encode("utf-16-be"), "UTF-16", ""),
        ("é,b\n".encode("latin-1"), "ISO-8859-1", ""),
        ("é,b\n".encode("cp1252"), "windows-1252", ""),
    ]:
        path.write_bytes(data)
        head = read_head(str(path), Dialect(encoding=encoding), {})
        assert (head.record, head.encoding) == (["é", "b"], found)
    with pytest.raises(StepError, match="unknown"):
        read_head(str(path), Dialect(encoding="nope"), {})


@pytest.mark.parametrize(("content", "end"), [("a\n1", "\n"), ("a\r\n1", "\r\n"), ("a\r1", "\r"), ("a", "")])
def test_the_end_of_the_first_record(tmp_path: Path, content: str, end: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode())
    assert read_head(str(path), Dialect(), {}).line_end == end
    path.write_bytes(f'"x\n\r\ny",{content}'.encode("utf-16"))  # not line by line, so the ends in quotes are none
    assert read_head(str(path), Dialect(), {}) == Head(["x\n\r\ny", "a"], "UTF-16", end)


def test_files_that_begin_as_no_utf_8_does(tmp_path: Path) -> None:
    contents = {"plain": b"a,b\n", "marked": "a".encode("utf-16"), "le": "a,b".encode("utf-16-le"), "empty": b""}
    contents |= {"be": "a,b".encode("utf-16-be"), "NUL": b"a\0b\0,c\n", "zeros": bytes(8)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = not_utf8([listed(tmp_path / name) for name in contents], {})
    assert {Path(path).name for path in found} == {"marked", "le", "be"}
    assert "write `options: {encoding: UTF-16LE}`" in found[str(tmp_path / "le")]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.csv.gz").write_bytes(b"a,b\n")
    for name in ("text.csv.gz", "missing.csv", "."):
        with pytest.raises(OSError, match=r".+"):
            read_head(str(tmp_path / name), Dialect(), {})
