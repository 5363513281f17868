"""Where secrets and what a run knows can stand, and what is made of them when a step starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import MachineError, SpecError
from lakehouse.names import TableName
from lakehouse.sources import csv
from lakehouse.spec.environment import Environment, Spark
from lakehouse.spec.late import filled, is_for_launch, references_in
from lakehouse.spec.load import load
from lakehouse.spec.models import Table

BRONZE = "bronze: {t: {source: {format: csv, path: landing}}}\n"


def project(folder: Path, pipeline: str = BRONZE, config: str = "") -> Path:
    for name, text in {"pipelines/p.yaml": f"pipeline: p\n{pipeline}", "configs/local.yaml": config}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / "pipelines"


def codes(folder: Path, pipeline: str = BRONZE, config: str = "", **variables: Any) -> list[str]:
    try:
        load(project(folder, pipeline, config), variables=variables)
    except SpecError as error:
        return [problem.code for problem in error.problems]
    return []


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DB_PASSWORD", "PLAIN", "PWD"):
        monkeypatch.setenv(name, f"value-of-{name}")


# --- places -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "fits"),
    [
        ("source: {format: csv, path: 'in/${run.date}'}", True),
        ("source: {format: csv, path: 'in/${run.id}'}", False),
        ("source: {format: csv, path: 'in/${secret:a/b}'}", False),
        ("source: {format: csv, path: 'in/${env:DB_PASSWORD}'}", False),
        ("source: {format: csv, path: 'in/${env:PLAIN}/${env:PWD}'}", True),
        ("source: {format: csv, path: in, path_glob_filter: '*${run.date}*'}", True),
        ("source: {format: csv, path: in, options: {comment: '${run.id}'}}", True),
        ("source: {format: csv, path: in, options: {comment: '${secret:a/b}'}}", False),
        ("source: {format: csv, path: in, modified_after: '${run.date}'}", False),
        ("source: {format: csv, path: in}, copy_into: {pattern: '${run.date}.csv'}", True),
        ("source: {format: csv, path: in}, comment: '${run.date}'", False),
        ("source: {format: csv, path: in}, comment: '$${run.date} $${secret:a/b}'", True),
        ("source: {format: csv, path: in}, properties: {x: '${run.id}'}", False),
        ("source: {format: csv, path: in}, timeout: '${env:DB_PASSWORD}'", False),
        ("source: {format: csv, path: in}, expectations: {e: \"a < '${run.date}'\"}", True),
        ("source: {format: csv, path: in}, expectations: {e: \"a < '${secret:a/b}'\"}", False),
    ],
)
def test_in_a_table(table: str, fits: bool, tmp_path: Path) -> None:
    assert codes(tmp_path, f"bronze: {{t: {{{table}}}}}\n") == ([] if fits else ["late-reference"])


@pytest.mark.parametrize("value", ["${secret:a/b}", "${env:DB_PASSWORD}", "${env:PLAIN}", "x ${v}"])
def test_in_the_options_of_a_connector(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv.Options, "spark_options", None)  # a connector's options are not listed
    text = f"variables: {{v: '${{env:PLAIN}}'}}\nbronze: {{t: {{source: {{format: csv, path: a, options: {{password: '{value}'}}}}}}}}\n"
    found = load(project(tmp_path, text)).tables[TableName("bronze", "t")]
    assert found.source is not None
    written = value.replace("${v}", "${env:PLAIN}")
    assert found.source.options == {"password": written}, "the value is not even read"


@pytest.mark.parametrize(
    ("config", "fits"),
    [
        ("storage: {aws_session_token: '${secret:a/b}', aws_secret_access_key: '${env:PLAIN}'}", True),
        ("storage: {aws_region: '${run.date}'}", False),
        ("spark: {conf: {spark.hadoop.fs.s3a.secret.key: '${secret:a/b/c.d-e_f}'}}", True),
        ("spark: {conf: {spark.driver.extraJavaOptions: '-Dp=${env:DB_PASSWORD}'}}", False),
        ("spark: {conf: {spark.jars.repositories: 'https://me:${env:PLAIN}@host'}}", False),
        ("spark: {master: '${secret:a/b}'}", False),
        ("lake: '${secret:a/b}'", False),
        ("time_zone: '${env:DB_PASSWORD}'", False),
        ("secrets: {provider: file, options: {path: '${secret:a/b}'}}", False),
        ("variables: {x: '${secret:a/b}', y: '${run.id}', api_token: '${env:PLAIN}'}", True),
    ],
)
def test_in_a_config(config: str, fits: bool, tmp_path: Path) -> None:
    assert codes(tmp_path, config=config) == ([] if fits else ["late-reference"])


@pytest.mark.parametrize(
    "reference", ["secret:a", "secret:../b", "secret:a/../b", "secret:a/b c", "secret:/a", "secret:a/"]
)
def test_what_is_no_secret(reference: str, tmp_path: Path) -> None:
    assert codes(tmp_path, config=f"storage: {{x: '${{{reference}}}'}}") == ["unknown-variable"]


def test_no_variable_brings_plain_text_to_where_a_secret_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv.Options, "spark_options", None)
    text = "variables: {v: plain}\nbronze: {t: {source: {format: csv, path: a, options: {password: 'x${v}'}}}}\n"
    assert codes(tmp_path, text) == ["plain-secret"]
    assert codes(tmp_path, text.replace("v: plain", "v: x"), v="from outside") == ["plain-secret"]
    assert codes(tmp_path, text.replace("v: plain", "v: '${env:PLAIN}'")) == []
    assert codes(tmp_path, "variables: {db_password: x}\n" + BRONZE) == ["plain-secret"]
    assert codes(tmp_path, "variables: {db_password: '${env:PLAIN}'}\n" + BRONZE, db_password="x") == ["plain-secret"]


def test_a_file_provider_and_the_vaults_to_come(tmp_path: Path) -> None:
    assert codes(tmp_path, config="secrets: {provider: file, options: {path: secrets}}") == []
    for name in ("aws_secrets_manager", "azure_key_vault", "google_secret_manager", "hashicorp_vault", "databricks"):
        assert codes(tmp_path, config=f"secrets: {{provider: {name}, options: {{x: 1}}}}") == ["not-available-yet"]
    assert codes(tmp_path, config="secrets: {provider: keychain}") == ["unknown-provider"]
    assert codes(tmp_path, config="secrets: {options: {}}") == ["missing-key"]


@pytest.mark.parametrize(
    ("setting", "needed"),
    [
        ("spark.jars", True), ("spark.jars.ivySettings", True), ("spark.driver.memory", True),
        ("spark.executor.extraJavaOptions", True), ("spark.hadoop.fs.s3a.secret.key", False),
        ("spark.sql.catalog.x.token", False), ("spark.ssl.keyPassword", False),
    ],
)  # fmt: skip
def test_settings_that_start_java(setting: str, needed: bool) -> None:
    assert is_for_launch(setting) == needed


# --- values -------------------------------------------------------------------------------------------------------


def test_texts_at_every_depth_are_filled_and_the_rest_is_the_same_object() -> None:
    table = Table.model_validate(
        {
            "from": "bronze.t",
            "cleanse": [{"filter": "a = '${run.date}'"}, {"trim": ["x"]}, {"derive": {"d": "'$${run.id}'"}}],
            "expectations": {"e": "a > 1"},
        }
    )
    found = filled(table, str.upper)
    assert found.cleanse[0].args.root == "a = 'RUN.DATE'"
    assert found.cleanse[1] is table.cleanse[1]
    assert found.cleanse[2].args.root == {"d": "'${run.id}'"}
    assert found.cleanse[0].word == "filter"
    assert (found.expectations, found.from_) == (table.expectations, table.from_)
    assert filled(found.cleanse[1], str.upper) is found.cleanse[1]
    assert filled({"a": ["${run.id}", 1, None]}, str.upper) == {"a": ["RUN.ID", 1, None]}


def test_references_in_plain_values() -> None:
    assert list(references_in({"a": ["${run.id} $${secret:a/b}", 1], "b": "${env:X}"})) == [
        "run.id", "$secret:a/b", "env:X",
    ]  # fmt: skip


# --- an environment's secrets -------------------------------------------------------------------------------------


def test_settings_are_filled_when_they_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_SECRET_STORE_KEY", "first")
    config = "storage: {key: '${secret:store/key}', region: eu}\nspark: {conf: {a.secret: 'x-${env:DB_PASSWORD}'}}"
    environment = load(project(tmp_path, config=config)).environment
    assert environment.storage_ == {"key": "${secret:store/key}", "region": "eu"}
    assert environment.storage == {"key": "first", "region": "eu"}
    assert environment.spark_conf == {"a.secret": "x-value-of-DB_PASSWORD"}
    for shown in (repr(environment), str(environment.model_dump()), environment.model_dump_json()):
        assert "first" not in shown
        assert "value-of" not in shown
    monkeypatch.setenv("LAKEHOUSE_SECRET_STORE_KEY", "second")
    assert environment.storage["key"] == "first", "once per run"
    environment.forget_secrets()
    assert environment.storage["key"] == "second"


def test_secrets_are_not_read_by_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKEHOUSE_SECRET_NO_SUCH", raising=False)
    environment = load(project(tmp_path, config="storage: {a: '${secret:no/such}'}")).environment
    with pytest.raises(MachineError) as caught:
        _ = environment.storage
    assert caught.value.code == "secret.missing"
    assert caught.value.message == (
        "the secret no/such of the provider `environment` is missing: "
        "there is no value in the environment variable LAKEHOUSE_SECRET_NO_SUCH"
    )
    monkeypatch.setenv("LAKEHOUSE_SECRET_NO_SUCH", "")
    with pytest.raises(MachineError, match="is empty in the environment variable LAKEHOUSE_SECRET_NO_SUCH"):
        _ = environment.storage


def test_a_secret_variable_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = load(project(tmp_path, config="storage: {password: '${env:PLAIN}'}")).environment
    monkeypatch.delenv("PLAIN")
    with pytest.raises(MachineError, match="the environment variable PLAIN is not set"):
        _ = environment.storage


def test_a_secret_file_starts_at_the_projects_folder(tmp_path: Path) -> None:
    config = "secrets: {provider: file, options: {path: secrets.yaml}}\nstorage: {key: '${secret:store/key}'}"
    environment = load(project(tmp_path, config=config)).environment
    (tmp_path / "secrets.yaml").write_text("store: {key: hunter22}")
    (tmp_path / "secrets.yaml").chmod(0o644)
    with pytest.raises(MachineError, match=r"cannot be read from store: key in the file .*mode 644") as caught:
        _ = environment.storage
    assert caught.value.code == "secret.unreadable"
    (tmp_path / "secrets.yaml").chmod(0o600)
    assert environment.storage == {"key": "hunter22"}


def test_environments_written_in_python_are_filled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_SECRET_A_B", "hunter22")
    environment = Environment(storage={"x": "${secret:a/b}"}, spark=Spark(conf={"y": "${env:DB_PASSWORD}"}))
    assert environment.storage == {"x": "hunter22"}
    assert environment.spark_conf == {"y": "value-of-DB_PASSWORD"}
    assert environment == Environment(storage={"x": "${secret:a/b}"}, spark=Spark(conf={"y": "${env:DB_PASSWORD}"}))
