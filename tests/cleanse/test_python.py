"""Functions of one's own: where they are found, what they get and give, what is said when they fail."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.cleanse.python import file_of, missing
from lakehouse.errors import StepError
from lakehouse.quality.checks import Checks, keep_input
from lakehouse.quality.rows import INPUT

from .helpers import apply

CODE = """
from pyspark.sql import functions as F

def double(rows):
    return rows.withColumn("n", F.col("n") * 2)

def told(rows, context):
    return rows.withColumn("limit", F.lit(context.variables["limit"])).withColumn("at", F.lit(context.now))

def optional(rows, factor=3):
    return rows.withColumn("n", F.col("n") * factor)

def number(rows):
    return rows.count

def fails(rows):
    limit = 1
    return limit / 0

alias = double
value = 3
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rules.py").write_text(CODE)
    return tmp_path


def rows(spark, root: Path, function: str):
    checks = Checks(root=root, variables={"limit": 7}, now=datetime(2024, 1, 1, tzinfo=UTC))
    frame = keep_input(spark.createDataFrame([(1, 2)], "id int, n int"))
    return apply(frame, {"python": f"mine.rules:{function}"}, checks=checks)


def test_a_function_gets_the_rows_and_when_it_takes_two_what_there_is_to_know(spark, root):
    after = rows(spark, root, "double")
    assert [tuple(r)[:2] for r in after.collect()] == [(1, 4)]
    assert after.columns == ["id", "n", INPUT]
    (row,) = rows(spark, root, "told").collect()
    assert (row["limit"], row["at"].year) == (7, 2024)
    assert rows(spark, root, "optional").collect()[0]["n"] == 6
    assert rows(spark, root, "alias").collect()[0]["n"] == 4


def test_two_projects_may_have_a_module_of_one_name(spark, root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "mine").mkdir()
    (other / "mine" / "rules.py").write_text(CODE.replace("* 2", "* 5"))
    assert rows(spark, root, "double").collect()[0]["n"] == 4
    assert rows(spark, other, "double").collect()[0]["n"] == 10


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        ("fails", "rules.py:18) raised ZeroDivisionError: division by zero"),
        ("number", "rules.py) gave method, not a DataFrame"),
        ("value", "python: mine.rules:value is no function"),
        ("nothing", "cannot be loaded: module 'mine.rules' has no attribute 'nothing'"),
    ],
)
def test_what_goes_wrong_names_function_and_file(spark, root, function, wrong):
    with pytest.raises(StepError) as error:
        rows(spark, root, function)
    assert error.value.message.startswith(f"python: mine.rules:{function}")
    assert wrong in error.value.message
    assert error.value.code == "cleanse.python"


def test_what_is_missing_is_told_without_running_it(root):
    (root / "mine" / "rules.py").write_text(CODE + "\nraise SystemExit\n")
    assert [missing(f"mine.rules:{name}", root) for name in ("double", "alias")] == ["", ""]
    assert missing("mine.rules:duoble", root) == "there is no function 'duoble' in rules.py; did you mean 'double'?"
    assert missing("mine.ruls:double", root).startswith("there is no module mine.ruls;")
    assert missing("json.decoder:anything", root) == "", "a package is not looked into"
    assert file_of("mine.rules:double", root) == root / "mine" / "rules.py"
    for broken in (b"a = '\\0'\0", b"\xff\xfe", b"# coding: none\n"):
        (root / "mine" / "rules.py").write_bytes(broken)
        assert "does not parse" in missing("mine.rules:double", root)
    (root / "mine" / "rules.py").write_text("def (:")
    assert missing("mine.rules:double", root).startswith("rules.py:1 does not parse")
