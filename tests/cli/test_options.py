"""Arguments that commands share."""

from __future__ import annotations

import pytest

from lakehouse.cli.options import _variables
from lakehouse.errors import SpecError


def test_values_of_variables_are_read_as_yaml() -> None:
    said = ["n=20", "names=[a, b]", "word=NO", "text='1'", "empty=", "n=21", "price=${n}"]
    assert _variables(said) == {"n": 21, "names": ["a", "b"], "word": "NO", "text": "1", "empty": "", "price": "${n}"}


def test_every_argument_that_is_none_is_told() -> None:
    with pytest.raises(SpecError) as caught:
        _variables(["landing", "a=[", "b=1", "a b=1"])
    assert [problem.message.partition(":")[0] for problem in caught.value.problems] == [
        "'a b=1' is not of the form name=value", "'landing' is not of the form name=value",
        "the value of 'a' cannot be read",
    ]  # fmt: skip
