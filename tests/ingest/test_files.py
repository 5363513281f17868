from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.ingest.files import failed_file, unreadable
from lakehouse.sources.base import SourceFile

NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1, max_size=12)


def file(path: str) -> SourceFile:
    return SourceFile(path, 1, datetime(2024, 1, 1, tzinfo=UTC))


@given(NAMES, NAMES)
def test_sparks_errors_name_the_file_encoded(name: str, other: str) -> None:
    files = [file(f"/in/{name}"), file(f"/in/{name}{other}"), file(f"/in/{other}")]
    for at in files:
        uri = "file://" + quote(at.path, safe="/!$&'()*+,;=:@é")
        text = f"[FAILED_READ_FILE.NO_HINT] Encountered error while reading file {uri}.  SQLSTATE: KD001\n\tat org.x"
        assert failed_file(text, files) == at.path


def test_other_wordings() -> None:
    files = [file("/in/%41 b.csv"), file("s3://bucket/k x.json")]
    gone = (
        "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file {}. File does not exist. It is possible"
    )
    assert failed_file(gone.format("file:///in/%2541%20b.csv"), files) == "/in/%41 b.csv"
    assert failed_file(gone.format("s3a://bucket/k%20x.json"), files) == "s3://bucket/k x.json"
    footer = "Encountered error while reading file file:/in/%2541%20b.csv. Could not read footer. Please ensure that"
    assert failed_file(footer, files) == "/in/%41 b.csv"
    orc = "file:/in/%41 b.csv was written by a future ORC version 19.99. This file is not readable"
    assert failed_file(orc, files) == "/in/%41 b.csv"
    missing = "[PATH_NOT_FOUND] Path does not exist: file:/in/%41 b.csv. SQLSTATE: 42K03"
    assert failed_file(missing, files) == "/in/%41 b.csv"
    assert (
        failed_file("java.io.FileNotFoundException: File file:/in/%41 b.csv does not exist", files) == "/in/%41 b.csv"
    )


def test_an_error_about_another_file_blames_none_of_these() -> None:
    text = "Encountered error while reading file file:///lake/part-0.parquet.  SQLSTATE: KD001"
    assert failed_file(text, [file("/in/a.csv")]) is None
    assert failed_file("", [file("/in/a.csv")]) is None


def test_probing_reads_compressed_files_to_their_end(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" * 100_000)
    (tmp_path / "whole.gz").write_bytes(whole)
    (tmp_path / "half.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "plain.csv").write_bytes(b"x")
    files = [file(str(tmp_path / name)) for name in ("whole.gz", "half.gz", "plain.csv", "gone.csv")]
    assert {Path(path).name for path in unreadable(files, {})} == {"half.gz", "gone.csv"}
