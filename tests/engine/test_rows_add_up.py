"""Every row that a step reads is accounted for in its audit row, by each way to write, with rules and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEPT = "cleanse: [{filter: n <> 7}]"
RULES = """schema: {id: int, n: int, at: int}
expectations:
  positive: {expect: n > 0, on_violation: quarantine}
  small: {expect: n < 100, on_violation: drop}"""
MERGE = "merge: {keys: id, sequence_by: at}"
HISTORY = "merge: {keys: id, sequence_by: at, stored_as_scd_type: 2}"
TABLES = {
    "silver": {
        "plain": "from: bronze.a",
        "trimmed": "from: bronze.a\ncleanse: [{trim: tags}]",
        "log": f"from: bronze.a\n{KEPT}",
        "ruled": f"from: bronze.a\n{KEPT}\n{RULES}",
        "keyed": f"from: bronze.a\n{KEPT}\nappend: {{keys: id}}",
        "keyed_ruled": f"from: bronze.a\n{KEPT}\n{RULES}\nappend: {{keys: id}}",
        "latest": f"from: bronze.a\n{KEPT}\nschema: {{id: int, n: int, at: int}}\n{MERGE}",
        "latest_ruled": f"from: bronze.a\n{KEPT}\n{RULES}\n{MERGE}",
        "versions": f"from: bronze.a\ncleanse: [{{filter: n <> 7 and at > 5}}]\nschema: {{id: int, n: int}}\n{HISTORY}",
        "mirror": f"from: bronze.a\n{KEPT}\noverwrite: true",
        "mirror_ruled": f"from: bronze.a\n{KEPT}\n{RULES}\noverwrite: true",
        "words": "from: bronze.a\ncleanse: [{filter: n <> 7}, {derive: {tags: 'split(tags, \"/\")'}}, "
        "{explode: {column: tags}}, {filter: tags <> 'x'}]",
        "whole_words": "from: bronze.a\ncleanse: [{filter: n <> 7}, {derive: {tags: 'split(tags, \"/\")'}}, "
        "{explode: {column: tags}}, {filter: tags <> 'x'}]\noverwrite: true",
    },
    "gold": {"by_n": f"from: bronze.a\n{KEPT}\naggregate: {{by: n, measures: {{rows: count(*)}}}}"},
}
FILES = (
    ("1,10,10,a/b", "2,20,10,", "3,7,10,c", "9,90,10,x", "10,1,10,d"),
    (
        *("1,11,20,x", "1,12,30,y/z", "2,20,10,", "2,5,1,u", "4,40,10,v", "4,40,10,v", "5,7,10,w"),
        *("6,-1,10,", "7,100,10,a/x", "9,91,5,b", "10,2,10,c"),
    ),
    ("8,7,10,y", "8,7,10,"),
)
"""Files of three runs; of the last one every row is filtered."""
COUNTS = ("written", "updated", "rejected", "dropped", "filtered", "superseded", "late", "equal", "deleted", "left_out")
MULTIPLIES = ("silver.words", "silver.whole_words", "gold.by_n")
AQE = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "3",
    "spark.databricks.delta.merge.materializeSource": "none",
}
"""Queries that are planned anew while they run, that sort to join, and a MERGE that reads its source twice."""


@pytest.fixture(scope="module", params=[{}, AQE], ids=["small", "adaptive"])
def audit(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return Audit(Lake(tmp_path_factory.mktemp("rows"), spark), request.param)


class Audit:
    """The rows of `steps` of each of three runs, and the lake that they left."""

    def __init__(self, lake: Lake, conf: dict[str, str]) -> None:
        self.lake = lake
        session = lake.spark.newSession()
        for key, value in {"spark.sql.session.timeZone": "UTC", **conf}.items():
            session.conf.set(key, value)
        lake.bronze(hints="id: int, n: int, at: int")
        lake.tables(**TABLES)
        self.runs: list[dict[str, dict[str, Any]]] = []
        for number, rows in enumerate(FILES):
            lake.file(f"{number}.csv", *rows, header="id,n,at,tags")
            done = lake.run(spark=session)
            self.runs.append({row["step"]: row for row in lake.audit("steps", done)})

    def counts(self, run: int, step: str) -> dict[str, int]:
        """Those that are not zero, with the rows read."""
        row = self.runs[run][step]
        return {name: row[f"rows_{name}"] for name in ("read", *COUNTS) if row[f"rows_{name}"] != 0}


STEPS = ["bronze.a", *(f"{layer}.{name}" for layer, tables in TABLES.items() for name in tables)]


@pytest.mark.parametrize("step", STEPS)
def test_rows_in_are_rows_stored_and_all_that_became_of_the_others(audit: Audit, step: str) -> None:
    for number, run in enumerate(audit.runs):
        row = run[step]
        assert None not in [row[f"rows_{name}"] for name in ("read", *COUNTS)], f"run {number}"
        whole = step in ("silver.mirror", "silver.mirror_ruled", "silver.whole_words", "gold.by_n")
        assert row["rows_read"] == sum(map(len, FILES[: number + 1] if whole else FILES[number : number + 1]))
        if step not in MULTIPLIES:
            assert row["rows_read"] == sum(row[f"rows_{name}"] for name in COUNTS), f"run {number}: {row}"


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ("bronze.a", {"written": 11}),
        ("silver.plain", {"written": 11}),
        ("silver.log", {"written": 10, "filtered": 1}),
        ("silver.ruled", {"written": 8, "filtered": 1, "rejected": 1, "dropped": 1}),
        ("silver.keyed", {"written": 3, "filtered": 1, "left_out": 7}),
        ("silver.keyed_ruled", {"written": 1, "filtered": 1, "rejected": 1, "dropped": 1, "left_out": 7}),
        ("silver.latest", {"written": 3, "updated": 2, "filtered": 1, "superseded": 3, "late": 1, "equal": 1}),
        (
            "silver.latest_ruled",
            {"written": 1, "updated": 2, "filtered": 1, "rejected": 1, "dropped": 1}
            | {"superseded": 3, "late": 1, "equal": 1},
        ),
        ("silver.versions", {"written": 5, "updated": 1, "filtered": 3, "superseded": 1, "equal": 1}),
    ],
)
def test_s39_s64_s65_s66_what_became_of_each_row_is_counted(audit: Audit, step: str, counts: dict[str, int]) -> None:
    assert audit.counts(1, step) == {"read": 11, **counts}


def test_s39_rows_that_a_filter_took_away_are_counted_where_all_is_read_too(audit: Audit) -> None:
    assert audit.counts(1, "silver.mirror") == {"read": 16, "written": 14, "filtered": 2}
    assert audit.counts(1, "silver.mirror_ruled") == {
        "read": 16, "written": 12, "filtered": 2, "rejected": 1, "dropped": 1,
    }  # fmt: skip
    assert audit.counts(1, "gold.by_n")["filtered"] == 2
    assert audit.counts(2, "silver.log") == {"read": 2, "filtered": 2}, "and when nothing is left"
    assert audit.counts(2, "silver.keyed") == {"read": 2, "filtered": 2}
    assert audit.counts(2, "silver.versions") == {"read": 2, "filtered": 2}


def test_s42_rows_that_explode_took_away_are_counted(audit: Audit) -> None:
    found = [audit.counts(run, "silver.words") for run in range(3)]
    assert found == [
        # one by the first filter, one without tags, and of the four words one by the last filter
        {"read": 5, "written": 3, "filtered": 3},
        {"read": 11, "written": 8, "filtered": 5},
        {"read": 2, "filtered": 2},
    ]
    assert audit.counts(1, "silver.whole_words") == {"read": 16, "written": 11, "filtered": 8}


def test_a_whole_input_is_filtered_before_its_rows_are_counted(lake: Lake) -> None:
    """So that Spark can leave out files by the filter: what is gone is told by the files' own statistics."""
    lake.bronze(hints="id: int, n: int, t: string", more="partitioned_by: t\n")
    lake.tables(silver={"s": "from: bronze.a\ncleanse: [{filter: t = 'x'}]\noverwrite: true"})
    lake.file("1.csv", *(f"{i},{i},{'x' if i % 2 else 'y'}" for i in range(10)))
    lake.run(select="bronze.a")
    gone = next(path for path in lake.file_paths("bronze.a") if "t=y" in path)
    (lake.root / "lake/bronze/a" / gone).unlink()
    done = lake.run()["silver.s"]
    assert (done.rows_read, done.rows_written, done.rows_filtered) == (10, 5, 5)
