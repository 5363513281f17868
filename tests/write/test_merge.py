"""What both kinds of merge share: the model, the sequence, the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from lakehouse.errors import StepError
from lakehouse.quality.checks import Checks
from lakehouse.write import merge
from tests.write.conftest import Table, commits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def options(**keys: Any) -> merge.Merge:
    return merge.Merge.model_validate({"keys": "k", "sequence_by": "seq", **keys})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"keys": ["a", "A"]}, "named twice"),
        ({"column_list": "a", "except_column_list": "b"}, "the same thing twice"),
        ({"track_history_column_list": "a"}, "needs `stored_as_scd_type: 2`"),
        ({"stored_as_scd_type": 2, "apply_as_truncates": "x"}, "no truncate"),
        ({"max_deletes": 0.5}, "needs `from_snapshot`"),
        ({"stored_as_scd_type": 3}, "1 or 2"),
        ({"column_list": ["v"]}, "the key 'k' must be stored"),
        ({"except_column_list": ["K"]}, "the key 'k' must be stored"),
    ],
)
def test_mistakes_are_found_in_the_model(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**keys)


def test_the_sequence_is_typed_without_spark_where_columns_are_known() -> None:
    types = {"seq": "timestamp", "Nr": "int"}
    assert merge.sequence_type(options(), types) == "timestamp"
    assert merge.sequence_type(options(sequence_by=["seq", "nr"]), types) == "struct<seq:timestamp,nr:int>"
    assert merge.sequence_type(options(sequence_by="seq + interval 1 day"), types) is None
    assert merge.reads(options(sequence_by=["greatest(a, b)", "nr"])) == {"k", "a", "b", "nr"}


def test_s61_s62_rows_without_key_or_sequence_break_a_rule(spark: SparkSession) -> None:
    both = options(keys=["k", "j"], sequence_by=["seq", "abs(nr)"])
    rows = [(1, None, 1, 1), (None, None, 1, 1), (1, 1, None, 1), (1, 1, 1, None)]
    checks = Checks()
    frame = merge.controls(spark.createDataFrame(rows, "k int, j int, seq int, nr int"), both, checks)
    assert [check.name for check in checks.all] == ["merge.keys", "merge.sequence_by"]
    assert {check.action for check in checks.all} == {"quarantine"}
    keys, sequence = (check.found for check in checks.all)
    broken = [(r[keys] is not None, r[sequence] is not None) for r in frame.collect()]
    assert broken == [(False, False), (True, False), (False, True), (False, True)]
    assert frame.schema["__sequence"].dataType.simpleString() == "struct<seq:int,by_2:int>"


def test_s62_a_bare_column_of_text_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, "9")], "k int, seq string")
    with pytest.raises(StepError, match="9 comes after 10"):
        merge.controls(frame, options(), Checks())
    with pytest.raises(StepError, match="9 comes after 10"):
        merge.controls(frame, options(sequence_by=["k", "seq"]), Checks())
    cast = merge.controls(frame, options(sequence_by="cast(seq as int) + :more"), Checks(variables={"more": 1}))
    assert [r["__sequence"] for r in cast.collect()] == [10]


@pytest.mark.parametrize("scd_type", [1, 2])
def test_the_first_rows_are_appended_and_are_those_that_a_merge_makes(
    table: Callable[..., Table], spark: SparkSession, scd_type: int
) -> None:
    chosen = options(keys=["k", "j"], stored_as_scd_type=scd_type)
    columns = merge.stored_columns({"k": "int", "j": "int", "v": "string", "w": "string"}, chosen, "int")
    # the same key again and again, a NULL in it, a tie, the same value twice, a column that the table does not have
    rows = [
        (1, None, "a", 3, "w"),
        (1, None, "a", 4, "w"),
        (1, 1, "b", 1, None),
        (1, 1, "c", 1, "x"),
        (1, 1, "d", 0, ""),
    ]
    made = []
    for empty in (True, False):
        t = table(**{name: text for name, text in columns.items() if name != "w"})
        frame = spark.createDataFrame(rows, "k int, j int, v string, seq int, w string")
        t.write(merge, frame, chosen, columns=columns, empty=empty)
        made.append((commits(t.path)[-1]["commitInfo"][0]["operation"], t.rows(*columns)))
    # a history appends where none of its versions changes
    assert [operation for operation, _ in made] == ["WRITE", {1: "MERGE", 2: "WRITE"}[scd_type]]
    assert made[0][1] == made[1][1]
    assert len(made[0][1]) == {1: 2, 2: 3}[scd_type]
