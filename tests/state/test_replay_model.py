"""Rows of the quarantine exactly once: every state of the model, with all its sentences and without each; and that the
library judges each state as the model does."""

from __future__ import annotations

import pytest

from lakehouse.state.place import Commits
from tests.models import replay_model as model
from tests.models.bridge import History, protocol, reachable

FULL = "all sentences kept"
LIMIT = 2500


@pytest.mark.parametrize("scenario", model.SC)
def test_no_row_is_lost_or_doubled(scenario: str) -> None:
    _, violation, trace = model.explore(model.V(), model.SC[scenario])
    assert (violation, trace) == (None, [])


@pytest.mark.parametrize("variant", [name for name in model.VARIANTS if name != FULL])
def test_each_sentence_is_needed(variant: str) -> None:
    violations = (model.explore(model.VARIANTS[variant], scenario)[1] for scenario in model.SC.values())
    assert any(violations)


def world(state: object) -> tuple[History, Commits]:
    """A state of the model as the library sees it."""
    log, rows = protocol(state)
    replays = frozenset((seq, str(att)) for seq, att in state.replays)  # type: ignore[attr-defined]
    live = {(seq, str(att)) for seq, att in model.committed(model.V(), state)}
    ended = frozenset((seq, str(att)) for seq, att in state.ended)  # type: ignore[attr-defined]
    return log, Commits(rows.planned, rows.confirmed, ended - live, rows.restores, replays, ended & live)


@pytest.mark.parametrize("scenario", model.SC)
def test_the_library_judges_every_state_as_the_model_does(scenario: str) -> None:
    seen = 0
    for state in reachable(model, scenario, LIMIT):
        if not state.t.txn or model.place(model.V(), state) == "fail":
            continue
        log, rows = world(state)
        live = {str(att) for _, att in model.committed(model.V(), state)}
        marked = {str(att) for x in state.comp for att in model.marks_of(x)}
        assert rows.taken(log) & marked == live & marked
        open_ = {(seq, str(att)) for seq, att in state.replays - state.ended}
        assert set(rows.replays_open(log)) == {pair for pair in open_ if pair[0] > state.t.txn}
        assert {att for _, att in rows.replays_to_finish(log)} == {att for _, att in open_ if att in live}
        settled = model.settle_marks(model.V(), state)
        cleared = {pair for pair in rows.dead(log) if pair in open_}
        assert (settled is not None) == bool(rows.replays_to_finish(log) or cleared)
        seen += 1
    assert seen > 20
