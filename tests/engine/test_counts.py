"""What a step costs: Spark jobs and commits, counted. A number that grows is a defect, unless its reason is here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.engine.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

TABLES = {
    "silver": {
        "plain": "from: bronze.a\ncleanse: [{trim: t}]",
        "joined": "from: bronze.a\ncleanse: [{join: {table: bronze.p, using: id, select: name}}]",
        "rules": "from: bronze.a\nschema: {id: {type: int, nullable: false}, n: int, t: string}\n"
        "expectations: {positive: {expect: n > 0, on_violation: quarantine}}",
        "figures": "from: bronze.a\nschema: {id: int, n: int, t: string}\nexpectations:\n"
        "  mean: {expect_column_mean_to_be_between: {column: n, max_value: 1000}}\n"
        "  sets: {expect_column_distinct_values_to_be_in_set: {column: t, value_set: [x, y, z, w, v]}}\n"
        "  rows: {expect_table_row_count_to_be_between: {min_value: 1}}",
        "unique": "from: bronze.a\nschema: {id: int, n: int, t: string}\n"
        "expectations: {n: {expect_column_values_to_be_unique: {column: n}}}",
        "scd1": "from: bronze.a\nschema: {id: int, n: int}\nmerge: {keys: id, sequence_by: _source_modified}",
        "deletes": "from: bronze.a\nschema: {id: int, n: int}\n"
        "merge: {keys: id, sequence_by: _source_modified, apply_as_deletes: n = 31}",
        "scd2": "from: bronze.a\nschema: {id: int, n: int}\n"
        "merge: {keys: id, sequence_by: _source_modified, stored_as_scd_type: 2}",
    },
    "gold": {
        "groups": "from: silver.scd1\naggregate: {by: n, measures: {rows: count(*)}}",
        "query": "sql: SELECT count(*) AS rows FROM silver.scd1",
    },
}


class Counted:
    """Jobs and commits of every step in a first run, one with new rows that are clean, and one with a bad row."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        lake.max_parallel = 1  # else it would depend on chance which step loads a snapshot that two of them read
        lake.bronze()
        lake.bronze("p", hints="id: int")
        lake.file("p.csv", "1,one", "4,four", table="p", header="id,name")
        lake.tables(**TABLES)
        self.runs: dict[str, dict[str, tuple[int, int]]] = {}
        self.count("first", "1,10,x", "2,20,y", "3,30,z")
        self.count("clean", "3,31,z", "4,40,w")
        self.count("bad row", "4,41,w", "5,-5,v")

    def count(self, name: str, *rows: str) -> None:
        self.lake.file(f"{len(self.runs)}.csv", *rows)
        before = self.lake.versions()
        done = self.lake.run()
        tracker = self.lake.spark.sparkContext.statusTracker()
        after = self.lake.versions()
        self.runs[name] = {
            str(step): (
                len(tracker.getJobIdsForGroup(f"{done.id}/{step}")),
                sum(
                    after[t] - before.get(t, -1)
                    for t in after
                    if t in (str(step), f"{step}_quarantine", f"{step}_tombstones")
                ),
            )
            for step in done.steps
        }
        self.reported = {str(n): s.commits for n, s in done.steps.items()}


@pytest.fixture(scope="module")
def counted(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Counted:
    root: Path = tmp_path_factory.mktemp("counts")
    return Counted(Lake(root, spark))


COST = {
    # step: jobs and commits of the first run, with clean rows, with a bad row
    "bronze.a": ((4, 2), (4, 1), (3, 1)),
    "silver.plain": ((4, 2), (3, 1), (3, 1)),
    "silver.joined": ((10, 2), (9, 1), (9, 1)),
    "silver.rules": ((6, 2), (5, 1), (9, 3)),
    "silver.figures": ((6, 2), (5, 1), (5, 1)),
    "silver.unique": ((6, 2), (9, 1), (9, 1)),
    "silver.scd1": ((6, 2), (25, 2), (22, 1)),
    "silver.deletes": ((8, 2), (29, 4), (30, 2)),
    "silver.scd2": ((8, 2), (22, 1), (19, 1)),
    "gold.groups": ((7, 2), (6, 1), (7, 1)),
    "gold.query": ((5, 2), (4, 1), (4, 1)),
}
"""Jobs, and where they come from:

- every first run: a job without tasks for the CREATE, and a commit; every run: one for the snapshot of the table's log
  (Delta's), one for the statistics of the files that are read (Delta's), one that writes
- bronze: one aggregate counts rows, bad and rescued records, and values of new columns
- rules: one aggregate counts them (job 0), and its look at the files' statistics; that is two more than `plain`
- joined: job 0 counts the matches, which the write does not: the lookup's snapshot and statistics, a shuffle of its keys
  and its broadcast in job 0, its broadcast in the write
- figures of many rows ride in the aggregate of `rules`, and rows of a table are counted from its files' statistics
- unique: beside what is stored, the stored values are read and joined: the statistics of the table's files, what is
  distinct in it, and the sorted rows
- a bad row: four for the quarantine, as any append that makes a table costs, and two commits: CREATE and append
- merge: job 0 and its statistics; the first rows of a table are appended; after them Delta's MERGE, which materialises
  its source, looks for matches, and with updates rewrites rows and writes deletion vectors
- silver.scd2: two aggregates over what is kept, of the rows that come and of the versions to write, with the broadcast of
  the keys to the stored versions; the MERGE then reads what is kept
- silver.scd1: one aggregate over the batch says what its keys can be, with its look at the files' statistics, so that no
  other file is read; another one counts the rows beside the stored sequences of their keys, with the table's snapshot and
  statistics and the broadcast of the keys
- silver.deletes: the first rows are looked at too; of the clean ones one deletes: it is counted, and appended to the
  tombstones, which are made for it (two commits); from then on the newest truncate is looked for there, and the batch is
  joined with them; both times OPTIMIZE is due
- silver.scd1 with clean rows: a third of its rows is deleted, so OPTIMIZE is due: three more jobs and a commit
- aggregate, query: the input, a shuffle, and the rows that are replaced, which Delta looks for by condition
"""
RUNS = ("first", "clean", "bad row")


@pytest.mark.parametrize("step", COST)
def test_a_step_costs_its_jobs_and_commits_and_no_more(counted: Counted, step: str) -> None:
    assert tuple(counted.runs[run][step] for run in RUNS) == COST[step]


def test_the_commits_that_a_step_tells_are_those_of_its_logs(counted: Counted) -> None:
    """But for the CREATE of a companion, which is no commit of rows."""
    of_logs = {step: commits for step, (_, commits) in counted.runs["bad row"].items()}
    assert counted.reported == {**of_logs, "silver.rules": of_logs["silver.rules"] - 1}


def test_nothing_new_costs_nothing(counted: Counted) -> None:
    before = counted.lake.versions()
    done = counted.lake.run()
    tracker = counted.lake.spark.sparkContext.statusTracker()
    assert not done.used_spark
    assert [step for step in COST if tracker.getJobIdsForGroup(f"{done.id}/{step}")] == []
    assert counted.lake.versions() == before


def test_the_table_for_the_documentation(counted: Counted, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["| step | " + " | ".join(f"{run}: jobs, commits" for run in RUNS) + " |", "| --- | --- | --- | --- |"]
    for step in COST:
        cells = (f"{jobs}, {commits}" for jobs, commits in (counted.runs[run][step] for run in RUNS))
        lines.append(f"| {step} | {' | '.join(cells)} |")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
