"""The way back through a table's history."""

from __future__ import annotations

import pytest

from lakehouse.errors import OffsetError
from lakehouse.lake.lineage import expired_path, lineage, newest_own, restores
from tests.models.bridge import commit, history, ours


def versions(*entries: object, sequence: int = 9, **options: int) -> list[int]:
    return [o.version for o in lineage(history(list(entries), sequence), **options).commits]  # type: ignore[arg-type]


def test_a_commit_that_a_restore_undid_is_not_in_it() -> None:
    entries = [commit(0), ours(1, 1, "a", 0), ours(2, 2, "b", 1), commit(3, "RESTORE", version=1), ours(4, 3, "c", 3)]
    assert versions(*entries) == [4, 1]


def test_a_restore_of_a_restore_brings_back() -> None:
    entries = [commit(0), ours(1, 1, "a", 0), commit(2, "RESTORE", version=0), commit(3, "RESTORE", version=1)]
    assert versions(*entries) == [1]
    assert restores(history(list(entries), 1)) == {2: 0, 3: 1}


def test_it_ends_where_history_expired_also_behind_a_restore() -> None:
    log = history([None, None, ours(2, 1, "a", 1), commit(3, "RESTORE", version=0)], 1)
    assert (lineage(log).cut, lineage(log).commits) == (0, ())
    log = history([None, None, ours(2, 1, "a", 1)], 1)
    assert lineage(log).cut == 1


def test_it_looks_no_further_than_it_has_to() -> None:
    entries = [commit(0), ours(1, 1, "a", 0), ours(2, 2, "b", 1), ours(3, 3, "c", 2)]
    assert versions(*entries, until_own=2) == [3, 2]
    found = newest_own(history(list(entries), 3))
    assert found is not None
    assert found.version == 3


@pytest.mark.parametrize(
    ("cut", "noted", "expected"),
    [
        (5, {}, [5, 4, 3, 2, 1, 0]),
        (5, {3: 1}, [5, 4, 1, 0]),
        (5, {3: 1, 2: 0}, [5, 4, 1, 0]),
        (5, {5: 3, 3: 1}, [1, 0]),
        (5, {5: 4, 3: 1}, [4, 1, 0]),
        (2, {3: 1}, [2, 1, 0]),
        (0, {}, [0]),
    ],
)
def test_expired_history_is_followed_by_the_restores_that_were_noted(
    cut: int, noted: dict[int, int | None], expected: list[int]
) -> None:
    assert [v for part in expired_path(cut, noted) for v in reversed(part)] == expected


def test_a_noted_restore_to_a_time_is_refused() -> None:
    with pytest.raises(OffsetError):
        expired_path(5, {4: None})
    assert expired_path(5, {5: 2, 4: None}) == (range(6, 6), range(3))
