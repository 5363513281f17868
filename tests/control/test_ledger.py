"""Planning through one look at the ledger: of two planners one wins."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.control import commits
from lakehouse.control.commits import Confirmation
from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control, PlanConflict
from lakehouse.control.upkeep import upkeep
from lakehouse.lake.signature import Signature
from lakehouse.sources.base import SourceFile
from lakehouse.state.ledger import judge, stand
from lakehouse.state.place import Commits
from tests.models.bridge import commit, history

AT = datetime(2024, 1, 1, tzinfo=UTC)
ONE, TWO = SourceFile("/a.csv", 1, AT, {"d": "x"}), SourceFile("/b.csv", 2, AT)
CREATED = history([commit(0, "CREATE TABLE")], None)


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(str(tmp_path))


def look(control: Control, table_id: str = "t") -> Ledger:
    ledger = Ledger.open(control, table_id, table="bronze.x", run="r")
    stand(ledger, CREATED, Commits())
    return ledger


def test_of_two_planners_one_conflicts_and_decides_anew(control: Control) -> None:
    look(control, "other").plan(1, "p", [ONE])
    first, second = look(control), look(control)
    first.plan(1, "a", [ONE])
    with pytest.raises(PlanConflict):
        second.plan(1, "b", [ONE])
    assert look(control).rows.num_rows == 1


def test_planners_of_a_ledger_that_is_not_made_yet_conflict_too(control: Control) -> None:
    first, second = look(control), look(control)
    assert not Path(control.path("files")).exists(), "a look writes nothing"
    first.plan(1, "a", [ONE])
    with pytest.raises(PlanConflict):
        second.plan(1, "b", [ONE])


def test_a_planner_plans_on_through_its_own_look(control: Control) -> None:
    ledger = look(control)
    ledger.plan(1, "a", [ONE])
    stale = look(control)
    ledger.plan(2, "a", [TWO])
    with pytest.raises(PlanConflict):
        stale.plan(2, "b", [TWO])


def test_plans_of_other_tables_other_rows_and_upkeep_do_not_conflict(control: Control) -> None:
    look(control).plan(1, "a", [ONE])
    ledger = look(control)
    look(control, "other").plan(1, "b", [ONE])
    look(control).result(1, "a", 1, rows=3)
    look(control).void([1])
    for _ in range(5):
        look(control).changed([ONE])
    assert any("compacted" in done for done in upkeep(control, force=True))
    ledger.plan(2, "a", [TWO])


def test_a_plan_without_a_look_at_the_log_is_refused(control: Control) -> None:
    with pytest.raises(ValueError, match="log"):
        Ledger.open(control, "t", table="bronze.x").plan(1, "a", [ONE])


def test_s3_a_replay_has_all_that_was_fixed(control: Control) -> None:
    look(control).plan(1, "a", [TWO, ONE], ingested_at=AT, fixed={"columns": {"a": "string"}})
    found = judge(look(control).rows, CREATED, Commits()).open
    assert found is not None
    assert (found.files, found.ingested_at, found.fixed, found.work) == (
        (ONE, TWO),
        AT,
        {"columns": {"a": "string"}},
        "data",
    )


def test_a_plan_without_files_takes_its_number(control: Control) -> None:
    look(control).plan(1, "a", [], work="replay")
    assert judge(look(control).rows, CREATED, Commits()).next_batch == 2


def test_rows_of_commits_come_back(control: Control) -> None:
    assert Commits.read(control, "t") == Commits()
    signature = Signature("t", "r", "a", "data", 1, 0, "d")
    commits.plan(control, signature, table="silver.x")
    done = Confirmation(1, "a", 2, {"bronze.y": {"id": "i", "version": 3, "batch": 4}})
    commits.confirm(control, "t", [done], restores={1: 0, 5: None}, table="silver.x", run="r")
    commits.clean(control, "t", [(1, "b")], table="silver.x", run="r")
    commits.plan(control, Signature("u", "r", "a", "data", 1, 0, "d"), table="silver.z")
    found = Commits.read(control, "t")
    assert (found.planned, found.confirmed, found.cleaned) == (((1, "a"),), (done,), {(1, "b")})
    assert found.restores == {1: 0, 5: None}
    assert DeltaTable(control.path("commits")).version() == 4, "RESTOREs and what is confirmed are one commit"


def test_a_listing_is_noted_by_its_beginning_and_no_file_by_it(control: Control) -> None:
    look(control).listed(AT, "hash")
    (row,) = look(control).rows.to_pylist()
    assert {k: v for k, v in row.items() if v is not None} == {"kind": "listed", "at": AT, "fixed": "hash"}
    standing = judge(look(control).rows, CREATED, Commits())
    assert (standing.new_files([ONE]), standing.next_batch, standing.open) == ([ONE], 1, None)
