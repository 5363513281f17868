"""A ledger made from the table's rows is judged like the one that was lost: in every reachable state of its model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.control.ledger import COLUMNS
from lakehouse.control.tables import FILES
from lakehouse.errors import OffsetError
from lakehouse.sources.base import SourceFile
from lakehouse.state.discovery import overdue
from lakehouse.state.ledger import judge
from lakehouse.state.place import Commits
from lakehouse.state.rebuild import LOST, Rebuilt, Stored, rebuild
from tests.models import ledger_model as model
from tests.models.bridge import History, commit, file, history, ledger, ours, reachable

LIMIT = 300
DAY = timedelta(days=1)
SCHEMA = pa.schema([(c, FILES.columns[c]) for c in COLUMNS])
CREATED = commit(0, "CREATE TABLE")
A, B, C = file(1, 0), file(2, 0), file(3, 0)


def rows(*found: Any) -> pa.Table:
    return pa.Table.from_pylist([{k: v for k, v in r.items() if k in COLUMNS} for r in found], schema=SCHEMA)


def stored(found: SourceFile, batch: int, count: int = 1) -> Stored:
    return Stored(found.path, found.modified, batch, count)


def listing(*found: SourceFile) -> dict[str, SourceFile]:
    return {f.path: f for f in found}


def kinds(found: Rebuilt) -> list[tuple[str, int | None, str | None]]:
    return [(r["kind"], r.get("batch"), r.get("path")) for r in found.rows]


def test_files_are_loaded_again_by_the_batches_of_their_rows() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1)], 2)
    found = rebuild(rows(), log, Commits(), [stored(A, 1, 7), stored(B, 2)], listing(A, C), attempt="x")
    assert kinds(found) == [("planned", 1, A.path), ("result", 1, None), ("planned", 2, B.path), ("result", 2, None)]
    assert [(r["attempt"], r["version"], r["rows"]) for r in found.rows if r["kind"] == "result"] == [
        ("p", 1, 7), ("q", 2, 1),
    ]  # fmt: skip
    assert found.confirm == ()
    standing = judge(rows(*found.rows), log, Commits())
    assert (standing.new_files([A, B, C]), standing.next_batch, standing.open) == ([C], 3, None)
    sizes = {r["path"]: r["size"] for r in standing.known.newest.to_pylist()}
    assert sizes == {A.path: A.size, B.path: None}


def test_the_size_is_that_of_the_file_only_while_it_is_as_it_was_loaded() -> None:
    log = history([CREATED, ours(1, 1, "p", 0)], 1)
    later = SourceFile(A.path, A.size + 1, A.modified + timedelta(seconds=1))
    found = rebuild(rows(), log, Commits(), [stored(A, 1)], listing(later), attempt="x")
    standing = judge(rows(*found.rows), log, Commits())
    assert (standing.new_files([later]), standing.changed_files([later])) == ([], [later])
    assert standing.new_files([later], allow_overwrites=True) == [later]


def test_with_allow_overwrites_each_version_of_a_file_is_known() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1)], 2)
    later = SourceFile(A.path, A.size, A.modified + timedelta(seconds=1))
    found = rebuild(rows(), log, Commits(), [stored(A, 1), stored(later, 2)], listing(later), attempt="x")
    assert judge(rows(*found.rows), log, Commits()).new_files([later], allow_overwrites=True) == []


def test_a_batch_without_rows_keeps_its_number() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1)], 2)
    found = rebuild(rows(), log, Commits(), [stored(A, 1)], {}, attempt="x")
    assert kinds(found)[2:] == [("planned", 2, None), ("result", 2, None)]
    assert judge(rows(*found.rows), log, Commits()).next_batch == 3


def test_batches_that_a_restore_undid_are_not_known_and_their_numbers_not_given_again() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1), commit(3, "RESTORE", version=1)], 2)
    found = rebuild(rows(), log, Commits(), [stored(A, 1)], {}, attempt="x")
    assert kinds(found)[2:] == [("planned", 2, None), ("void", 2, None)]
    standing = judge(rows(*found.rows), log, Commits())
    assert (standing.new_files([A, B]), standing.undone, standing.next_batch) == ([B], (), 3)


def test_expired_history_is_vouched_for_by_the_rows() -> None:
    log = history([None, None, None, ours(3, 3, "r", 2)], 3)
    found = rebuild(rows(), log, Commits(), [stored(A, 1), stored(C, 3)], {}, attempt="x")
    assert [(c.version, c.offsets) for c in found.confirm] == [(2, {"files": {"batch": 1}})]
    standing = judge(rows(*found.rows), log, Commits(confirmed=found.confirm))
    assert (standing.new_files([A, B, C]), standing.loaded, standing.next_batch) == ([B], {3: "r", 1: "x"}, 4)
    everything = history([None, None, None, commit(3, "OPTIMIZE")], 3)
    gone = rebuild(rows(), everything, Commits(), [stored(A, 1)], {}, attempt="x")
    assert kinds(gone)[-2:] == [("planned", 3, None), ("void", 3, None)]


def test_an_older_ledger_gets_what_it_lacks() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1), ours(3, 3, "r", 2)], 3)
    whole = rebuild(rows(), log, Commits(), [stored(f, n) for n, f in enumerate((A, B, C), 1)], {}, attempt="x")
    older = rows(*(r for r in whole.rows if r["batch"] == 1))
    with pytest.raises(OffsetError, match="has loaded 3 batches and its ledger knows 1") as refused:
        judge(older, log, Commits(), table="bronze.x")
    assert refused.value.code in LOST
    assert "lakehouse files bronze.x --rebuild" in refused.value.fix
    more = rebuild(older, log, Commits(), [stored(f, n) for n, f in enumerate((A, B, C), 1)], {}, attempt="x")
    assert [r["batch"] for r in more.rows] == [2, 2, 3, 3]
    assert judge(rows(*older.to_pylist(), *more.rows), log, Commits()).new_files([A, B, C]) == []


def test_a_ledger_that_knew_of_a_listing_asks_for_another() -> None:
    log = history([CREATED, ours(1, 1, "p", 0)], 1)
    listed = {"kind": "listed", "fixed": "hash", "at": A.modified}
    assert rebuild(rows(listed), log, Commits(), [stored(A, 1)], {}, attempt="x").rows[-1] == {"kind": "listed"}
    assert overdue(rows(listed), "hash", DAY, A.modified) == ""
    after = rows(listed, {"kind": "listed", "at": A.modified + timedelta(seconds=1)})
    assert overdue(after, "hash", DAY, A.modified + timedelta(seconds=2)) == "the ledger was made anew"


def test_rows_of_a_batch_that_is_no_commit_are_refused() -> None:
    log = history([CREATED, ours(1, 1, "p", 0)], 1)
    for batch in (2, -1):
        with pytest.raises(OffsetError, match=f"rows of batch {batch}") as refused:
            rebuild(rows(), log, Commits(), [stored(A, 1), stored(B, batch)], {}, attempt="x")
        assert refused.value.code == "ledger.foreign"


def test_a_table_that_was_restored_under_a_load_is_still_refused() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), commit(2, "RESTORE", version=0), ours(3, 2, "q", 1)], 2)
    with pytest.raises(OffsetError) as refused:
        rebuild(rows(), log, Commits(), [stored(B, 2)], {}, attempt="x")
    assert refused.value.code == "offset.restored"


def test_s26_skipped_files_stay_out() -> None:
    log = history([CREATED, ours(1, 1, "p", 0)], 1)
    found = rebuild(rows(), log, Commits(), [stored(B, 1)], {}, attempt="x", skipped=[A])
    assert judge(rows(*found.rows), log, Commits()).new_files([A, B, C]) == [C]


# --- the model ----------------------------------------------------------------------------------------------------


def _content(state: Any) -> list[tuple[int, int]] | None:
    """(file, batch) of the newest version's rows; None where the model does not tell the batch of an expired commit."""
    numbers = {x[3]: x[1] for x in state.led if x[0] == "result" and x[-1] == state.t.id}
    contents: list[Counter[tuple[int, int]]] = []
    for version, (entry, snap) in enumerate(zip(state.t.hist, state.t.snaps, strict=True)):
        before = contents[-1] if contents else Counter()
        new = Counter(snap) - Counter(f for f, _ in before.elements())
        if Counter(snap) - new != Counter(f for f, _ in before.elements()):  # a RESTORE took rows away
            contents.append(next(contents[v] for v in range(version) if Counter(state.t.snaps[v]) == Counter(snap)))
            continue
        batch = entry[1] if entry and entry[0] == "ours" else numbers.get(version)
        if new and not batch:
            return None
        contents.append(before + Counter({(f, batch): n for f, n in new.items() if batch}))
    return sorted(contents[-1].elements()) if contents else []


def _rebuilt(log: History, loaded: list[Stored], there: list[SourceFile]) -> Rebuilt | str:
    """What is made of an empty ledger, or the code of the refusal."""
    try:
        return rebuild(rows(), log, Commits(), loaded, listing(*there), attempt="x")
    except OffsetError as error:
        return error.code


@pytest.mark.parametrize("scenario", model.SC)
def test_a_rebuilt_ledger_loads_what_has_no_row_and_nothing_else(scenario: str) -> None:
    seen = 0
    for state in reachable(model, scenario, LIMIT):
        content = _content(state)
        if not state.t.txn or content is None:
            continue
        _, log, _ = ledger(state)
        there = [file(n, state.mt[n]) for n in range(1, state.files + 1)]
        loaded = [stored(file(f, state.mt[f] if f == 2 else 0), b) for f, b in content]
        found = _rebuilt(log, loaded, there)
        if isinstance(found, str):
            assert found in ("offset.restored", "ledger.foreign"), state
            continue
        marks = replace(Commits(), confirmed=found.confirm)
        standing = judge(rows(*found.rows), log, marks)
        assert standing.undone == (), state
        assert standing.open is None
        assert standing.next_batch == state.t.txn + 1
        new = [int(f.path[9:-4]) for f in standing.new_files(there)]
        assert sorted(new) == [n for n in range(1, state.files + 1) if n not in {f for f, _ in content}], state
        again = judge(rows(*found.rows, *found.rows), log, marks)
        assert [f.path for f in again.new_files(there)] == [f.path for f in standing.new_files(there)]
        seen += 1
    assert seen > 5
