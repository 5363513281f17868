"""S2: files in order, within the limits, at least one in each batch."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.planning.batches import counted, cut
from lakehouse.sources.base import SourceFile

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def file(size: int) -> SourceFile:
    return SourceFile(f"/{size}", size, NOON)


@pytest.mark.parametrize(
    ("sizes", "max_files", "max_bytes", "expected"),
    [
        ([], 10, None, []),
        ([1, 1, 1], 2, None, [[1, 1], [1]]),
        ([5, 5, 5], 10, 10, [[5, 5], [5]]),
        ([20, 1, 20], 10, 10, [[20], [1], [20]]),
        ([1, 9, 1], 10, 10, [[1, 9], [1]]),
        ([0, 0, 0], 10, 1, [[0, 0, 0]]),
        ([11, 12], 10, 10, [[11], [12]]),
    ],
)
def test_s2_batches_by_hand(sizes: list[int], max_files: int, max_bytes: int | None, expected: list[list[int]]) -> None:
    assert [[f.size for f in b] for b in cut([file(s) for s in sizes], max_files, max_bytes)] == expected


@given(st.lists(st.integers(0, 30)), st.integers(1, 5), st.none() | st.integers(1, 40))
def test_s2_every_file_once_in_order_within_the_limits_and_none_cut_too_early(
    sizes: list[int], max_files: int, max_bytes: int | None
) -> None:
    batches = cut([file(s) for s in sizes], max_files, max_bytes)
    assert [f.size for b in batches for f in b] == sizes
    for index, batch in enumerate(batches):
        total = sum(f.size for f in batch)
        assert 1 <= len(batch) <= max_files
        assert max_bytes is None or total <= max_bytes or len(batch) == 1
        if index + 1 < len(batches):
            follows = batches[index + 1][0].size
            assert len(batch) == max_files or (max_bytes is not None and total + follows > max_bytes)


def test_a_number_of_things() -> None:
    assert [counted(n, "file") for n in (0, 1, 2, 1234)] == ["0 files", "1 file", "2 files", "1,234 files"]
