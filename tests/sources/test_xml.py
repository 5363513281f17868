from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from lakehouse.errors import StepError
from lakehouse.sources import xml
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Scan, Wanted
from lakehouse.sources.xml import Options, scan
from tests.sources.files import listed

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def read(spark: SparkSession, path: Path, content: str | bytes, **options: object) -> Scan:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    spec = Options.model_validate({"path": str(path), "options": {"rowTag": "row", **options}})
    return scan(spark, spec, [listed(path)], Wanted({}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "XML needs the name of the element that is one row; write `options: {rowTag: …}`"),
        ({"rowTag": "a b"}, "'a b' is not the name of an element"),
        ({"rowTag": "<row>"}, "without brackets"),
        ({"rowTag": "row", "valueTag": "_"}, "`valueTag` cannot be the same as `attributePrefix`"),
        ({"rowTag": "row", "inferSchema": True}, "infer_column_types"),
        ({"rowTag": "row", "rowValidationXSDPath": "x.xsd"}, "not one of the reader's"),
    ],
)
def test_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Options.model_validate({"path": "x", "options": options})


def test_the_name_of_an_option_ignores_case() -> None:
    assert Options.model_validate({"path": "x", "options": {"ROWTAG": "n:row"}}).option("rowTag") == "n:row"


def test_fields_have_the_shapes_of_all_records(spark: SparkSession, tmp_path: Path) -> None:
    content = "<r><row id='1'><a>1</a><o><x>1</x></o></row><row><a/><o y='2'/><o><x>1</x><x>2</x></o></row></r>"
    found = read(spark, tmp_path / "a.xml", content)
    assert found.clean is None
    part = found.parts[0]
    assert {field.name: field.stored for field in part.fields} == {
        "_id": "string", "a": "string", "o": "array<struct<_y:string,x:array<string>>>",
    }  # fmt: skip
    assert part.frame.columns == ["c0", "c1", "c2", RAW, FILE, MODIFIED]
    assert part.complaint == "the record is not one whole element <row>"


def test_a_row_tag_that_no_file_has_is_told(spark: SparkSession, tmp_path: Path) -> None:
    found = read(spark, tmp_path / "a.xml", "<r><row><a>1</a></row></r>", rowTag="rwo")
    assert (found.parts[0].fields, found.parts[0].frame.count()) == ([], 0)
    assert list(found.warnings) == [
        "no element <rwo> of these files has a value; `rowTag` names the element of a row"
    ]  # fmt: skip


def test_an_unknown_encoding_fails_the_file_or_the_step(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    found = read(spark, path, "<?xml version='1.0' encoding='klingon'?><row/>")
    assert found.failed == {str(path): "cannot be read: its encoding 'KLINGON' is unknown"}
    for name in ("klingon", "no name at all"):
        with pytest.raises(StepError, match=f"the encoding '{name}' is unknown"):
            read(spark, path, "<row/>", encoding=name)


def test_files_that_memory_does_not_hold_fail(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml, "_MOST", 160)
    content = b"<r><row/></r>" + b" " * 20
    assert not read(spark, tmp_path / "a.xml", content).failed
    assert "split it into smaller files" in str(read(spark, tmp_path / "a.xml.gz", gzip.compress(content)).failed)
    assert "split it into smaller files" in str(read(spark, tmp_path / "a.xml", content * 5).failed)


def test_the_session_decodes_as_before(spark: SparkSession, tmp_path: Path) -> None:
    names = ("spark.sql.legacy.javaCharsets", "spark.sql.legacy.codingErrorAction")
    before = [spark.conf.get(name) for name in names]
    found = read(spark, tmp_path / "a.xml", "<row><a>€</a></row>".encode("cp1252"), encoding="windows-1252")
    assert found.parts[0].frame.collect()[0][0] == "€"
    assert [spark.conf.get(name) for name in names] == before
