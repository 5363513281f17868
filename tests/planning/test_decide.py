"""What a step has to do, decided against small real tables: created, settled, altered, worked on, left alone, refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.control import commits
from lakehouse.control.ledger import Ledger
from lakehouse.errors import OffsetError, StepError
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.decide import Alter, Create, Decision, Idle, Settle, Work, decide
from lakehouse.sources.base import SourceFile
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
    assert [f.path for f in work(lake, "bronze.a", again=Again(failed=True)).batches[0].files] == [second.path]


def test_a_planned_batch_is_replayed_with_the_same_files_before_anything_new(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    land(lake, "2.csv", "3.csv")
    second = next(f for f in lake.state("bronze.a").files if f.path.endswith("2.csv"))
    ledger(lake, "bronze.a").plan(2, "a2", [second], ingested_at=NOON)
    found = work(lake, "bronze.a")
    (batch,) = found.batches
    assert (batch.number, batch.files, batch.ingested_at, batch.replay) == (2, (second,), NOON, True)
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
    assert found.reason == "rejected rows of a dead attempt at 1 are removed"


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
        error.value.fix
        == "RESTORE bronze.a to version 1, or delete the table silver.s to have it made anew from its inputs"
    )


def test_s74_what_was_changed_before_the_offset_is_settled_and_rows_appended_by_others_pass(lake: Lake) -> None:
    bronze(lake, ["1.csv"])
    from deltalake import DeltaTable

    DeltaTable(lake.path("bronze.a")).delete()
    silver(lake)
    lake.foreign("bronze.a")
    assert work(lake, "silver.s").reason == "new rows: bronze.a version 2 -> 3"


@pytest.mark.parametrize("kind", ["rewrite", "erase"])
def test_s74_our_own_rewrites_and_erasures_pass(lake: Lake, kind: str) -> None:
    bronze(lake, ["1.csv"])
    silver(lake)
    lake.write("bronze.a", 2, {"files": {"batch": 2}}, kind=kind, mode="overwrite")
    assert work(lake, "silver.s").inputs[0].version == 2


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
    assert error.value.fix == "delete the table silver.s to have it made anew from its inputs"


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
