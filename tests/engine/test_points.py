"""The named points tell a listener that a step is before and after each of them, and nobody in production."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse.engine import points
from lakehouse.engine.points import POINTS, point
from lakehouse.names import TableName

TABLE = TableName("silver", "t")


@pytest.fixture
def heard() -> Iterator[list[tuple[str, TableName]]]:
    found: list[tuple[str, TableName]] = []
    points.listener = lambda where, table: found.append((where, table))
    yield found
    points.listener = None


def test_the_block_lies_between_before_and_after(heard: list[tuple[str, TableName]]) -> None:
    with point("data", TABLE):
        assert heard == [("before data", TABLE)]
    assert heard == [("before data", TABLE), ("after data", TABLE)]


def test_a_block_that_fails_is_never_after(heard: list[tuple[str, TableName]]) -> None:
    with pytest.raises(ZeroDivisionError), point("data", TABLE):
        raise ZeroDivisionError
    assert heard == [("before data", TABLE)]


def test_a_point_that_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="'date' is not a point of the protocol"), point("date", TABLE):
        pass


def test_without_a_listener_the_block_just_runs() -> None:
    assert points.listener is None
    with point("data", TABLE):
        pass


def test_the_order_is_that_of_the_protocol() -> None:
    assert len(set(POINTS)) == len(POINTS)
    order = ["create", "ledger", "planned", "failed", "companions", "data", "confirmed", "result", "maintenance"]
    assert [p for p in POINTS if p in order] == order
