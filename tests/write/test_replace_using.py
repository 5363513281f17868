"""Modelled, and refused by name until it is built."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lakehouse.model import unavailable
from lakehouse.write import replace_using


def test_it_is_a_list_of_columns_and_not_available_yet() -> None:
    found = replace_using.Options.model_validate("region")
    assert (found.root, list(unavailable(found))) == (("region",), [()])
    with pytest.raises(ValidationError):
        replace_using.Options.model_validate([])
