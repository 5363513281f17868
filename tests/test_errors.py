"""The nearest right word, and problems in order."""

from __future__ import annotations

import time

import pytest

from lakehouse.errors import Position, Problem, SpecError, nearest, suggestion


@pytest.mark.parametrize(
    ("word", "words", "near"),
    [
        ("optoins", ["options", "path"], "options"),
        ("CARRIER", ["carrier"], "carrier"),
        ("flight", ["Flights", "fleet"], "Flights"),
        ("nothing", ["carrier", "flight"], ""),
        ("", ["a"], ""),
        ("a", [], ""),
    ],
)
def test_the_nearest_word(word: str, words: list[str], near: str) -> None:
    assert nearest(word, words) == near
    assert suggestion(word, words) == (f"did you mean {near!r}?" if near else "")


def test_of_thousands_the_nearest_is_found_at_once() -> None:
    words = [f"silver.table_{n:04}" for n in range(5000)]
    start = time.process_time()
    assert nearest("silver.tabel_0815", words) == "silver.table_0815"
    assert nearest("x" * 100_000, words) == ""
    assert time.process_time() - start < 0.5


def test_problems_are_told_once_and_by_place() -> None:
    problems = [Problem(Position("b", 1, 1), "x", "second"), Problem(Position("a", 2, 9), "x", "first")]
    assert [p.message for p in SpecError([*problems, *problems]).problems] == ["first", "second"]
