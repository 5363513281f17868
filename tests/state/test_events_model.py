"""How events and listings find files: every state of the model, with all its sentences and without each."""

from __future__ import annotations

import pytest

from tests.models import events_model as model


@pytest.mark.parametrize("scenario", model.SC)
def test_no_file_is_lost_or_doubled(scenario: str) -> None:
    _, violation, trace = model.explore(model.V(), model.SC[scenario])
    assert (violation, trace) == (None, [])


@pytest.mark.parametrize("variant", [name for name in model.VARIANTS if name != "all sentences kept"])
def test_each_sentence_is_needed(variant: str) -> None:
    found = [model.explore(model.VARIANTS[variant], scenario)[1] for scenario in model.SC.values()]
    assert any(found)
