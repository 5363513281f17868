"""Uniqueness beside what is stored, for each way to write, against a few lines of Python (S50)."""

from __future__ import annotations

import random
from functools import partial

import pytest

from lakehouse.errors import StepError
from lakehouse.lake.target import Target
from lakehouse.names import TableName
from lakehouse.quality.checks import Checks
from lakehouse.quality.evaluate import evaluate
from lakehouse.quality.expectations import judge
from lakehouse.quality.models import Expectation
from lakehouse.quality.routing import accepted
from lakehouse.write import append, merge

COLUMNS = {"k": "int", "u": "int", "s": "int", "ok": "boolean"}
DDL = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
RULES = {
    "ok": Expectation.model_validate({"expect": "ok", "on_violation": "quarantine"}),
    "u": Expectation.model_validate(
        {"expect_column_values_to_be_unique": {"column": "u"}, "on_violation": "quarantine"}
    ),
}
KEEPS = {
    "append": append.Append(),
    "keys": append.Append(keys="k"),
    "merge": merge.Merge(keys="k", sequence_by="s"),
    "history": merge.Merge(keys="k", sequence_by="s", stored_as_scd_type=2),
    "snapshot": merge.Merge(keys="k", from_snapshot="100"),
    "filled": merge.Merge(keys="k", sequence_by="s", ignore_null_updates=True),
    "filled history": merge.Merge(keys="k", sequence_by="s", ignore_null_updates_column_list="u", stored_as_scd_type=2),
}
MERGES = ("merge", "history", "snapshot", "filled", "filled history")


def generated(seed):
    """Stored rows, unique in key and value, and a batch of others with sequences of their own."""
    chance = random.Random(seed)
    values = chance.sample(range(8), 4)
    stored = [(key, value, key, True) for key, value in enumerate(values)]
    # keys from 0 are stored; the sequence may be older than what is
    batch = [
        (chance.choice([None, *range(7)]), chance.choice([None, *range(9)]), s, chance.random() < 0.85)
        for s in chance.sample(range(30), chance.randint(2, 9))
    ]
    return stored, [row for row in batch if row[0] is not None]


def judged(spark, how, stored, batch, *, strict):
    """The rows that are accepted, and those that break the rule about uniqueness."""
    options = KEEPS[how]
    leaf = merge if how in MERGES else append
    types = COLUMNS | (merge.stored_columns({}, options, "int") if leaf is merge else {})
    target = Target(TableName("silver", "t"), "", types, types)
    there = spark.createDataFrame(stored, DDL)
    there = there.withColumn("_sequence", there["s"]) if leaf is merge else there
    if "history" in how:  # each key had all values before, and one that is deleted has the highest of them
        now = there.selectExpr("*", "_sequence AS valid_from", "CAST(NULL AS int) AS valid_to", "true AS is_current")
        past = "k", "explode(sequence(0, 9)) AS u", "s", "ok", "-2 AS _sequence", "-2 AS valid_from"
        there = now.unionByName(now.selectExpr(*past, "-1 AS valid_to", "false AS is_current"))
        gone = now.where("k = 0").selectExpr("6 AS k", "9 AS u", "s", "ok", "0 AS _sequence", "0 AS valid_from")
        there = there.unionByName(gone.selectExpr("*", "15 AS valid_to", "false AS is_current"))
    frame = spark.createDataFrame(batch, DDL).coalesce(1)
    if how in ("append", "keys", "snapshot"):  # the order of arrival, which Bronze tells
        frame = frame.withColumn("_batch", frame["s"])
    checks = Checks()
    stays = lambda rows: leaf.after(rows, there, target, options)  # noqa: E731
    found = judge(frame, RULES, checks, stays, strict=strict)
    if leaf is merge:
        found = merge.controls(found, options, checks)
    name = next(check.found for check in checks.all if check.name == "u")
    blamed = [tuple(row)[:4] for row in found.where(f"{name} is not null").select(*COLUMNS).collect()]
    return [tuple(row) for row in accepted(found, checks).select(*COLUMNS).collect()], blamed, evaluate(found, checks)


def written(how, stored, rows, batch):
    """What the table holds after the rows of the batch came in order: each row, and the value it is stored with."""
    table = {row[0]: row for row in stored if how != "snapshot" or row[0] in {row[0] for row in batch}}
    newest = {row[0]: row[2] for row in stored} | ({6: 15} if "history" in how else {})
    values = {row: row[1] for row in [*stored, *rows]}
    if how == "append":
        return values
    for row in sorted(rows, key=lambda row: row[2]):
        if how == "snapshot" or (how in MERGES and row[2] >= newest.get(row[0], 0)):
            if "filled" in how and row[1] is None and row[0] in table:
                values[row] = values[table[row[0]]]
            table[row[0]] = row
        elif how not in MERGES:
            table.setdefault(row[0], row)
    return {row: values[row] for row in table.values()}


def model(how, stored, batch):
    """The rows of the batch that would be in the table, and have a value that an earlier one has."""
    good = sorted((row for row in batch if row[3]), key=lambda row: row[2])
    after = written(how, stored, good, batch)
    taken = [value for row, value in after.items() if row in stored]
    blamed = []
    for row in good:
        if row in after and row not in stored and after[row] is not None:
            if after[row] in taken:
                blamed.append(row)
            taken.append(after[row])
    return blamed


@pytest.mark.parametrize("how", KEEPS)
@pytest.mark.parametrize("seed", [1, 4, 9, 20, 21])  # in three of them only the strict meaning keeps values apart
def test_s50_as_in_a_few_lines_of_python(spark, how, seed):
    stored, batch = generated(seed)
    kept, blamed, counted = judged(spark, how, stored, batch, strict=False)
    wanted = model(how, stored, batch)
    assert sorted(blamed) == sorted(wanted)
    assert next(r for r in counted.results if r.name == "u").violations == len(wanted)
    if wanted and how != "append":
        kept, blamed, _ = judged(spark, how, stored, batch, strict=True)
        assert blamed, "nothing is let in that was not before"
    values = [value for value in written(how, stored, kept, batch).values() if value is not None]
    assert len(values) == len(set(values)), "whatever was turned away, no value is there twice"
    assert {row for row in batch if row[3]} == set(kept) | set(blamed), "nothing else is lost"


def test_keys_of_the_way_to_write_are_unique_without_a_look(spark):
    rule = {"k": Expectation.model_validate({"expect_compound_columns_to_be_unique": {"column_list": ["K", "u"]}})}
    frame = spark.createDataFrame([(1, 1, 1, True), (1, 1, 2, True)], DDL)
    target = Target(TableName("silver", "t"), "", COLUMNS, COLUMNS)
    checks = Checks()
    found = judge(frame, rule, checks, partial(append.after, there=None, target=target, options=KEEPS["keys"]))
    assert evaluate(found, checks).results[0].violations == 0


def test_values_that_cannot_be_compared_are_refused_with_the_rule(spark):
    rule = {"m": Expectation.model_validate({"expect_column_values_to_be_unique": {"column": "m"}})}
    with pytest.raises(StepError, match=r"expectation m: `m` is map<string,int>, whose values cannot be compared"):
        judge(spark.sql("SELECT map('a', 1) AS m"), rule, Checks())
