"""The language as a whole: every key described, every leaf found by its file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import lakehouse
from lakehouse.spec.environment import Environment
from lakehouse.spec.json_schema import json_schema
from lakehouse.spec.models import KINDS, SOURCES, WAYS, CleanseRule, Pipeline, Table
from lakehouse.spec.words import descriptions, keys_of, models_at

ROOT = Path(inspect.getfile(lakehouse)).parent


def models(root: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [root]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in found:
                found.add(annotation)
                waiting += [field.annotation for field in annotation.model_fields.values()]
        else:
            waiting += get_args(annotation)
    return found


ALL = sorted(models(Pipeline) | models(Environment), key=lambda m: f"{m.__module__}.{m.__name__}")


@pytest.mark.parametrize("model", ALL, ids=lambda m: f"{m.__module__.removeprefix('lakehouse.')}.{m.__name__}")
def test_every_key_is_described(model: type[BaseModel]) -> None:
    assert set(keys_of(model)) - descriptions(model).keys() - {"root"} == set()
    assert model.__doc__


@pytest.mark.parametrize("model", ALL, ids=lambda m: f"{m.__module__.removeprefix('lakehouse.')}.{m.__name__}")
def test_every_model_refuses_unknown_keys(model: type[BaseModel]) -> None:
    assert model.model_config.get("extra") == "forbid" or list(model.model_fields) == ["root"]
    assert model.model_config.get("frozen")


def test_a_file_is_an_entry() -> None:
    from lakehouse.cleanse.base import RULES

    assert SOURCES.keys() == set("csv json parquet avro orc text xml binary delta jdbc kafka python".split())
    assert set("append merge overwrite replace_where replace_using aggregate".split()) <= WAYS.keys()
    assert KINDS.keys() == {"notebook", "python", "python_file", "sql_file"}
    assert set(keys_of(CleanseRule)) == RULES.keys()
    assert set(keys_of(Table)) >= WAYS.keys()


def test_every_cleansing_rule_of_the_language() -> None:
    words = """trim lower upper null_if fill_null cast rename select drop derive filter deduplicate replace
        regexp_replace regexp_extract from_json from_avro from_xml from_csv parse_json flatten explode explode_outer
        unpivot pivot hash mask join as_of_join sql python""".split()
    assert set(keys_of(CleanseRule)) == set(words)


def test_every_key_of_a_table_of_the_language() -> None:
    keys = """source auto_loader copy_into column_names on_bad_record on_bad_file from sql cleanse schema
        schema_evolution on_schema_violation expectations expectations_on_violation expectation_suites append merge
        overwrite replace_where replace_using aggregate refresh partitioned_by cluster_by properties constraints
        primary_key foreign_keys comment description tags grants row_filter maintenance full_refresh renamed_from
        depends_on enabled priority max_retries retry_delay timeout wait_for run_if condition""".split()
    assert set(keys_of(Table)) == set(keys)


def test_words_that_may_stand_at_a_place() -> None:
    (found,) = models_at(Table, ("source", "csv"))
    assert found is SOURCES["csv"].Options
    assert "keys" in keys_of(models_at(Table, ("merge",))[0])
    assert models_at(Table, ("cleanse", 3)) == [CleanseRule]


def test_json_schema_knows_every_key() -> None:
    schema = json_schema()
    assert set(schema["$defs"]["Table"]["properties"]) == {*keys_of(Table), "for_each"}
    assert schema["$defs"]["CleanseRule"]["maxProperties"] == 1
    assert all("description" in field for field in schema["$defs"]["Table"]["properties"].values())
    assert set(json_schema("config")["properties"]) == set(keys_of(Environment))
