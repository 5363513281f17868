from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.sources.base import SourceFile
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Scan, Wanted
from lakehouse.sources.json import Options, scan
from tests.sources.files import listed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read(spark: SparkSession, root: Path, content: str, wanted: Wanted | None = None, **options: object) -> Scan:
    path = root / "a.json"
    path.write_text(content)
    files = [SourceFile(str(path), len(content), datetime(2024, 1, 1, tzinfo=UTC))]
    spec = Options.model_validate({"path": str(path), "options": options})
    return scan(spark, spec, files, wanted or Wanted({}))


def test_fields_have_the_types_that_they_come_in(spark: SparkSession, tmp_path: Path) -> None:
    found = read(spark, tmp_path, '{"a":1,"o":{"x":[1]},"n":null}\n{"a":"x","l":[{"k":1}]}\n')
    assert found.clean
    part = found.parts[0]
    assert {field.name: field.stored for field in part.fields} == {
        "a": "string",
        "l": "array<struct<k:string>>",
        "o": "struct<x:array<string>>",
    }
    assert part.frame.columns == ["c0", "c1", "c2", RAW, FILE, MODIFIED]


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ('{"a":1}', True),
        ('  {"a":{"b":[{},{"c":"} {"}]}}  ', True),
        ('[{"a":1}, {"a":2}]', True),
        ('{"a":1},', True),
        ("", True),
        ("[]", True),
        ("{}", True),
        ('{"a":1} x', False),
        ('{"a":1}{"a":2}', False),
        ('{"a":1} , {"a":2}', False),
        ('[{"a":1}] {"a":2}', False),
        ('{"a":1', False),
        ("null", False),
        ('[{"a":1},null]', False),
        ('[{"a":[null]},{"a":null}]', True),
        ("[1]", False),
        ("[null]", False),
        ('[""]', False),
        ('""', False),
        ("[[]]", False),
        ('[{"a":1},[]]', False),
        ('[{"a":[[],""]}]', True),
        ('{"a":1}}', False),
        ('{"a":1} ]', False),
        ('{"a":{"b":1}}}', False),
        ('[{"a":1}]]', False),
        ('[{"a":"]"}]', True),
        ('{"a":{"b":"}"}}', True),
        ('{"a":1},,', False),
        (r'{"a":"\ud83d\ude00 \\ud83d"}', True),
        (r'{"a":"\ud83d"}', False),
        (r'{"a":"x\uDE00"}', False),
        (r'{"a":"\\\ud83d"}', False),
        ('{"a":' * 101 + "1" + "}" * 101, True),
        ('{"a":' * 103 + "1" + "}" * 103, False),
    ],
)
def test_s12_a_record_is_one_whole_object(spark: SparkSession, tmp_path: Path, line: str, clean: bool) -> None:
    assert read(spark, tmp_path, '{"a":0}\n' + line + "\n").clean is clean


def test_only_files_that_need_it_are_read_by_their_texts(spark: SparkSession, tmp_path: Path) -> None:
    """Those with something behind an object, or with a name that another case or no sign makes another field."""
    contents = {
        "plain": '{"id":1}',
        "case": '{"ID":2}',
        "both": '{"id":3,"ID":4}',
        "none": '{"":5}',
        "behind": '{"id":6} x',
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    wanted = Wanted({"id": ("id", "string")})
    found = scan(spark, Options(path=str(tmp_path)), [listed(tmp_path / name) for name in contents], wanted)
    files = [sorted(Path(row[0]).name for row in part.frame.select(FILE).collect()) for part in found.parts]
    assert files == [["plain"], ["behind", "both", "case", "none"]]
    assert [part.fields for part in found.parts] == [found.parts[0].fields] * 2


def test_options_of_the_parser(spark: SparkSession, tmp_path: Path) -> None:
    content = "{'a':1} // one\n"
    assert not read(spark, tmp_path, content).clean
    assert read(spark, tmp_path, content, allowComments=True).parts[0].fields[0].name == "a"
    assert not read(spark, tmp_path, "{'a':1}\n", allowSingleQuotes=False).clean
    assert [row[0] for row in read(spark, tmp_path, '{"a":1};{"a":2}', lineSep=";").parts[0].frame.collect()] == [
        "1",
        "2",
    ]
