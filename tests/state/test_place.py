"""Where a table stands: rows of semantics.md "Offsets", and every reachable state of the model of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from lakehouse.control.commits import CommitRows
from lakehouse.errors import OffsetError
from lakehouse.lake import lineage as lineages
from lakehouse.lake.lineage import Between
from lakehouse.lake.signature import Signature
from lakehouse.state import place as places
from lakehouse.state.place import Commits, Confirmation, Place, note, place, read_back, unconfirmed
from tests.models import protocol_model as model
from tests.models.bridge import commit, history, ours, protocol, reachable

LIMIT = 2500


def test_nothing_was_read_into_a_new_table() -> None:
    created = history([commit(0, "CREATE TABLE")], None)
    assert place(created, Commits()) == Place()


def test_the_newest_commit_of_ours_gives_the_place_and_foreign_commits_are_passed_over() -> None:
    log = history([commit(0, "CREATE TABLE"), ours(1, 1, "a", 0, 5), ours(2, 2, "b", 1, 7), commit(3, "OPTIMIZE")], 2)
    found = place(log, Commits())
    assert (found.sequence, found.attempt, found.version, found.offsets) == (2, "b", 2, {"in": {"version": 7}})


def test_a_commit_of_ours_without_txn_gives_no_place() -> None:
    log = history([commit(0, "CREATE TABLE"), ours(1, 1, "a", 0, 5), ours(2, 1, "x", 1, 99, kind="optimize")], 1)
    assert place(log, Commits()).attempt == "a"


def test_a_commit_signed_for_another_table_is_foreign() -> None:
    other = Signature("other", "r", "x", "data", 2, 1, "d", {"in": {"version": 9}})
    log = history([commit(0), ours(1, 1, "a", 0, 5), commit(2, "WRITE", other)], 1)
    assert place(log, Commits()).attempt == "a"


def test_a_restore_goes_on_at_its_version_and_keeps_the_sequence() -> None:
    log = history([commit(0), ours(1, 1, "a", 0, 5), ours(2, 2, "b", 1, 7), commit(3, "RESTORE", version=1)], 2)
    found = place(log, Commits())
    assert (found.sequence, found.attempt) == (2, "a")


def test_a_restore_of_ours_is_followed_like_any_other() -> None:
    signature = Signature("t", "r", "x", "restore", 3, 2, "d", {"in": {"version": 99}})
    entries = [commit(0), ours(1, 1, "a", 0, 5), ours(2, 2, "b", 1, 7), commit(3, "RESTORE", signature, version=1)]
    assert place(history(entries, 2), Commits()).attempt == "a"


def test_a_restore_to_before_our_first_commit_begins_at_nothing_with_the_sequence_kept() -> None:
    log = history([commit(0), ours(1, 1, "a", 0, 5), commit(2, "RESTORE", version=0)], 1)
    assert place(log, Commits()) == Place(1)


def test_a_restore_under_a_running_step_fails() -> None:
    log = history([commit(0), ours(1, 1, "a", 0, 5), commit(2, "RESTORE", version=0), ours(3, 2, "b", 1, 7)], 2)
    with pytest.raises(OffsetError, match="restored"):
        place(log, Commits())


@pytest.mark.parametrize("parameters", [{"version": None, "timestamp": "2024-01-01 00:00:00"}, {"mode": "x"}])
def test_a_restore_to_a_time_is_refused_with_the_remedy(parameters: dict[str, Any]) -> None:
    log = history([commit(0), ours(1, 1, "a", 0, 5), commit(2, "RESTORE", **parameters)], 1)
    with pytest.raises(OffsetError, match="VERSION AS OF"):
        place(log, Commits())
    again = history([*reversed(log.commits), commit(3, "RESTORE", version=1)], 1)
    assert place(again, Commits()).attempt == "a"


@pytest.mark.parametrize(
    ("operation", "parameters", "fails"),
    [
        ("WRITE", {"mode": "Overwrite"}, True),
        ("WRITE", {"mode": "Overwrite", "predicate": "(id < 10L)"}, False),
        ("WRITE", {"mode": "Overwrite", "isDynamicPartitionOverwrite": True}, False),
        ("WRITE", {"mode": "Append"}, False),
        ("CREATE OR REPLACE TABLE AS SELECT", {"partitionBy": "[]"}, True),
        ("REPLACE TABLE", {"partitionBy": "[]"}, True),
        ("CLONE", {"source": "x"}, True),
        ("UPDATE", {"predicate": "x"}, False),
        ("TRUNCATE", {"x": 1}, False),
        ("", {"x": 1}, True),
    ],
)
def test_a_foreign_replacement_fails_and_a_change_of_rows_does_not(
    operation: str, parameters: dict[str, Any], fails: bool
) -> None:
    log = history([commit(0), ours(1, 1, "a", 0, 5), commit(2, operation, **parameters)], 1)
    if fails:
        with pytest.raises(OffsetError):
            place(log, Commits())
    else:
        assert place(log, Commits()).attempt == "a"


def test_our_own_overwrite_is_no_replacement() -> None:
    mine = ours(2, 2, "b", 1, 7).signature
    log = history([commit(0), ours(1, 1, "a", 0, 5), commit(2, "WRITE", mine, mode="Overwrite")], 2)
    assert place(log, Commits()).attempt == "b"


def test_a_replacement_before_our_newest_commit_is_history_and_under_it_is_refused() -> None:
    entries = [commit(0), ours(1, 1, "a", 0, 5), commit(2, mode="Overwrite"), ours(3, 2, "b", 2, 7)]
    assert place(history(entries, 2), Commits()).attempt == "b"
    with pytest.raises(OffsetError):
        place(history([*entries[:3], ours(3, 2, "b", 1, 7)], 2), Commits())


def test_expired_history_needs_a_confirmed_row_of_exactly_that_version() -> None:
    log = history([None, None, None, commit(3, "OPTIMIZE")], 2)
    seen = Confirmation(2, "b", 2, {"in": {"version": 7}})
    assert place(log, Commits(confirmed=(seen,))).offsets == {"in": {"version": 7}}
    for version in (1, 3):
        with pytest.raises(OffsetError, match="expired"):
            place(log, Commits(confirmed=(Confirmation(2, "b", version, {}),)))


def test_expired_history_under_a_commit_needs_its_own_confirmation() -> None:
    log = history([None, None, ours(2, 2, "b", 0, 7)], 2)
    with pytest.raises(OffsetError, match="never confirmed"):
        place(log, Commits())
    assert place(log, Commits(confirmed=(Confirmation(2, "b", 2),))).attempt == "b"


def test_read_back_finds_this_very_attempt() -> None:
    log = history([commit(0), ours(1, 1, "a", 0), ours(2, 2, "b", 1), commit(3, "OPTIMIZE")], 2)

    def look(attempt: str, sequence: int = 2, base: int = 1) -> int | None:
        return read_back(log, Signature("t", "r", attempt, "data", sequence, base, "d"))

    assert look("b") == 2
    assert look("c") is None
    assert look("c", sequence=3) is None
    assert look("a", sequence=1, base=0) == 1


@pytest.mark.parametrize("between", [commit(1, "RESTORE", version=0), commit(1, mode="Overwrite"), None])
def test_read_back_refuses_a_commit_that_was_restored_under_it(between: Any) -> None:
    log = history([None if between is None else commit(0), between, ours(2, 1, "a", 0)], 1)
    with pytest.raises(OffsetError):
        read_back(log, Signature("t", "r", "a", "data", 1, 0, "d"))


def test_a_dead_attempts_commit_is_confirmed_only_when_its_read_back_would_have() -> None:
    entries = [
        commit(0),
        ours(1, 1, "a", 0, 5),
        commit(2, "RESTORE", version=0),
        ours(3, 2, "b", 1, 7),
        commit(4, "RESTORE", version=1),
    ]
    log = history(entries, 2)
    where = place(log, Commits())
    assert where.attempt == "a"
    assert unconfirmed(log, Commits(), where) == ()
    good = history(entries[:2], 1)
    assert unconfirmed(good, Commits(), place(good, Commits())) == (Confirmation(1, "a", 1, {"in": {"version": 5}}),)


def test_rows_of_an_attempt_that_another_overtook_go_and_those_that_a_restore_undid_stay() -> None:
    log = history([commit(0), ours(1, 1, "a", 0), ours(2, 2, "c", 1), commit(3, "RESTORE", version=1)], 2)
    rows = Commits(
        planned=((1, "a"), (2, "b"), (2, "c"), (3, "d")), confirmed=(Confirmation(1, "a", 1), Confirmation(2, "c", 2))
    )
    assert rows.committed(log) == {(1, "a")}
    assert rows.dead(log) == ((2, "b"),)
    assert rows.dead_attempts(log) == ("b",)
    cleaned = Commits(planned=rows.planned, confirmed=rows.confirmed, cleaned=frozenset({(2, "b")}))
    assert cleaned.dead(log) == ()


def test_an_attempt_that_holds_a_living_sequence_is_not_removed_by_its_name() -> None:
    log = history([commit(0), ours(1, 1, "a", 0), ours(2, 2, "c", 1)], 2)
    rows = Commits(planned=((1, "a"), (2, "a"), (2, "c")))
    assert rows.dead(log) == ((2, "a"),)
    assert rows.dead_attempts(log) == ()


def test_what_a_restore_undid_is_not_committed_after_its_history_expired() -> None:
    confirmed = (Confirmation(1, "a", 1), Confirmation(2, "b", 2), Confirmation(3, "c", 4))
    expired = history([None, None, None, None, ours(4, 3, "c", 3)], 3)
    assert Commits(confirmed=confirmed, restores={3: 1}).committed(expired) == {(1, "a"), (3, "c")}
    assert Commits(confirmed=confirmed).committed(expired) == {(1, "a"), (2, "b"), (3, "c")}
    back = history([None] * 5 + [commit(5, "RESTORE", version=2)], 3)
    assert Commits(confirmed=confirmed, restores={3: 1}).committed(back) == {(1, "a"), (2, "b")}


# --- the model ----------------------------------------------------------------------------------------------------


def _difference(state: Any) -> str | None:
    """Where the library and the model disagree about a state; None when they agree."""
    v = model.V()
    log, rows = protocol(state)
    expected = model.place(v, state)
    try:
        where = place(log, rows)
        found: Any = (where.sequence, where.offsets.get("in", {}).get("version", 0))
    except OffsetError:
        found = "fail"
    if found != expected:
        return f"place {found}, the model says {expected}"
    if found == "fail":
        return None
    pairs = {(s, int(a)) for s, a in rows.committed(log) if a} - {(s, a) for s, a in rows.committed(log) if not a}
    if {p for p in pairs if p in state.plan} != {p for p in model.committed(v, state) if p in state.plan}:
        return f"committed {pairs}, the model says {model.committed(v, state)}"
    idle = state._replace(run=(model.IDLE,))
    return _compare_settling(state, idle, log, rows, where)


def _compare_settling(state: Any, idle: Any, log: Any, rows: Commits, where: Place) -> str | None:
    """The model settles one thing at a time, in this order; so its first action says which of ours come first."""
    action, following = next(model.step(model.V(), idle, 0))
    unnoted, dead, late, idles = (
        rows.unnoted(log),
        rows.dead(log),
        unconfirmed(log, rows, where),
        note(log, rows, where),
    )
    left = tuple(x for x in state.comp if (x[1], str(x[2])) not in dead)
    expected = {
        "notes RESTORE": following.res - state.res,
        "cleans": following.comp,
        "confirms": {(s, str(a), v) for s, a, _, v, _ in following.conf - state.conf},
        "idle": {v for _, _, _, v, _ in following.conf - state.conf},
    }
    if unnoted:
        wanted, found = "notes RESTORE", set(unnoted.items())
    elif left != state.comp:
        wanted, found = "cleans", left
    elif late:
        wanted, found = "confirms", {(c.sequence, c.attempt, c.version) for c in late}
    elif state.inp <= where.offsets.get("in", {}).get("version", 0) and idles:
        wanted, found = "idle", {c.version for c in idles}
    else:
        return None if action.split()[1] in ("plans", "done") else f"nothing to settle, the model: {action}"
    if wanted not in action:
        return f"{wanted} {found}, the model: {action}"
    return None if found == expected[wanted] else f"{wanted} {found}, the model: {expected[wanted]}"


def _first_difference(states: Iterable[Any]) -> str | None:
    return next((d for state in states if (d := _difference(state))), None)


@pytest.mark.parametrize("scenario", model.SC)
def test_every_reachable_state_is_judged_as_the_model_judges_it(scenario: str) -> None:
    states = list(reachable(model, scenario, LIMIT))
    assert len(states) > 60
    assert _first_difference(states) is None


@pytest.mark.parametrize("scenario", model.SC)
def test_the_model_of_the_protocol_loses_and_doubles_nothing(scenario: str) -> None:
    assert model.explore(model.V(), model.SC[scenario], limit=5000)[1] in (None, "limit reached, no violation so far")


def _never(*_: Any, **__: Any) -> Any:
    return False


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a RESTORE is not followed": lambda m: m.setattr(lineages, "is_restore", _never),
    "nobody looks between base and commit": lambda m: m.setattr(
        places, "between", lambda *_: Between(False, False, False)
    ),
    "expired history is nobody's business": lambda m: m.setattr(
        places, "between", lambda *a: Between(lineages.between(*a).restored, False, False)
    ),
    "any confirmed row will do": lambda m: m.setattr(CommitRows, "__getattribute__", _any_version, raising=False),
    "noted RESTOREs are forgotten": lambda m: m.setattr(places, "expired_path", lambda cut, _: (range(cut + 1),)),
    "undone rows are removed": lambda m: m.setattr(Commits, "_homes", lambda self: {}),
    "an idle run notes nothing": lambda m: m.setattr(Commits, "has_confirmed", lambda *_: True),
    "late commits stay unconfirmed": lambda m: m.setattr(places, "newest_own", lambda _: None),
}


def _any_version(self: Any, name: str) -> Any:
    found = object.__getattribute__(self, name)
    if name != "confirmed" or not found:
        return found
    return tuple(Confirmation(c.sequence, c.attempt, v, c.offsets) for c in found for v in range(12))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_comparison_catches_a_broken_variant(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [s for scenario in model.SC for s in reachable(model, scenario, 900)]
    MUTANTS[mutant](monkeypatch)
    if mutant == "late commits stay unconfirmed":
        monkeypatch.setitem(globals(), "unconfirmed", lambda *_: ())
    assert _first_difference(states) is not None
