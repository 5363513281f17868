"""Configs, variables over them, and where a lake's tables lie."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse.errors import SpecError
from lakehouse.names import TableName
from lakehouse.spec.configs import parse_argument
from lakehouse.spec.environment import Environment, is_url
from lakehouse.spec.load import load

FLIGHTS = "pipeline: p\nvariables: {a: 1, b: 1, c: 1}\nbronze: {t: {source: {format: csv, path: '${a}-${b}-${c}'}}}\n"


def project(folder: Path, **configs: str) -> Path:
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "pipelines" / "p.yaml").write_text(FLIGHTS)
    for name, text in configs.items():
        (folder / "configs").mkdir(exist_ok=True)
        (folder / "configs" / f"{name}.yaml").write_text(text)
    return folder / "pipelines"


def test_without_configs_the_defaults(tmp_path: Path) -> None:
    environment = load(project(tmp_path)).environment
    assert (environment.name, environment.time_zone, environment.spark.master) == ("local", "UTC", "local[*]")
    assert environment.table_path(TableName("bronze", "t")) == f"{tmp_path}/lake/bronze/t"
    assert environment.control_path == f"{tmp_path}/lake/_lakehouse"


def test_env_over_base_key_by_key(tmp_path: Path) -> None:
    base = "time_zone: Europe/Vienna\nspark: {master: 'local[2]', conf: {a: 1, b: true}}\nhistory: {retain: 90 days}\n"
    environment = load(project(tmp_path, base=base, prod="spark: {conf: {a: null, c: x}}"), env="prod").environment
    assert environment.spark.conf == {"b": "true", "c": "x"}
    assert (environment.spark.master, environment.time_zone) == ("local[2]", "Europe/Vienna")
    assert environment.history.retain == timedelta(days=90)


def test_arguments_over_configs_over_pipelines(tmp_path: Path) -> None:
    folder = project(tmp_path, base="variables: {b: 2, c: 2}", local="variables: {c: 3}")
    assert load(folder).tables[TableName("bronze", "t")].source.path == "1-2-3"  # type: ignore[union-attr]
    found = load(folder, variables={"c": 4, "a": "${b}"})
    assert found.tables[TableName("bronze", "t")].source.path == "${b}-2-4"  # type: ignore[union-attr]
    assert found.variables_of(TableName("bronze", "t")) == {"a": "${b}", "b": 2, "c": 4}


def test_configs_merge_maps_key_by_key_under_and_over(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        base="variables: {feeds: {a: {path: base, keys: [x, y]}, b: {path: base}}, gone: 1, list: [1, 2]}\n",
        prod="variables: {feeds: {a: {path: prod}, b: null, c: {path: prod}}, gone: null, list: [3]}\n",
    )
    text = "pipeline: q\nvariables: {feeds: {a: {n: 1}, d: {path: own}}, own: {x: 1}}\nbronze: {}\n"
    (folder / "q.yaml").write_text(text)
    found = load(folder, env="prod")
    (variables,) = [p.variables for p in found.pipelines if p.pipeline == "q"]
    assert variables == {
        "feeds": {
            "a": {"n": 1, "path": "prod", "keys": ["x", "y"]}, "c": {"path": "prod"}, "d": {"path": "own"},
        },
        "own": {"x": 1},
        "list": [3],
    }  # fmt: skip
    assert found.environment.variables == {
        "feeds": {"a": {"path": "prod", "keys": ["x", "y"]}, "c": {"path": "prod"}},
        "list": [3],
    }
    again = load(folder, env="prod", variables={"feeds": {"e": {}}})
    assert again.pipelines[-1].variables["feeds"] == {"e": {}}, "an argument replaces"


def test_null_in_a_config_takes_a_pipelines_variable_away(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="the variable 'c' has no value"):
        load(project(tmp_path, local="variables: {c: null}"))


def test_base_is_an_environment_too_and_prod_needs_no_base(tmp_path: Path) -> None:
    assert load(project(tmp_path, base="lake: ./a"), env="base").environment.lake == "./a"
    (tmp_path / "configs/base.yaml").unlink()
    assert load(project(tmp_path, prod="lake: ./b"), env="prod").environment.lake == "./b"


def test_arguments_of_the_command_line_keep_their_types(tmp_path: Path) -> None:
    folder = project(tmp_path)
    text = "pipeline: q\nvariables: {n: 1, names: [x], word: x}\nsilver:\n  s: {from: bronze.t, tags: '${names}', priority: '${n}', comment: 'n=${n} ${word}'}\n"
    (folder / "q.yaml").write_text(text)
    said = dict(parse_argument(text) for text in ("n=20", "names=[y, z]", "word=010"))
    table = load(folder, variables=said).tables[TableName("silver", "s")]
    assert (table.priority, table.tags, table.comment) == (20, ("y", "z"), "n=20 010")


def test_configs_may_use_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_USER", "ada")
    config = "lake: ${root}/${env:LAKE_USER}\nvariables: {root: s3://bucket}\nstorage: {aws_region: eu-west-1}"
    environment = load(project(tmp_path, local=config)).environment
    assert environment.table_path(TableName("silver", "x")) == "s3://bucket/ada/silver/x"
    assert environment.storage == {"aws_region": "eu-west-1"}


@pytest.mark.parametrize(
    ("lake", "path"),
    [("/data/lake", "/data/lake"), ("../lake", "{up}/lake"), ("s3a://b/lake/", "s3a://b/lake"), ("a b", "{root}/a b")],
)
def test_lake_path(lake: str, path: str, tmp_path: Path) -> None:
    found = Environment(lake=lake).at(tmp_path, "local").lake_path
    assert found == path.format(root=tmp_path, up=tmp_path.parent)


def test_unknown_environment_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'prod'"):
        load(project(tmp_path, prod="lake: x"), env="prodd")


def test_a_broken_config_and_a_broken_pipeline_are_told_together(tmp_path: Path) -> None:
    folder = project(tmp_path, local="lakes: x\ntime_zone: Mars/Base")
    (folder / "q.yaml").write_text("pipeline: q\nbrnze: {}\n")
    with pytest.raises(SpecError) as caught:
        load(folder)
    assert [p.code for p in caught.value.problems] == ["unknown-key", "wrong-value", "unknown-key"]


def test_urls() -> None:
    assert [is_url(p) for p in ("s3a://b", "abfss://c@a/x", "./x", "/x", "C:/x", "file:///x")] == [
        *(True, True, False, False, False, True)
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=NO", "NO"),
        ("a=", ""),
        ("a=[x, y]", ["x", "y"]),
        ("a=b=c", "b=c"),
        ("a='1'", "1"),
        ("a=1.5", 1.5),
    ],
)
def test_arguments_are_read_as_yaml(text: str, value: object) -> None:
    assert parse_argument(text) == ("a", value)


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", "a=[", "a={b"])
def test_arguments_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"form name=value|cannot be read"):
        parse_argument(text)
