"""Modelled, and refused by name until it is built."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.model import unavailable
from lakehouse.write import replace_where


def test_it_is_a_condition_and_not_available_yet() -> None:
    found = replace_where.Options.model_validate("flight_date >= date'2013-11-01'")
    assert list(unavailable(found)) == [()]
    with pytest.raises(ValidationError):
        replace_where.Options.model_validate("")
