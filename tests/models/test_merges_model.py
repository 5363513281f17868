"""The model of merges says what was computed by hand, and what Databricks publishes for AUTO CDC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.histories import Histories
from tests.models.merges_model import (
    DELETE, TRUNCATE, UPSERT, Row, broken_intervals, from_snapshots, possible, scd1, scd2,
)  # fmt: skip

K = (1,)


def up(sequence: int, *columns: object, batch: int = 1, file: tuple[int, str] = (0, ""), key: object = 1) -> Row:
    return Row((key,), sequence, columns, UPSERT, batch, file)


def out(sequence: int, batch: int = 1, file: tuple[int, str] = (0, ""), key: object = 1) -> Row:
    return Row((key,), sequence, (), DELETE, batch, file)


def truncate(sequence: int) -> Row:
    return Row((None,), sequence, (), TRUNCATE)


USERS = [
    Row((user,), sequence, (name, city), DELETE if name is None else UPSERT)
    for user, name, city, sequence in (
        (124, "Raul", "Oaxaca", 1),
        (123, "Isabel", "Monterrey", 1),
        (125, "Mercedes", "Tijuana", 2),
        (126, "Lily", "Cancun", 2),
        (123, None, None, 6),
        (125, "Mercedes", "Guadalajara", 6),
        (125, "Mercedes", "Mexicali", 5),
        (123, "Isabel", "Chihuahua", 5),
    )
]
"""The example in Databricks' documentation of AUTO CDC."""


def test_published_example_scd_1() -> None:
    assert scd1(USERS) == {
        (124,): (("Raul", "Oaxaca"), 1),
        (125,): (("Mercedes", "Guadalajara"), 6),
        (126,): (("Lily", "Cancun"), 2),
    }


def test_published_example_scd_1_with_truncate() -> None:
    assert scd1([*USERS, truncate(3)]) == {(125,): (("Mercedes", "Guadalajara"), 6)}


def test_published_example_scd_2() -> None:
    assert [(*key, *columns, *times[:2]) for key, vs in sorted(scd2(USERS).items()) for columns, *times in vs] == [
        (123, "Isabel", "Monterrey", 1, 5),
        (123, "Isabel", "Chihuahua", 5, 6),
        (124, "Raul", "Oaxaca", 1, None),
        (125, "Mercedes", "Tijuana", 2, 5),
        (125, "Mercedes", "Mexicali", 5, 6),
        (125, "Mercedes", "Guadalajara", 6, None),
        (126, "Lily", "Cancun", 2, None),
    ]


def test_published_example_scd_2_city_not_tracked() -> None:
    found = scd2(USERS, untracked=(1,))
    assert [(*key, *columns, *times[:2]) for key, vs in sorted(found.items()) for columns, *times in vs] == [
        (123, "Isabel", "Chihuahua", 1, 6),
        (124, "Raul", "Oaxaca", 1, None),
        (125, "Mercedes", "Guadalajara", 2, None),
        (126, "Lily", "Cancun", 2, None),
    ]


def test_published_example_snapshots() -> None:
    first = {1: "Oaxaca", 2: "Monterrey", 3: "Tijuana"}
    second = {2: "Carmel", 3: "Los Angeles", 4: "Death Valley", 6: "Kings Canyon"}
    rows = [up(0, c, key=k) for k, c in first.items()] + [up(1, c, key=k) for k, c in second.items()]
    found = scd2(from_snapshots(rows))
    assert [(*key, *columns, *times[:2]) for key, vs in sorted(found.items()) for columns, *times in vs] == [
        (1, "Oaxaca", 0, 1),
        (2, "Monterrey", 0, 1),
        (2, "Carmel", 1, None),
        (3, "Tijuana", 0, 1),
        (3, "Los Angeles", 1, None),
        (4, "Death Valley", 1, None),
        (6, "Kings Canyon", 1, None),
    ]
    assert {key: columns for key, (columns, _) in scd1(from_snapshots(rows)).items()} == {
        (2,): ("Carmel",), (3,): ("Los Angeles",), (4,): ("Death Valley",), (6,): ("Kings Canyon",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "table"),
    [
        ([up(5, "b"), up(3, "a", batch=2)], {K: (("b",), 5)}),
        ([up(5, "b"), out(7), up(6, "late", batch=2)], {}),
        ([up(5, "b"), out(7), up(8, "back", batch=2)], {K: (("back",), 8)}),
        ([up(5, "z"), up(5, "a", batch=2)], {K: (("a",), 5)}),
        ([up(5, "z", file=(1, "b")), up(5, "a", file=(2, "a"))], {K: (("a",), 5)}),
        ([up(5, "z", file=(1, "a")), up(5, "a", file=(1, "b"))], {K: (("a",), 5)}),
        ([out(5, file=(1, "a")), up(5, "a", file=(1, "a"))], {}),
        ([out(5), up(5, "a", batch=2)], {K: (("a",), 5)}),
        ([up(5, "a"), out(5, batch=2)], {}),
        ([up(5, "a"), truncate(5)], {K: (("a",), 5)}),
        ([up(5, "a"), truncate(6), up(3, "c", batch=2), up(7, "d", key=2)], {(2,): (("d",), 7)}),
        ([up(1, "a", key=None), Row(K, None, ("b",))], {}),
    ],
)
def test_s64_to_s68_by_hand(rows: list[Row], table: dict[object, object]) -> None:
    assert scd1(rows) == scd1(rows[::-1]) == table


def test_s70_nulls_are_filled_in_the_order_of_the_sequence() -> None:
    rows = [up(1, "a", 1), up(2, None, 2), up(3, "c", None)]
    assert scd1(rows, fill=(0, 1)) == {K: (("c", 2), 3)}
    assert scd1(rows, fill=(0,)) == {K: (("c", None), 3)}
    assert scd1([*rows, out(4), up(5, None, None)], fill=(0, 1)) == {K: ((None, None), 5)}, "a delete forgets"


@pytest.mark.parametrize(
    ("rows", "versions"),
    [
        ([up(1, "a"), up(3, "a"), up(5, "b")], [(("a",), 1, 5, False, 3), (("b",), 5, None, True, 5)]),
        ([up(1, "a"), up(5, "a"), up(3, "b", batch=2)], [("a", 1, 3, 1), ("b", 3, 5, 3), ("a", 5, None, 5)]),
        ([up(1, "a"), up(5, "b"), up(5, "a", batch=2)], [("a", 1, None, 5)]),
        ([up(1, "a"), up(5, "b"), out(5, batch=2)], [("a", 1, 5, 1)]),
        ([up(1, "a"), out(3), up(5, "a")], [("a", 1, 3, 1), ("a", 5, None, 5)]),
        ([up(1, "a"), up(7, "c"), out(3, batch=2)], [("a", 1, 3, 1), ("c", 7, None, 7)]),
        ([out(3), up(1, "a", batch=2)], [("a", 1, 3, 1)]),
        ([up(1, None), up(2, "a"), up(3, None)], [(None, 1, 2, 1), ("a", 2, 3, 2), (None, 3, None, 3)]),
    ],
)
def test_s69_by_hand(rows: list[Row], versions: list[tuple[object, ...]]) -> None:
    wanted = [v if len(v) == 5 else ((v[0],), v[1], v[2], v[2] is None, v[3]) for v in versions]
    assert scd2(rows) == scd2(rows[::-1]) == {K: wanted}


def test_s69_untracked_columns_are_those_of_the_last_row_of_a_version() -> None:
    rows = [up(1, "a", 1), up(5, "a", 5)]
    assert scd2(rows, untracked=(1,)) == {K: [(("a", 5), 1, None, True, 5)]}
    rows.append(up(3, "b", 3, batch=2))
    assert [v[0] for v in scd2(rows, untracked=(1,))[K]] == [("a", 1), ("b", 3), ("a", 5)], (
        "the first has its own again"
    )


def test_s64_every_order_of_content_is_possible_and_nothing_else() -> None:
    tie = [up(1, "a"), up(1, "b"), up(1, "a")]
    assert sorted(t[K][0][0] for t in possible(scd1, tie)) == ["a", "b"]
    assert len(possible(scd1, [up(1, "a"), up(1, "b", batch=2)])) == 1


ROWS = st.builds(
    Row,
    st.tuples(st.integers(0, 1)),
    st.integers(0, 5),
    st.tuples(st.sampled_from("ab"), st.integers(0, 1)),
    st.sampled_from([UPSERT, UPSERT, DELETE]),
    st.integers(1, 3),
    st.tuples(st.integers(0, 1), st.sampled_from("xy")),
)


@given(st.lists(ROWS, max_size=12), st.randoms())
def test_order_of_arrival_within_a_file_and_repeats_do_not_matter(rows: list[Row], dice: object) -> None:
    shuffled = [*rows, *rows[: len(rows) // 2]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert scd1(shuffled) == scd1(rows)
    assert scd2(shuffled, untracked=(1,)) == scd2(rows, untracked=(1,))


@given(st.lists(ROWS, max_size=12, unique_by=lambda row: (row.key, row.sequence)))
def test_without_ties_batches_do_not_matter(rows: list[Row]) -> None:
    once = [row._replace(batch=1, file=(0, "")) for row in rows]
    assert scd1(once) == scd1(rows)
    assert scd2(once) == scd2(rows)


@given(st.lists(ROWS, max_size=12))
def test_what_is_current_in_a_history_is_what_scd_1_has(rows: list[Row]) -> None:
    found = scd2(rows)
    assert not any(map(broken_intervals, found.values()))
    current = {key: (vs[-1][0], vs[-1][4]) for key, vs in found.items() if vs[-1][3]}
    assert current == scd1(rows)


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ([("a", 1, 1, False, 1)], "no length"),
        ([("a", 1, 4, False, 1), ("b", 3, None, True, 3)], "overlap"),
        ([("a", 1, None, True, 1), ("b", 3, None, True, 3)], "overlap"),
        ([("a", 1, None, False, 1)], "is_current"),
        ([("a", 1, 3, True, 1)], "is_current"),
        ([("a", 1, 3, False, 3)], "a sequence"),
    ],
)
def test_intervals_that_are_broken_are_told(versions: list[tuple[object, ...]], said: str) -> None:
    assert said in str(broken_intervals(versions))


def test_histories_are_the_same_for_the_same_seed_and_have_all_that_is_difficult() -> None:
    one, other = Histories(3), Histories(3)
    assert one.files == other.files != Histories(4).files
    rows = [row for rows in one.files.values() for row in rows]
    assert {row[3] for row in rows} == {"I", "U", "D", "T", None}
    assert len(rows) > len(set(rows)), "repeats"
    assert sum(len(vs) for vs in one.files.values()) > 1000
