"""What a step has to do, decided against small real tables: created, settled, altered, worked on, left alone, refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.errors import OffsetError, StepError
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.decide import decide
from lakehouse.planning.decide_own import decide_replay
from lakehouse.planning.work import Alter, Create, Decision, Idle, Settle, Work
from lakehouse.sources.base import SourceFile
from lakehouse.state.asked import Asked
from lakehouse.state.known import Again
from lakehouse.state.ledger import stand
from lakehouse.state.place import Commits
from tests.planning.projects import Lake, project

TEXT = """
variables: {limit: 1}
bronze:
  a: {source: {format: csv, path: landing}, auto_loader: {max_files_per_trigger: 2}, schema: {x: string}}
silver:
  s: {from: bronze.a, schema: {x: string}}
gold:
  g: {from: silver.s, aggregate: {by: x, measures: {n: count_if(length(x) > :limit)}}}
  q: {sql: "SELECT x FROM silver.s"}
"""
COLUMNS = {"x": "string"}
BRONZE = {"x": "string", "_batch": "bigint"}
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "landing").mkdir()
    return Lake(project(tmp_path, TEXT))


def land(lake: Lake, *names: str) -> None:
    for index, name in enumerate(names):
        path = Path(lake.environment.root) / "landing" / name
        path.write_text("x\n1\n")
        os.utime(path, (NOON.timestamp() + index, NOON.timestamp() + index))


def decided(lake: Lake, name: str, **arguments: Any) -> Decision:
    return decide(lake.plan[name], lake.state(name, **arguments))


def work(lake: Lake, name: str, **arguments: Any) -> Work:
    found = decided(lake, name, **arguments)
    assert isinstance(found, Work), found
    return found


def idle(lake: Lake, name: str) -> str:
    found = decided(lake, name)
    assert isinstance(found, Idle), found
    return found.reason


def ledger(lake: Lake, name: str) -> Ledger:
    log = lake.log(name)
    found = Ledger.open(lake.control, f"id-{name}", table=name, run="run-1")
    stand(found, log, Commits.read(lake.control, f"id-{name}"))
    return found


def load(lake: Lake, batch: int, files: Sequence[SourceFile], *, noted: bool = True) -> None:
    """A batch of bronze.a as the engine loads it; `noted`: with its `result` row."""
    ledger(lake, "bronze.a").plan(batch, f"a{batch}", files, ingested_at=NOON)
    lake.write("bronze.a", batch, {"files": {"batch": batch}})
    if noted:
        ledger(lake, "bronze.a").result(batch, f"a{batch}", lake.log("bronze.a").version)


def bronze(lake: Lake, *batches: Sequence[str]) -> None:
    lake.create("bronze.a", BRONZE)
    for number, names in enumerate(batches, 1):
        land(lake, *names)
        known = {f.path: f for f in lake.state("bronze.a").files}
        load(lake, number, [known[str(Path(lake.environment.root) / "landing" / n)] for n in names])


def offset(lake: Lake, name: str, version: int | None = None) -> dict[str, Any]:
    log = lake.log(name)
    found: dict[str, Any] = {"id": f"id-{name}", "version": log.version if version is None else version}
    return found | ({"batch": log.sequence} if name.startswith("bronze") else {})


def silver(lake: Lake, **changes: Any) -> None:
    """silver.s, that has read all of bronze.a."""
    lake.create("silver.s", COLUMNS)
    lake.write("silver.s", 1, {"bronze.a": offset(lake, "bronze.a")}, **changes)


# --- create -------------------------------------------------------------------------------------------------------


def test_a_bronze_table_is_made_whether_there_are_files_or_not(lake: Lake) -> None:
    found = decided(lake, "bronze.a")
    assert isinstance(found, Create)
    assert isinstance(found.then, Idle)
    assert found.then.reason == "no files"
    land(lake, "1.csv")
    found = decided(lake, "bronze.a")
    assert isinstance(found, Create)
    assert isinstance(found.then, Work)
    assert (found.then.sequence, found.then.base, found.then.reason) == (1, -1, "1 new of 1 file")


def test_a_table_that_reads_is_made_once_there_is_something_to_read(lake: Lake) -> None:
    assert idle(lake, "silver.s") == "waits for bronze.a, which does not exist yet"
    bronze(lake)
    assert idle(lake, "silver.s") == "no new rows in bronze.a"
    load(lake, 1, [SourceFile("/1.csv", 1, NOON)])
    found = decided(lake, "silver.s")
    assert isinstance(found, Create)
    assert isinstance(found.then, Work)
    assert found.then.inputs[0].describe() == "bronze.a version 1, batches after 0"


# --- Bronze -------------------------------------------------------------------------------------------------------


def test_s2_new_files_are_cut_into_batches_by_time_and_name(lake: Lake) -> None:
    bronze(lake)
    land(lake, "c.csv", "b.csv", "a.csv")
    found = work(lake, "bronze.a")
    assert [[Path(f.path).name for f in b.files] for b in found.batches] == [["c.csv", "b.csv"], ["a.csv"]]
    assert [b.number for b in found.batches] == [1, 2]
    assert (found.sequence, found.offsets, found.batches[0].size) == (1, {"files": {"batch": 1}}, 8)
    assert found.reason == "3 new of 3 files"


def test_a_loaded_file_is_not_loaded_again(lake: Lake) -> None:
    bronze(lake, ["1.csv", "2.csv"])
    assert idle(lake, "bronze.a") == "no new files among 2 files"
    land(lake, "3.csv")
    found = work(lake, "bronze.a")
    assert [(b.number, [Path(f.path).name for f in b.files]) for b in found.batches] == [(2, ["3.csv"])]
    assert found.reason == "1 new of 3 files"


def test_s1_a_loaded_file_that_changed_is_noted_once(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    path = Path(lake.environment.root) / "landing" / "1.csv"
    path.write_text("x\n1\n2\n")
    found = decided(lake, "bronze.a")
    assert isinstance(found, Settle)
    assert found.reason == f"{path} was loaded and has changed since"
    ledger(lake, "bronze.a").changed(found.changed)
    assert idle(lake, "bronze.a") == "no new files among 1 file"


def test_s4_a_failed_file_is_taken_again_when_asked(lake: Lake) -> None:
    lake.create("bronze.a", BRONZE)
    land(lake, "1.csv", "2.csv")
    first, second = lake.state("bronze.a").files
    book = ledger(lake, "bronze.a")
    book.plan(1, "a1", [first, second])
    book.failed(1, "a1", {second: "not a CSV"})
    lake.write("bronze.a", 1, {"files": {"batch": 1}})
    book.result(1, "a1", 1)
    assert idle(lake, "bronze.a") == "no new files among 2 files"
    assert [f.path for f in work(lake, "bronze.a", asked=Asked(Again(failed=True))).batches[0].files] == [second.path]


def test_a_planned_batch_is_replayed_with_the_same_files_before_anything_new(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    land(lake, "2.csv", "3.csv")
    second = next(f for f in lake.state("bronze.a").files if f.path.endswith("2.csv"))
    ledger(lake, "bronze.a").plan(2, "a2", [second], ingested_at=NOON)
    found = work(lake, "bronze.a")
    (batch,) = found.batches
    assert (batch.number, batch.files, batch.ingested_at, batch.again) == (2, (second,), NOON, True)
    assert found.reason == "batch 2 was planned and not committed: the same files again"


def test_a_committed_batch_without_result_is_settled_first(lake: Lake) -> None:
    bronze(lake)
    land(lake, "1.csv", "2.csv")
    load(lake, 1, lake.state("bronze.a").files[:1], noted=False)
    found = decided(lake, "bronze.a")
    assert isinstance(found, Settle)
    assert [(r.batch, r.version) for r in found.results] == [(1, 1)]
    assert found.reason == "the result of batch 1 is noted"


def test_copy_into_takes_all_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    text = TEXT.replace("auto_loader: {max_files_per_trigger: 2}", "copy_into: {}")
    lake = Lake(project(tmp_path, text))
    lake.create("bronze.a", BRONZE)
    land(lake, "1.csv", "2.csv", "3.csv")
    assert [len(b.files) for b in work(lake, "bronze.a").batches] == [3]


# --- settle and alter ---------------------------------------------------------------------------------------------


def test_a_commit_that_nobody_confirmed_is_confirmed_first(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake, confirmed=False)
    found = decided(lake, "silver.s")
    assert isinstance(found, Settle)
    assert [(c.sequence, c.attempt, c.version) for c in found.confirm] == [(1, "a1", 1)]
    assert found.reason == "commit 1 is confirmed at version 1"


def test_rejected_rows_of_a_dead_attempt_are_removed_first(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    commits.plan(lake.control, lake.signature("silver.s", 1, {}, attempt="dead"), table="silver.s")
    found = decided(lake, "silver.s")
    assert isinstance(found, Settle)
    assert found.clean == ((1, "dead"),)
    assert found.reason == "what a dead attempt at 1 left beside the table is removed"


def test_an_attempt_at_the_next_sequence_is_not_dead(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    commits.plan(lake.control, lake.signature("silver.s", 2, {}, attempt="maybe running"), table="silver.s")
    assert idle(lake, "silver.s") == "no new rows in bronze.a"


def test_an_idle_run_notes_the_version_that_it_looked_at(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.write("silver.s", 1, {}, kind="optimize", confirmed=False)
    found = decided(lake, "silver.s")
    assert isinstance(found, Settle)
    assert [(c.sequence, c.version) for c in found.confirm] == [(1, 2)]


def test_a_table_that_differs_from_its_definition_is_altered_before_it_is_written(tmp_path: Path, lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    land(lake, "2.csv")
    load(lake, 2, lake.state("bronze.a").files[1:])
    step = compile_(project(tmp_path, TEXT.replace("{from: bronze.a,", "{from: bronze.a, comment: new,")))["silver.s"]
    found = decide(step, lake.state("silver.s"))
    assert isinstance(found, Alter)
    assert found.reason == "set comment"


def test_a_change_that_no_alter_bridges_is_refused(tmp_path: Path, lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    step = compile_(project(tmp_path, TEXT.replace("bronze.a, schema: {x: string}}", "bronze.a, schema: {x: int}}")))
    with pytest.raises(StepError, match="x is stored as string and declared as int"):
        decide(step["silver.s"], lake.state("silver.s"))


# --- Silver -------------------------------------------------------------------------------------------------------


def test_only_batches_above_the_offset_are_read_at_the_pin(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    assert idle(lake, "silver.s") == "no new rows in bronze.a"
    land(lake, "2.csv")
    load(lake, 2, lake.state("bronze.a").files[1:])
    found = work(lake, "silver.s")
    (read,) = found.inputs
    assert (read.version, read.since, read.offset) == (2, {"batch": 1}, {"id": "id-bronze.a", "version": 2, "batch": 2})
    assert (found.sequence, found.base, found.refresh) == (2, 1, "incremental")
    assert found.offsets == {"bronze.a": read.offset}
    assert found.reason == "new rows: bronze.a version 1 -> 2"
    assert read.describe() == "bronze.a version 2, batches after 1"


def test_s78_a_commit_without_data_is_not_new(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    from deltalake import DeltaTable

    DeltaTable(lake.path("bronze.a")).alter.set_table_properties({"mine": "1"}, raise_if_not_exists=False)
    assert lake.log("bronze.a").version == 2
    settle(lake, "silver.s", {"bronze.a": offset(lake, "bronze.a")})
    assert idle(lake, "silver.s") == "no new rows in bronze.a"


def test_s74_rows_that_somebody_changed_in_a_table_read_as_append_only_stop_its_readers(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    from deltalake import DeltaTable

    DeltaTable(lake.path("bronze.a")).delete()
    with pytest.raises(
        OffsetError, match=r"silver.s: version 2 of bronze.a \(DELETE\) changed rows in a table"
    ) as error:
        decided(lake, "silver.s")
    assert (
        error.value.fix == "RESTORE bronze.a to version 1, or make silver.s anew from its inputs:"
        " `lakehouse run --full-refresh silver.s`"
    )


def test_s74_what_was_changed_before_the_offset_is_settled_and_rows_appended_by_others_pass(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    from deltalake import DeltaTable

    DeltaTable(lake.path("bronze.a")).delete()
    silver(lake)
    lake.foreign("bronze.a")
    assert work(lake, "silver.s").reason == "new rows: bronze.a version 2 -> 3"


def test_s74_our_own_erasures_pass(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.write("bronze.a", 2, {"files": {"batch": 2}}, kind="erase", mode="overwrite")
    assert work(lake, "silver.s").inputs[0].version == 2


def test_s74_our_own_rewrites_are_no_news(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.write("bronze.a", 2, {"files": {"batch": 2}}, kind="rewrite", mode="overwrite")
    found = decided(lake, "silver.s")
    assert isinstance(found, Settle)
    assert isinstance(found.then, Idle)
    (looked,) = found.confirm
    assert looked.offsets["bronze.a"]["version"] == 2, "what comes next is read from there"


def test_s74_our_own_overwrite_of_another_kind_does_not_pass(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.write("bronze.a", 2, {"files": {"batch": 2}}, mode="overwrite")
    with pytest.raises(OffsetError, match=r"version 2 of bronze\.a"):
        decided(lake, "silver.s")


@pytest.mark.parametrize("read", [{"id": "another"}, {"version": 9}])
def test_s79_another_table_at_the_same_place_is_refused(lake: Lake, read: dict[str, Any]) -> None:
    bronze(lake, ["1.csv"])
    lake.create("silver.s", COLUMNS)
    lake.write("silver.s", 1, {"bronze.a": offset(lake, "bronze.a") | read})
    with pytest.raises(OffsetError, match=r"silver\.s: bronze\.a is another table than the one read before") as error:
        decided(lake, "silver.s")
    assert error.value.fix == "make silver.s anew from its inputs: `lakehouse run --full-refresh silver.s`"


def test_a_table_that_somebody_replaced_has_no_place(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.foreign("silver.s", "overwrite")
    with pytest.raises(OffsetError, match="where the table stands in its inputs cannot be told: version 2 replaced"):
        decided(lake, "silver.s")


def settle(lake: Lake, name: str, seen: dict[str, Any]) -> None:
    """An idle run notes which versions of the inputs it looked at, once."""
    found = decided(lake, name)
    assert isinstance(found, Settle)
    assert [dict(c.offsets) for c in found.confirm] == [seen]
    commits.confirm(lake.control, f"id-{name}", found.confirm, table=name, run="run-2")


# --- Gold ---------------------------------------------------------------------------------------------------------


def gold(lake: Lake, name: str = "gold.g", **changes: Any) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.create(name, {"x": "string", "n": "bigint"} if name == "gold.g" else COLUMNS)
    lake.write(name, 1, {"silver.s": offset(lake, "silver.s")}, **changes)


def test_the_first_run_reads_its_inputs_whole(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.create("gold.g", {"x": "string", "n": "bigint"})
    found = work(lake, "gold.g")
    assert (found.reason, found.refresh, found.inputs[0].since) == ("first run", "full", None)
    assert found.inputs[0].describe() == "silver.s version 1, whole"
    assert found.offsets == {"silver.s": {"id": "id-silver.s", "version": 1}}


@pytest.mark.parametrize("name", ["gold.g", "gold.q"])
def test_s85_a_table_whose_inputs_did_not_change_is_skipped(lake: Lake, name: str) -> None:
    gold(lake, name)
    assert idle(lake, name) == "no input changed"
    lake.write("silver.s", 1, {}, kind="optimize", confirmed=False, mode="append")
    assert work(lake, name).reason == "changed: silver.s version 1 -> 2"


def test_s85_an_input_that_only_got_another_property_did_not_change(lake: Lake) -> None:
    gold(lake)
    from deltalake import DeltaTable

    DeltaTable(lake.path("silver.s")).alter.set_table_properties({"mine": "1"}, raise_if_not_exists=False)
    settle(lake, "gold.g", {"silver.s": offset(lake, "silver.s")})
    assert idle(lake, "gold.g") == "no input changed"


def test_s79_a_function_of_its_inputs_takes_another_table_at_the_same_place_whole(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.create("gold.g", {"x": "string", "n": "bigint"})
    lake.write("gold.g", 1, {"silver.s": {"id": "another", "version": 1}})
    assert work(lake, "gold.g").inputs[0].offset == {"id": "id-silver.s", "version": 1}


def test_s88_another_definition_makes_it_anew_and_a_comment_does_not(tmp_path: Path, lake: Lake) -> None:
    gold(lake)
    other = compile_(project(tmp_path, TEXT.replace("limit: 1", "limit: 2")))["gold.g"]
    found = decide(other, lake.state("gold.g"))
    assert isinstance(found, Work)
    assert (found.reason, found.sequence) == ("its definition changed", 2)
    tagged = compile_(
        project(tmp_path, TEXT.replace("{from: silver.s, aggregate", "{from: silver.s, tags: t, aggregate"))
    )
    assert isinstance(decide(tagged["gold.g"], lake.state("gold.g")), Idle)


def test_s88_an_incremental_table_goes_on_under_another_definition(tmp_path: Path, lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    other = compile_(project(tmp_path, TEXT.replace("{from: bronze.a,", "{from: bronze.a, cleanse: [{trim: x}],")))
    assert isinstance(decide(other["silver.s"], lake.state("silver.s")), Idle)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT x, rand() AS r FROM silver.s",
        "SELECT x FROM silver.s WHERE current_date > '2024-01-01'",
        "SELECT x FROM silver.s WHERE '${run.date}' > '2024-01-01'",
    ],
)
def test_s85_a_query_that_changes_by_itself_runs_every_time(tmp_path: Path, sql: str) -> None:
    (tmp_path / "landing").mkdir()
    lake = Lake(project(tmp_path, TEXT.replace("SELECT x FROM silver.s", sql)))
    gold(lake, "gold.q")
    assert work(lake, "gold.q").reason.endswith("gives another value in every run")


def test_s85_an_aggregate_over_the_run_itself_runs_every_time(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    lake = Lake(project(tmp_path, TEXT.replace("{limit: 1}", "{limit: '${run.id}'}")))
    gold(lake)
    assert work(lake, "gold.g").reason == "${run.id} gives another value in every run"


def test_a_query_over_no_table_runs_once(tmp_path: Path) -> None:
    lake = Lake(project(tmp_path, "gold: {q: {sql: SELECT 'a' AS x}}\n"))
    found = decided(lake, "gold.q")
    assert isinstance(found, Create)
    assert isinstance(found.then, Work)
    lake.create("gold.q", COLUMNS)
    lake.write("gold.q", 1, {})
    assert idle(lake, "gold.q") == "no input changed"


# --- lookups and several inputs -----------------------------------------------------------------------------------

SEVERAL = """
bronze:
  a: {source: {format: csv, path: landing}, schema: {x: string}}
  b: {source: {format: csv, path: other}, schema: {x: string}}
silver:
  s: {from: bronze.a, cleanse: [{join: {table: bronze.b, using: x, how: semi}}], schema: {x: string}}
  m: {from: bronze.a, cleanse: [{join: {table: bronze.b, using: x, how: semi}}], schema: {x: string}, overwrite: true}
  u: {from: [bronze.a, bronze.b], schema: {x: string}}
  v: {from: [bronze.a, {table: bronze.b, version: 1}], schema: {x: string}, append: {keys: x}}
"""


@pytest.fixture
def several(tmp_path: Path) -> Lake:
    for folder in ("landing", "other"):
        (tmp_path / folder).mkdir()
    lake = Lake(project(tmp_path, SEVERAL))
    for name in ("bronze.a", "bronze.b"):
        lake.create(name, BRONZE)
        lake.write(name, 1, {"files": {"batch": 1}})
    for name in ("silver.s", "silver.m", "silver.u", "silver.v"):
        lake.create(name, COLUMNS)
    return lake


def done(lake: Lake, name: str, sequence: int = 1) -> dict[str, Any]:
    """Do what the step has to do; gives the offsets."""
    found = work(lake, name)
    assert found.sequence == sequence
    lake.write(name, sequence, found.offsets)
    return dict(found.offsets)


def test_s45_a_lookup_that_moved_alone_is_no_work_for_a_step_that_reads_on(several: Lake) -> None:
    found = work(several, "silver.s")
    assert [r.describe() for r in found.inputs] == [
        "bronze.a version 1, batches after 0", "bronze.b version 1, whole, as a lookup",
    ]  # fmt: skip
    assert found.offsets["bronze.b"] == {"id": "id-bronze.b", "version": 1}
    for name in ("silver.s", "silver.m"):
        done(several, name)
    several.write("bronze.b", 2, {"files": {"batch": 2}}, mode="overwrite")
    before = several.log("silver.s").version
    assert idle(several, "silver.s") == "no new rows in bronze.a", "nor is anything noted of it"
    assert several.log("silver.s").version == before
    assert work(several, "silver.m").reason == "changed: bronze.b version 1 -> 2"
    several.write("bronze.a", 2, {"files": {"batch": 2}})
    assert done(several, "silver.s", 2)["bronze.b"] == {"id": "id-bronze.b", "version": 2}


def test_s74_rows_that_changed_in_a_lookup_stop_no_step_and_in_an_input_they_do(several: Lake) -> None:
    for name in ("silver.s", "silver.u"):
        done(several, name)
    several.foreign("bronze.b", mode="overwrite")
    several.write("bronze.a", 2, {"files": {"batch": 2}})
    assert work(several, "silver.s")
    with pytest.raises(OffsetError, match=r"bronze\.b"):
        decided(several, "silver.u")


def test_each_of_several_inputs_goes_on_from_its_own_place(several: Lake) -> None:
    assert {n: o["batch"] for n, o in done(several, "silver.u").items()} == {"bronze.a": 1, "bronze.b": 1}
    assert idle(several, "silver.u") == "no new rows in bronze.a, bronze.b"
    several.write("bronze.b", 2, {"files": {"batch": 2}})
    found = work(several, "silver.u")
    assert found.reason == "new rows: bronze.b version 1 -> 2"
    assert [(r.how, r.since) for r in found.inputs] == [("nothing new", {"batch": 1}), ("new rows", {"batch": 1})]
    assert {n: o["batch"] for n, o in found.offsets.items()} == {"bronze.a": 1, "bronze.b": 2}


def test_an_input_at_a_version_is_read_once(several: Lake) -> None:
    several.write("bronze.b", 2, {"files": {"batch": 2}})
    assert done(several, "silver.v")["bronze.b"]["version"] == 1
    assert idle(several, "silver.v") == "no new rows in bronze.a, bronze.b"
    several.write("bronze.a", 2, {"files": {"batch": 2}})
    assert [r.how for r in work(several, "silver.v").inputs] == ["new rows", "nothing new"]
    several.write("bronze.b", 3, {"files": {"batch": 3}})
    done(several, "silver.v", 2)
    assert idle(several, "silver.v"), "what it is now is of no interest"


def test_s93_a_table_that_was_looked_up_before_is_read_from_its_beginning(several: Lake) -> None:
    looked_up = {"id": "id-bronze.b", "version": 1}
    several.write("silver.u", 1, {"bronze.a": {"id": "id-bronze.a", "version": 1, "batch": 1}, "bronze.b": looked_up})
    found = work(several, "silver.u")
    assert [(r.how, r.since) for r in found.inputs] == [("nothing new", {"batch": 1}), ("new rows", {"batch": 0})]


def test_s93_a_table_that_becomes_a_lookup_keeps_the_place_of_its_rows(several: Lake) -> None:
    read = {"id": "id-bronze.b", "version": 1, "batch": 1}
    several.write("silver.s", 1, {"bronze.a": {"id": "id-bronze.a", "version": 1, "batch": 1}, "bronze.b": read})
    several.write("bronze.b", 2, {"files": {"batch": 2}})
    several.write("bronze.a", 2, {"files": {"batch": 2}})
    assert work(several, "silver.s").offsets["bronze.b"] == read, "should its rows be read again, none comes twice"


# --- replay -------------------------------------------------------------------------------------------------------


def test_a_replay_keeps_what_idle_runs_looked_at(lake: Lake) -> None:
    """Else it would set the offset back to versions whose history may have expired by now."""
    bronze(lake, ["1.csv"])
    silver(lake)
    from deltalake import DeltaTable

    DeltaTable(lake.path("bronze.a")).alter.set_table_properties({"mine": "1"}, raise_if_not_exists=False)
    seen = {"bronze.a": offset(lake, "bronze.a")}
    settle(lake, "silver.s", seen)
    found = decide_replay(lake.plan["silver.s"], lake.state("silver.s"))
    assert isinstance(found, Work)
    assert (found.kind, found.sequence, found.offsets) == ("replay", 2, seen)


def test_a_replay_that_may_still_commit_is_ended_first(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    commits.plan(lake.control, replace(lake.signature("silver.s", 2, {}, attempt="r"), kind="replay"), table="silver.s")
    found = decide_replay(lake.plan["silver.s"], lake.state("silver.s"))
    assert isinstance(found, Work)
    assert (found.refresh, found.sequence, found.reason) == ("none", 2, "an unfinished replay is ended")
    lake.write("silver.s", 2, {"bronze.a": offset(lake, "bronze.a")})
    then = decide_replay(lake.plan["silver.s"], lake.state("silver.s"))
    assert isinstance(then, Settle)
    assert then.clean == ((2, "r"),)


# --- change feeds -------------------------------------------------------------------------------------------------

FOLLOWED = """
bronze:
  a: {source: {format: csv, path: landing}, schema: {x: string}}
silver:
  s: {from: bronze.a, schema: {x: string}, merge: {keys: x, sequence_by: _batch}}
  t: {from: silver.s, schema: {x: string}, merge: {keys: x}}
  l: {from: bronze.a, schema: {x: string}}
  m: {from: silver.l, schema: {x: string}}
"""
MERGED = {"x": "string", "_sequence": "bigint"}


@pytest.fixture
def followed(tmp_path: Path) -> Lake:
    """Two tables with a reader each, which has read all."""
    (tmp_path / "landing").mkdir()
    lake = Lake(project(tmp_path, FOLLOWED))
    for name, reader in (("silver.s", "silver.t"), ("silver.l", "silver.m")):
        lake.create(name, MERGED if name == "silver.s" else COLUMNS)
        lake.create(reader, MERGED if name == "silver.s" else COLUMNS)
        lake.write(name, 1, {})
        lake.write(reader, 1, {name: {"id": f"id-{name}", "version": 1, "feed": True}})
    return lake


def quiet(lake: Lake) -> bool:
    """Whether silver.t has nothing to do but to note what it looked at."""
    found = decided(lake, "silver.t")
    return isinstance(found, Settle) and isinstance(found.then, Idle) and bool(found.confirm)


def test_s75_s76_whole_at_first_then_what_changed_since(followed: Lake) -> None:
    assert idle(followed, "silver.t").startswith("no new rows in silver.s")
    followed.write("silver.s", 2, {}, mode="overwrite")
    found = work(followed, "silver.t")
    assert (found.reason, found.offsets["silver.s"]) == (
        "changes: silver.s version 1 -> 2", {"id": "id-silver.s", "version": 2, "feed": True},
    )  # fmt: skip
    (read,) = found.inputs
    assert (read.feed, read.since, read.version, read.how) == ("changes", {"version": 1}, 2, "change feed")
    assert read.describe() == "silver.s version 2, what changed since version 1: change feed"
    followed.write("silver.t", 2, {"silver.s": {"id": "id-silver.s", "version": 2}})
    (read,) = work(followed, "silver.t").inputs
    assert read.since is None, "read until now, but not by its feed"
    assert read.describe() == "silver.s version 2, whole, later on its change feed"


def test_s74_rows_added_to_another_table_and_a_change_of_it_that_stops(followed: Lake) -> None:
    followed.write("silver.l", 2, {})
    (read,) = work(followed, "silver.m").inputs
    assert read.describe() == "silver.l version 2, rows added since version 1: change feed"
    followed.foreign("silver.l", mode="overwrite")
    with pytest.raises(OffsetError, match=r"version 3 of silver\.l") as error:
        decided(followed, "silver.m")
    assert error.value.code == "offset.changed"


def test_s78_versions_that_keep_all_rows_are_left_out_and_alone_no_work(followed: Lake) -> None:
    followed.write("silver.s", 2, {}, kind="rewrite", mode="overwrite")
    assert quiet(followed)
    followed.write("silver.s", 3, {})
    (read,) = work(followed, "silver.t").inputs
    assert (read.since, read.version, read.without) == ({"version": 2}, 3, (2,))


def test_s79_what_was_not_recorded_or_is_another_table_stops_the_reader(followed: Lake) -> None:
    table = DeltaTable(followed.path("silver.s"))
    table.alter.set_table_properties({"delta.enableChangeDataFeed": "false"})
    assert quiet(followed), "nothing was changed meanwhile"
    followed.foreign("silver.s")
    table.update_incremental()
    table.alter.set_table_properties({"delta.enableChangeDataFeed": "true"})
    with pytest.raises(OffsetError, match=r"what version 3 of silver\.s changed was not recorded") as error:
        decided(followed, "silver.t")
    assert error.value.code == "offset.feed"
    shutil.rmtree(followed.path("silver.s"))
    followed.create("silver.s", MERGED)
    with pytest.raises(OffsetError, match="another table") as error:
        decided(followed, "silver.t")
    assert error.value.code == "offset.recreated"
    assert "make silver.t anew" in error.value.fix


def test_s79_a_restore_of_what_was_read_stops_and_one_of_what_was_not_is_left_out(followed: Lake) -> None:
    followed.write("silver.s", 2, {})
    DeltaTable(followed.path("silver.s")).restore(1)
    assert quiet(followed)
    followed.write("silver.s", 3, {})
    (read,) = work(followed, "silver.t").inputs
    assert (read.version, read.without) == (4, (2, 3))
    DeltaTable(followed.path("silver.s")).restore(0)
    with pytest.raises(OffsetError, match="put back what there was before version 1") as error:
        decided(followed, "silver.t")
    assert error.value.code == "offset.undone"
