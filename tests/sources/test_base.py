from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from pydantic import ValidationError

from lakehouse.model import unavailable
from lakehouse.sources import csv, jdbc, json, kafka
from lakehouse.sources.base import FileSource
from lakehouse.spec.leaves import SOURCES
from lakehouse.spec.words import descriptions

BUILT = {"csv", "json", "parquet", "avro", "orc", "text", "xml", "binary"}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_leaf_keeps_the_contract(name: str) -> None:
    leaf = SOURCES[name]
    options = leaf.Options
    assert options.model_fields["format"].default == name
    assert set(options.model_fields) <= {name for name, text in descriptions(options).items() if text}
    assert options.available == (name in BUILT)
    if name in BUILT:
        assert list(inspect.signature(leaf.scan).parameters) == ["spark", "options", "files", "wanted"]
        assert issubclass(options, FileSource)
        assert (Path(__file__).parent / f"test_{name}.py").exists()


def test_the_leaves_are_the_words_of_the_language() -> None:
    files = {"csv", "json", "parquet", "avro", "orc", "text", "xml", "binary"}
    assert set(SOURCES) == files | {"delta", "jdbc", "kafka", "python"}


def test_a_format_that_is_not_built_is_named_as_such() -> None:
    assert list(unavailable(kafka.Options(options={"subscribe": "x"}))) == [()]
    assert list(unavailable(jdbc.Options(options={"url": "jdbc:x", "dbtable": "t"}))) == [()]
    assert list(unavailable(csv.Options(path="x"))) == []


def test_options_become_the_readers_texts() -> None:
    options = csv.Options.model_validate({"path": "x", "options": {"header": True, "maxColumns": 5, "SEP": ";"}})
    assert options.options == {"header": "true", "maxColumns": "5", "SEP": ";"}
    assert (options.flag("HEADER"), options.option("sep"), options.option("quote", "q")) == (True, ";", "q")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"haeder": True}, "did you mean 'header'"),
        ({"inferSchema": True}, "infer_column_types"),
        ({"MODE": "FAILFAST"}, "on_bad_record"),
        ({"recursiveFileLookup": True}, "recursive_file_lookup"),
        ({"header": True, "Header": False}, "twice"),
        ({"zzz": 1}, "it knows"),
    ],
)
def test_options_that_the_reader_does_not_know_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        csv.Options.model_validate({"path": "x", "options": options})


def test_json_knows_its_own_options_only() -> None:
    with pytest.raises(ValidationError, match="'header' is not one of the reader's"):
        json.Options.model_validate({"path": "x", "options": {"header": True}})


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="recursive"):
        csv.Options.model_validate({"path": "x", "recursive": True})
    assert csv.Options.model_validate({"path": "x", "partition_columns": "d"}).partition_columns == ("d",)
    assert csv.Options.model_validate({"path": "x", "partition_columns": []}).partition_columns == ()
