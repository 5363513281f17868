"""The examples of the reference: every rule has one, and each is what Spark makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import functions as F

from lakehouse import cleanse
from lakehouse.cleanse.base import RULES
from lakehouse.cleanse.examples import EXAMPLES
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.routing import accepted, failures


def frame(spark, columns: str, rows: Any):
    made = spark.createDataFrame([(json.dumps(row),) for row in rows], "j string")
    return made.select(F.from_json("j", columns).alias("r")).select("r.*")


def told(rows) -> list[dict[str, Any]]:
    names = [name for name in rows.columns if not name.startswith("__")]
    texts = rows.select(F.to_json(F.struct(*names), {"ignoreNullFields": "false"}).alias("j")).collect()
    return sorted((json.loads(r["j"]) for r in texts), key=json.dumps)


def test_every_rule_has_an_example() -> None:
    assert EXAMPLES.keys() == RULES.keys()


@pytest.mark.parametrize("word", sorted(EXAMPLES))
def test_an_example_shows_what_happens(spark, tmp_path: Path, word: str) -> None:
    example = EXAMPLES[word]
    for name, text in example.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    tables = {TableName.parse(name): frame(spark, *table) for name, table in example.tables.items()}
    checks = Checks(tables=tables, root=tmp_path)
    before = keep_input(frame(spark, example.columns, example.before))
    after = cleanse.apply(yaml.safe_load(example.rule), before, checks)
    assert list(yaml.safe_load(example.rule)) == [word]
    found = evaluate(after, checks)
    assert not found.failing
    broken = (
        after.select(F.explode(failures(checks)).alias("f")).select("f.name", "f.value").collect() if checks.all else []
    )
    assert {r["name"]: r["value"] for r in broken} == example.rejected
    kept = accepted(after, checks, found)
    assert told(kept) == sorted((dict(row) for row in example.after), key=json.dumps)
    names = [name for name in kept.columns if not name.startswith("__")]
    assert all(list(row) == names for row in example.after), f"the columns are {names}"
