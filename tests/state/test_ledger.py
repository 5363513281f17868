"""What the ledger and the log say together: rows of design.md section 3, and every reachable state of the ledger's model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.control.ledger import COLUMNS, Ledger
from lakehouse.control.store import Control
from lakehouse.control.tables import FILES
from lakehouse.errors import OffsetError
from lakehouse.lake import lineage as lineages
from lakehouse.lake.lineage import Between
from lakehouse.sources.base import SourceFile
from lakehouse.state import ledger as ledgers
from lakehouse.state.known import Again
from lakehouse.state.ledger import Result, Standing, judge, stand
from lakehouse.state.place import Commits, Confirmation
from tests.models import ledger_model as model
from tests.models.bridge import EPOCH, History, commit, file, history, ledger, ours, reachable

LIMIT = 1200
NONE = Commits()


def rows(*found: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(found), schema=pa.schema([(c, FILES.columns[c]) for c in COLUMNS]))


def planned(
    batch: int, *files: SourceFile, attempt: str = "p", base: int = 0, work: str = "data"
) -> list[dict[str, Any]]:
    common = {"kind": "planned", "batch": batch, "attempt": attempt, "version": base, "work": work}
    return [common | of(f) for f in files] or [common]


def of(found: SourceFile) -> dict[str, Any]:
    return {"path": found.path, "size": found.size, "modified": found.modified}


def result(batch: int, attempt: str, version: int) -> dict[str, Any]:
    return {"kind": "result", "batch": batch, "attempt": attempt, "version": version}


A, B, C = file(1, 0), file(2, 0), file(3, 0)
CREATED = commit(0, "CREATE TABLE")


def empty() -> Standing:
    return judge(rows(), history([CREATED], None), NONE)


def test_a_new_table_has_everything_to_load_in_the_order_of_s2() -> None:
    standing = empty()
    assert (standing.next_batch, standing.new_files([C, A, B])) == (1, [A, B, C])


def test_s1_a_loaded_file_is_known_by_its_path_and_its_change_is_told_once() -> None:
    ledger_rows = [*planned(1, A, B), result(1, "p", 1)]
    log = history([CREATED, ours(1, 1, "p", 0)], 1)
    changed = SourceFile(A.path, A.size + 1, A.modified)
    standing = judge(rows(*ledger_rows), log, NONE)
    assert standing.new_files([changed, B, C]) == [C]
    assert standing.changed_files([changed, B, C]) == [changed]
    noted = judge(rows(*ledger_rows, {"kind": "changed"} | of(changed)), log, NONE)
    assert noted.changed_files([changed, B, C]) == []
    later = SourceFile(A.path, A.size, A.modified + timedelta(milliseconds=1))
    assert noted.changed_files([later]) == [later]


def test_s1_with_allow_overwrites_a_file_is_known_by_path_time_and_size() -> None:
    standing = judge(rows(*planned(1, A, B), result(1, "p", 1)), history([CREATED, ours(1, 1, "p", 0)], 1), NONE)
    changed = SourceFile(A.path, A.size, A.modified + timedelta(seconds=1))
    assert standing.new_files([A, changed, B], allow_overwrites=True) == [changed]


def test_force_takes_all() -> None:
    standing = judge(rows(*planned(1, A, B), result(1, "p", 1)), history([CREATED, ours(1, 1, "p", 0)], 1), NONE)
    assert standing.new_files([B, A], again=Again(loaded=True)) == [A, B]


def test_s4_a_failed_file_is_taken_again_when_it_changed_or_when_asked() -> None:
    failed = {"kind": "failed", "batch": 1, "attempt": "p", "error": "gone"} | of(B)
    standing = judge(
        rows(*planned(1, A, B), failed, result(1, "p", 1)), history([CREATED, ours(1, 1, "p", 0)], 1), NONE
    )
    assert standing.new_files([A, B]) == []
    assert standing.new_files([A, B], again=Again(failed=True)) == [B]
    assert standing.new_files([A, B], allow_overwrites=True, again=Again(failed=True)) == [B]
    bigger = SourceFile(B.path, B.size + 1, B.modified)
    assert standing.new_files([A, bigger]) == [bigger]
    status = {r["path"]: (r["status"], r["error"]) for r in standing.known.newest.to_pylist()}
    assert status == {A.path: ("loaded", None), B.path: ("failed", "gone")}


def test_s4_a_failed_row_counts_only_when_its_attempt_committed() -> None:
    failed = {"kind": "failed", "batch": 1, "attempt": "dead", "error": "gone"} | of(B)
    standing = judge(
        rows(*planned(1, A, B), failed, result(1, "p", 1)), history([CREATED, ours(1, 1, "p", 0)], 1), NONE
    )
    assert standing.new_files([A, B], again=Again(failed=True)) == []


def test_s26_skipped_files_stay_out_until_a_batch_takes_them() -> None:
    skipped = [{"kind": "skipped"} | of(f) for f in (A, B)]
    standing = judge(rows(*skipped), history([CREATED], None), NONE)
    assert standing.new_files([A, B, C]) == [C]
    assert standing.new_files([A, B, C], allow_overwrites=True, again=Again(failed=True)) == [C]
    taken = judge(rows(*skipped, *planned(1, A), result(1, "p", 1)), history([CREATED, ours(1, 1, "p", 0)], 1), NONE)
    assert {r["path"]: r["status"] for r in taken.known.newest.to_pylist()} == {A.path: "loaded", B.path: "skipped"}


def test_an_open_batch_is_replayed_with_its_files_and_what_was_fixed() -> None:
    open_rows = planned(2, C, B, attempt="x", base=1)
    open_rows[0] |= {"ingested_at": EPOCH, "fixed": '{"columns":{"a":"string"}}', "partitions": '{"d":null}'}
    standing = judge(
        rows(*planned(1, A), result(1, "p", 1), *open_rows), history([CREATED, ours(1, 1, "p", 0)], 1), NONE
    )
    assert standing.open is not None
    assert (standing.open.batch, standing.open.attempt, standing.open.ingested_at) == (2, "x", EPOCH)
    assert standing.open.files == (B, SourceFile(C.path, C.size, C.modified, {"d": None}))
    assert standing.open.fixed == {"columns": {"a": "string"}}
    assert standing.new_files([A, B, C]) == []
    assert standing.next_batch == 3


@pytest.mark.parametrize("work", ["replay", "erase"])
def test_an_unfinished_replay_or_erasure_is_voided_and_its_number_is_not_given_again(work: str) -> None:
    log = history([CREATED, ours(1, 1, "p", 0)], 1)
    unfinished = [*planned(1, A), result(1, "p", 1), *planned(2, work=work, base=1)]
    standing = judge(rows(*unfinished), log, NONE)
    assert (standing.undone, standing.open) == ((2,), None)
    settled = judge(rows(*unfinished, {"kind": "void", "batch": 2}), log, NONE)
    assert (settled.undone, settled.open, settled.next_batch) == ((), None, 3)


def test_s80_batches_that_a_restore_undid_are_voided_and_their_files_loaded_again() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1), commit(3, "RESTORE", version=1)], 2)
    two = [*planned(1, A), *planned(2, B, base=1), result(1, "p", 1), result(2, "q", 2)]
    assert judge(rows(*two), log, NONE).undone == (2,)
    settled = judge(rows(*two, {"kind": "void", "batch": 2}), log, NONE)
    assert (settled.undone, settled.new_files([A, B]), settled.next_batch) == ((), [B], 3)


def test_a_void_batch_that_another_restore_brought_back_is_loaded() -> None:
    entries = [
        CREATED,
        ours(1, 1, "p", 0),
        ours(2, 2, "q", 1),
        commit(3, "RESTORE", version=1),
        commit(4, "RESTORE", version=2),
    ]
    two = [*planned(1, A), *planned(2, B, base=1), result(1, "p", 1), result(2, "q", 2), {"kind": "void", "batch": 2}]
    assert judge(rows(*two), history(entries, 2), NONE).new_files([A, B]) == []


def test_a_plan_older_than_a_restore_is_voided() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), ours(2, 2, "q", 1), commit(3, "RESTORE", version=2)], 2)
    three = [*planned(1, A), *planned(2, B, base=1), *planned(3, C, base=2), result(1, "p", 1), result(2, "q", 2)]
    assert judge(rows(*three), log, NONE).undone == (3,)
    fresh = [*three[:2], *planned(3, C, base=3), *three[3:]]
    assert judge(rows(*fresh), log, NONE).undone == ()


def test_a_late_result_is_told_before_anything_else() -> None:
    log = history([CREATED, ours(1, 1, "q", 0)], 1)
    standing = judge(rows(*planned(1, A), *planned(2, B)), log, NONE)
    assert standing.late_results == (Result(1, "q", 1),)
    assert standing.open is None


def test_a_batch_loaded_while_the_table_was_restored_is_refused() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), commit(2, "RESTORE", version=0), ours(3, 2, "q", 1)], 2)
    with pytest.raises(OffsetError, match="batch 2"):
        judge(rows(*planned(1, A), *planned(2, B), result(1, "p", 1)), log, NONE)


def test_a_table_with_a_sequence_and_no_ledger_says_what_to_do() -> None:
    with pytest.raises(OffsetError, match="bring `_lakehouse` back from a backup"):
        judge(rows(), history([CREATED, ours(1, 1, "p", 0)], 1), NONE, table="bronze.x")


def test_expired_history_needs_somebody_who_saw_it() -> None:
    log = history([None, None, None, ours(3, 3, "r", 2)], 3)
    three = [*planned(1, A), *planned(2, B), *planned(3, C), result(1, "p", 1), result(3, "r", 3)]
    with pytest.raises(OffsetError, match="expired"):
        judge(rows(*three), log, NONE)
    seen = Commits(confirmed=(Confirmation(2, "q", 2),))
    assert judge(rows(*three), log, seen).undone == (2,), "a batch without a result is not loaded"
    assert judge(rows(*three, result(2, "q", 2)), log, NONE).new_files([A, B, C]) == []


def test_s79_a_foreign_replacement_is_refused() -> None:
    log = history([CREATED, ours(1, 1, "p", 0), commit(2, mode="Overwrite")], 1)
    with pytest.raises(OffsetError, match="replaced"):
        judge(rows(*planned(1, A), result(1, "p", 1)), log, NONE)


def test_new_files_among_many_that_are_known(tmp_path: Path) -> None:
    control = Control(str(tmp_path))
    files = [SourceFile(f"/landing/flights/{i:07d}.csv", i, EPOCH + timedelta(seconds=i)) for i in range(10_100)]
    log = history([CREATED, *(ours(v, v, f"a{v}", v - 1) for v in range(1, 21))], 20)
    many = [r for b in range(1, 21) for r in planned(b, *files[(b - 1) * 500 : b * 500], base=b - 1)]
    done = [result(b, f"a{b}", b) for b in range(1, 21)]
    control.append("files", [{"table_id": "t"} | r for r in [*many, *done]])
    standing = stand(Ledger.open(control, "t", table="bronze.x"), log, NONE)
    assert standing.new_files(files) == files[10_000:]
    assert (standing.changed_files(files), standing.next_batch) == ([], 21)


# --- the model ----------------------------------------------------------------------------------------------------


def _difference(state: Any) -> str | None:
    """Where the library and the model disagree about what an idle runner does first; None when they agree."""
    action, _ = next(model.step(model.V(), state._replace(run=(model.IDLE,)), 0))
    ledger_rows, log, marks = ledger(state)
    try:
        standing = judge(ledger_rows, log, marks)
    except OffsetError:
        return None if "refuses" in action else f"refused, the model: {action}"
    found = _first_action(state, standing, log, marks)
    return None if found in action else f"{found}, the model: {action}"


def _first_action(state: Any, standing: Standing, log: History, marks: Commits) -> str:
    if standing.late_results:
        return f"result of {standing.late_results[0].batch} late"
    if marks.unnoted(log):
        return f"notes RESTORE {sorted(marks.unnoted(log).items())}"
    if standing.undone:
        return f"voids {list(standing.undone)}"
    if standing.open is not None:
        found = [(int(f.path[9:-4]), f.modified.hour) for f in standing.open.files]
        assert set(found) == set(
            next(x[3] for x in state.led if x[0] == "planned" and x[1] == standing.open.batch and x[-1] == state.t.id)
        )
        return f"replays {standing.open.batch}"
    listing = [file(n, state.mt[n]) for n in range(1, state.files + 1)]
    new = [int(f.path[9:-4]) for f in standing.new_files(listing)]
    taken = model.taken(model.V(), state)
    expected = [f for f in range(1, state.files + 1) if f not in taken or taken[f] not in ("loaded", state.mt[f])]
    if sorted(new) != expected:
        return f"files {new} instead of {expected}"
    return f"decides {standing.next_batch}" if new else ("idle" if _unseen(standing, marks, log) else "done")


def _unseen(standing: Standing, marks: Commits, log: History) -> bool:
    seen = {c.version for c in marks.confirmed} | {v for _, _, v in ledgers._Marks(standing.rows).results}
    return bool(standing.sequence) and log.version not in seen


def _first_difference(states: Iterable[Any]) -> str | None:
    return next((d for state in states if (d := _difference(state))), None)


@pytest.mark.parametrize("scenario", model.SC)
def test_every_reachable_state_is_judged_as_the_model_judges_it(scenario: str) -> None:
    states = list(reachable(model, scenario, LIMIT))
    assert len(states) > 40
    assert _first_difference(states) is None


@pytest.mark.parametrize("scenario", model.SC)
def test_the_model_of_the_ledger_loses_and_doubles_nothing(scenario: str) -> None:
    assert model.explore(model.V(), model.SC[scenario], limit=5000)[1] is None


def _mutant_known(changed: Callable[..., Any]) -> Callable[[pytest.MonkeyPatch], None]:
    def mutate(monkeypatch: pytest.MonkeyPatch) -> None:
        original = ledgers.Known.of
        monkeypatch.setattr(ledgers.Known, "of", lambda *a: original(*changed(*a)))

    return mutate


def _anybodys(found: pa.Table, loaded: Any, void: Any, sequence: int) -> tuple[Any, ...]:
    """Every `failed` row claims to be of the attempt that committed."""
    claims = [
        loaded.get(b, a) if kind == "failed" else a
        for kind, b, a in zip(
            found["kind"].to_pylist(), found["batch"].to_pylist(), found["attempt"].to_pylist(), strict=True
        )
    ]
    place = found.column_names.index("attempt")
    return found.set_column(place, "attempt", pa.array(claims, pa.string())), loaded, void, sequence


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a RESTORE is not followed": lambda m: m.setattr(lineages, "is_restore", lambda _: False),
    "nobody looks between base and commit": lambda m: m.setattr(
        ledgers, "between", lambda *_: Between(False, False, False)
    ),
    "noted RESTOREs are forgotten": lambda m: m.setattr(ledgers, "expired_path", lambda cut, _: (range(cut + 1),)),
    "plans outlive a RESTORE": lambda m: m.setattr(
        ledgers, "_Plan", lambda work, _: SimpleNamespace(work=work, base=99)
    ),
    "failed rows count whoever committed": _mutant_known(_anybodys),
    "void for ever": _mutant_known(
        lambda r, loaded, void, s: (r, {b: a for b, a in loaded.items() if b not in void}, void, s)
    ),
    "only what is committed is known": _mutant_known(lambda r, loaded, void, s: (r, {}, void, s)),
}


_UNDONE, _TWICE = "lock, RESTORE, 1 crash", "lock, RESTORE twice, 1 crash"
WHERE_IT_SHOWS = {
    "a RESTORE is not followed": [_UNDONE],
    "nobody looks between base and commit": [_UNDONE, "no lock, 2 runners, RESTORE twice"],
    "noted RESTOREs are forgotten": ["lock, RESTORE twice, expiry twice"],
    "plans outlive a RESTORE": [_TWICE],
    "failed rows count whoever committed": ["lock, 2 crashes, repair"],
    "void for ever": [_TWICE],
    "only what is committed is known": [_UNDONE],
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_comparison_catches_a_broken_variant(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    assert (
        _first_difference(s for scenario in WHERE_IT_SHOWS[mutant] for s in reachable(model, scenario, 8000))
        is not None
    )
