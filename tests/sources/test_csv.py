from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.sources.base import SourceFile
from lakehouse.sources.csv import Options, scan
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Wanted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def put(root: Path, **files: bytes) -> list[SourceFile]:
    found = []
    for name, content in files.items():
        path = root / f"{name}.csv"
        path.write_bytes(content)
        found.append(SourceFile(str(path), len(content), datetime(2024, 1, 1, tzinfo=UTC)))
    return found


def test_files_of_one_header_are_one_part(spark: SparkSession, tmp_path: Path) -> None:
    files = put(tmp_path, a=b"x,y\n1,2\n", b=b"y,x\n4,3\n", c=b"x,y\n5,6\n7\n", d=b"", e=b"p q,p-q\n")
    options = Options.model_validate({"path": str(tmp_path), "options": {"header": True}})
    found = scan(spark, options, files, Wanted({}))
    assert [[field.name for field in part.fields] for part in found.parts] == [["x", "y"], ["y", "x"]]
    assert set(found.failed) == {files[4].path}
    assert found.clean is None
    frame = found.parts[0].frame
    assert frame.columns == ["c0", "c1", RAW, FILE, MODIFIED]
    rows = sorted((row["c0"], row["c1"], row[RAW], Path(row[FILE]).name) for row in frame.collect())
    assert rows == [("1", "2", None, "a.csv"), ("5", "6", None, "c.csv"), ("7", None, "7", "c.csv")]


def test_without_a_header_positions_have_the_tables_names(spark: SparkSession, tmp_path: Path) -> None:
    files = put(tmp_path, a=b"1,2,3\n")
    parts = scan(spark, Options(path=str(tmp_path)), files, Wanted({}, positions=("id", "name"))).parts
    assert [field.name for field in parts[0].fields] == ["id", "name", "_c2"]
