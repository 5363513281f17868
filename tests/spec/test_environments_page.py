"""docs/environments.md: its examples are read, and its table of places is what the rules say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lakehouse
from lakehouse.spec import late
from lakehouse.spec.leaves import PROVIDERS
from lakehouse.spec.load import load
from lakehouse.spec.nodes import node_of

PAGE = (Path(lakehouse.__file__).parents[1] / "docs/environments.md").read_text(encoding="utf-8")
CONNECTOR = {"source": {"format": "jdbc"}}
FILES = {"source": {"format": "csv"}}
PLACES = {
    "`storage`": [("config", ("storage", "x")), ("config", ("spark", "conf", "spark.hadoop.x"))],
    "`options` of a source": [(CONNECTOR, ("source", "options", "x"))],
    "`options` of `csv`": [(FILES, ("source", "options", "x")), ({"source": {"format": "json"}}, ("source", "options", "x"))],
    "`path` and": [
        *((FILES, ("source", key)) for key in ("path", "path_glob_filter")),
        *((FILES, ("copy_into", key)) for key in ("files", "pattern")),
    ],
    "`sql`, `cleanse`": [(FILES, (key,)) for key in ("sql", "cleanse", "expectations", "aggregate")],
    "`parameters` of a task": [("task", ("parameters", "x"))],
}  # fmt: skip
"""How a row begins -> what it speaks of."""


def test_the_examples_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    blocks = re.findall(r"^```yaml\n# (configs/\w+\.yaml).*?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in blocks] == ["configs/base.yaml", "configs/prod.yaml"]
    for name, text in [*blocks, ("pipelines/p.yaml", "pipeline: p\nbronze: {}\n")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = load(tmp_path / "pipelines", env="prod").environment
    assert (found.time_zone, found.secrets.provider) == ("Europe/Vienna", "file")
    assert found.storage_["aws_secret_access_key"] == "${secret:store/key}"


@pytest.mark.parametrize("begin", PLACES)
def test_the_table_of_places(begin: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {begin}")]
    said = [cell.strip() == "yes" for cell in row.split("|")[2:5]]
    for kind, keys in PLACES[begin]:
        fits = {"config": late.fits_config, "task": late.fits_task}.get(str(kind)) or late.fits_table(
            node_of(kind, ("f", 1, 1))
        )
        assert [fits(reference, keys) for reference in ("secret:a/b", "run.date", "run.id")] == said, keys
        assert fits("env:X_TOKEN", keys) == said[0]


def test_every_provider_is_named() -> None:
    words = {"aws_secrets_manager": "AWS Secrets Manager", "azure_key_vault": "Azure Key Vault", "databricks": "Databricks",
             "google_secret_manager": "Google Secret Manager", "hashicorp_vault": "HashiCorp Vault",
             "environment": "provider: environment", "file": "provider: file"}  # fmt: skip
    assert words.keys() == PROVIDERS.keys()
    assert [word for word in words.values() if word not in PAGE] == []
