"""What `plan` says: golden files for whole pipelines, and each kind of answer on a lake that is already there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.control import commits
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.explain import explain
from lakehouse.report.explanation import STYLES
from lakehouse.report.graph import mermaid
from lakehouse.sources.base import SourceFile
from tests.planning.golden import FOLDER, ROOT, printed, rewrite, source_of, written
from tests.planning.projects import Lake, project
from tests.planning.test_decide import NOON, TEXT, bronze, gold, ledger, load, offset, silver

CASES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_golden_plans(case: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = printed(case, tmp_path)
    if request.config.getoption("--golden", default=False):
        rewrite(case, found)
    else:
        assert found.rstrip() == written(case)[1].rstrip()


def test_every_pipeline_of_the_repository_has_a_golden_plan() -> None:
    assert {source_of(case) for case in CASES} - {None} == set((ROOT / "pipelines").glob("*.yaml"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "landing").mkdir()
    return Lake(project(tmp_path, TEXT))


def lines(lake: Lake, *selected: str) -> list[str]:
    return explain(compile_(lake.project, selected)).lines()


def test_when_nothing_is_new_every_step_says_why(lake: Lake) -> None:
    gold(lake)
    lake.create("gold.q", {"x": "string"})
    lake.write("gold.q", 1, {"silver.s": offset(lake, "silver.s")})
    assert lines(lake) == [
        "bronze.a  idle: no new files among 1 file",
        "silver.s  idle: no new rows in bronze.a",
        "gold.g  idle: no input changed",
        "gold.q  idle: no input changed",
    ]


def test_what_waits_for_a_busy_step_says_so(lake: Lake) -> None:
    gold(lake)
    (Path(lake.environment.root) / "landing" / "2.csv").write_text("x\n1\n")
    found = lines(lake, "+gold.g")
    assert found[:2] == ["bronze.a  run: 1 new of 2 files", "    reads  batch 2: 1 file, 4 bytes"]
    assert "silver.s  idle: if bronze.a brings rows: no new rows in bronze.a" in found
    assert "gold.g  idle: if silver.s brings rows: no input changed" in found
    assert lines(lake, "silver.s") == ["silver.s  idle: no new rows in bronze.a"], "bronze.a is not part of the run"


def test_what_is_open_comes_first(lake: Lake) -> None:
    bronze(lake)
    file = SourceFile(f"{lake.environment.root}/landing/1.csv", 4, NOON)
    load(lake, 1, [file], noted=False)
    assert lines(lake, "bronze.a") == ["bronze.a  settle: the result of batch 1 is noted"]


def test_a_refusal_comes_with_its_fix_and_others_go_on(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    DeltaTable(lake.path("bronze.a")).delete()
    found = explain(compile_(lake.project))
    assert found["silver.s"].action == "refuses"
    assert "version 2 of bronze.a (DELETE) changed rows" in found["silver.s"].reason
    assert "make silver.s anew from its inputs" in found["silver.s"].fix
    assert f"    fix    {found['silver.s'].fix}" in found.lines()
    assert found["gold.g"].action == "create"


def test_a_source_that_is_not_there_refuses_its_step_alone(tmp_path: Path) -> None:
    lake = Lake(project(tmp_path, TEXT))
    found = explain(lake.plan)
    assert [e.action for e in found.steps] == ["refuses", "idle", "idle", "idle"]
    assert found["bronze.a"].reason == f"the source's path {tmp_path}/landing does not exist"
    assert found["bronze.a"].fix


def test_an_alteration_is_named(tmp_path: Path, lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    changed = project(tmp_path, TEXT.replace("{from: bronze.a,", "{from: bronze.a, comment: new,"))
    assert explain(compile_(changed))["silver.s"].reason == "set comment; no new rows in bronze.a"
    assert explain(compile_(changed))["silver.s"].action == "alter"


def test_planning_writes_nothing(lake: Lake) -> None:
    gold(lake)
    (Path(lake.environment.root) / "landing" / "2.csv").write_text("x\n1\n")
    commits.plan(lake.control, lake.signature("silver.s", 1, {}, attempt="dead"), table="silver.s")
    ledger(lake, "bronze.a").plan(2, "a2", [SourceFile("/2.csv", 4, NOON)])
    before = sorted((str(p), p.stat().st_mtime_ns) for p in Path(lake.environment.root).rglob("*"))
    assert len(lines(lake)) >= 4
    assert sorted((str(p), p.stat().st_mtime_ns) for p in Path(lake.environment.root).rglob("*")) == before


def test_for_programs(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    (Path(lake.environment.root) / "landing" / "2.csv").write_text("x\n1\n")
    found = json.loads(json.dumps(explain(lake.plan).to_dict()))["steps"]
    assert [s["step"] for s in found] == ["bronze.a", "silver.s", "gold.g", "gold.q"]
    assert found[0]["action"] == "run"
    assert found[0]["batches"] == [{"batch": 2, "files": [f"{lake.environment.root}/landing/2.csv"], "bytes": 4}]
    assert (found[1]["condition"], found[1]["after"]) == ("if bronze.a brings rows", ["bronze.a"])
    assert found[2]["refresh"] == "full"
    assert found[2]["inputs"] == [{"table": "silver.s", "version": 1, "how": "whole", "since": None}]
    assert (found[2]["writes"], found[2]["fix"]) == ("aggregate", None)


RULES = """
bronze:
  a: {source: {format: csv, path: landing}, schema: {x: string}}
silver:
  s:
    from: bronze.a
    comment: new
    cleanse: [{cast: {x: int}}]
    schema: {x: int, y: {type: date, nullable: false, default: 2024-01-01}}
    on_schema_violation: "null"
    merge: {keys: x, sequence_by: _batch}
    expectations: {positive: x > 0, small: {expect: x < 9, on_violation: drop}}
"""


def test_checks_are_named_with_what_becomes_of_a_row(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    lake = Lake(project(tmp_path, RULES))
    bronze(lake, ["1.csv"])
    lake.write("bronze.a", 2, {"files": {"batch": 2}})
    found = explain(compile_(lake.project, ["silver.s"]))["silver.s"]
    assert dict(found.lines())["checks"].split(", ") == [
        "1 column of the schema (warn)", "1 column of the schema (quarantine)", "cast.x (warn)",
        "merge.keys (quarantine)", "merge.sequence_by (quarantine)", "positive (warn)", "small (drop)",
    ]  # fmt: skip
    assert found.to_dict()["checks"][:2] == [
        {"name": "cast.x", "on_violation": "warn"}, {"name": "schema.x", "on_violation": "warn"},
    ]  # fmt: skip


def test_an_alteration_is_followed_by_what_comes_after_it_and_by_maintenance(tmp_path: Path, lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.write("bronze.a", 2, {"files": {"batch": 2}})
    changed = project(tmp_path, TEXT.replace("{from: bronze.a,", "{from: bronze.a, comment: new,"))
    found = explain(compile_(changed, ["silver.s"]))["silver.s"]
    assert (found.action, found.alters) == ("alter", ("set comment",))
    assert found.reason.startswith("set comment; new rows: bronze.a version")
    assert found.work is not None
    (optimize,) = (d for d in found.maintenance if d.operation == "optimize")
    assert not optimize.due
    assert ("after", f"optimize is not due as it is now: {optimize.reason}") in found.lines()
    assert found.to_dict()["alters"] == ["set comment"]


def test_what_is_settled_is_followed_by_what_comes_after_it(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake, confirmed=False)
    found = explain(compile_(lake.project, ["silver.s"]))["silver.s"]
    assert found.action == "settle"
    assert found.reason == "commit 1 is confirmed at version 1; no new rows in bronze.a"


def test_the_graph_in_mermaid(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    assert mermaid(explain(compile_(lake.project, ["silver.s", "gold.q"]))).splitlines() == [
        "flowchart LR",
        "  subgraph silver",
        '    silver_s["s<br/>idle"]:::idle',
        "  end",
        "  subgraph gold",
        '    gold_q["q<br/>create"]:::create',
        "  end",
        '  bronze_a["bronze.a"]',
        "  bronze_a --> silver_s",
        "  silver_s --> gold_q",
        "  classDef create fill:#d7f0dd,stroke:#2e7d4f,color:#1a1a1a",
        "  classDef idle fill:#f2f2f2,stroke:#9e9e9e,color:#1a1a1a",
    ]


def test_the_page_names_every_word_and_key(lake: Lake) -> None:
    page = (ROOT / "docs" / "plan.md").read_text()
    keys = explain(lake.plan).to_dict()["steps"][0].keys()
    assert [word for word in (*STYLES, *keys) if f"`{word}`" not in page] == []


@pytest.mark.parametrize(
    ("first", "warns"),
    [
        ("id,dep time", True),
        ("1,x", False),
        ("x,", False),
        ("a,a", False),
        ("true,x", False),
        ("x,2024-01-01", False),
        ("", False),
    ],
)
def test_s10_a_first_row_that_looks_like_names_is_doubted(tmp_path: Path, first: str, warns: bool) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.csv").write_text(f"{first}\n1,2\n" if first else "")
    for header in (False, True):
        text = f"bronze: {{a: {{source: {{format: csv, path: landing, options: {{header: {header}}}}}}}}}"
        found = explain(compile_(project(tmp_path, text)))["bronze.a"]
        assert bool(found.warnings) == (warns and not header)
        assert found.to_dict()["warnings"] == list(found.warnings)
    if warns:
        assert any(
            line.startswith("    warns  ") and "write `options: {header: true}`" in line for line in lines_of(tmp_path)
        )


def lines_of(folder: Path) -> list[str]:
    text = "bronze: {a: {source: {format: csv, path: landing}}}"
    return explain(compile_(project(folder, text))).lines()


def silver_warnings(lake: Lake, silver: str) -> list[str]:
    """What is warned of the table when it is written so: keys of a Silver table."""
    root = Path(lake.environment.root)
    tables = f"bronze:\n  a: {{source: {{format: csv, path: landing}}}}\nsilver:\n  s: {{from: bronze.a, {silver}}}\n"
    lake.project = project(root, f"pipeline: p\n{tables}")
    (_, step) = explain(compile_(lake.project)).steps
    return list(step.warnings)


def test_s36_a_function_that_gives_another_value_each_time_is_doubted(lake: Lake) -> None:
    warnings = silver_warnings(lake, "cleanse: [{derive: {r: rand(), u: upper(uuid())}}]")
    assert [text.partition(" ")[0] for text in warnings] == ["rand()", "uuid()"]
    assert silver_warnings(lake, "cleanse: [{derive: {n: now(), h: upper(x)}}]") == []


def test_s40_deduplicate_before_a_plain_append_is_doubted(lake: Lake) -> None:
    rule = "cleanse: [{deduplicate: {keys: x, order_by: x}}]"
    (warning,) = silver_warnings(lake, rule)
    assert warning.startswith("`deduplicate` sees the rows of one run")
    for way in ("append: {keys: x}", "merge: {keys: x, sequence_by: x}", "overwrite: true"):
        assert silver_warnings(lake, f"{rule}, {way}") == [], way


def test_s89_a_changed_definition_counts_from_now_on(lake: Lake) -> None:
    gold(lake)
    assert silver_warnings(lake, "cleanse: [{trim: x}]") == [
        (
            "its definition changed since rows were last written: the new one counts from now on, stored rows stay;"
            " `lakehouse run --full-refresh silver.s` makes all of them anew"
        )
    ]


def test_s44_floating_point_keys_groups_and_hashes_are_doubted(lake: Lake) -> None:
    schema = "schema: {x: double, f: float, i: int}"
    told = "numbers that look the same may differ in the last digit"
    for keys in ("append: {keys: [i, X]}", "merge: {keys: [x, i], sequence_by: i}"):
        way = keys.partition(":")[0]
        assert silver_warnings(lake, f"{schema}, {keys}")[-1].lower() == f"`{way}` by x, a double: {told}"
    assert silver_warnings(lake, f"{schema}, append: {{keys: i}}") == []
    hashed = "cleanse: [{hash: {into: h, columns: [f, i]}}], schema: {f: float, i: int, h: string}"
    assert silver_warnings(lake, hashed) == [f"`hash` of f, a float: {told}"]
    root = Path(lake.environment.root)
    tables = f"silver:\n  s: {{from: bronze.a, {schema}}}\ngold:\n  g: {{from: silver.s, aggregate: {{by: [f, i], measures: {{n: count(*)}}}}}}"
    lake.project = project(root, f"pipeline: p\nbronze:\n  a: {{source: {{format: csv, path: landing}}}}\n{tables}\n")
    assert explain(compile_(lake.project)).steps[-1].warnings == (f"`by` f, a float: {told}",)
