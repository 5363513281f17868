"""SCD 2: any rows, in any order and any cut, give the history that a fold over all of them in plain Python gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.quality.rows import DELETE
from lakehouse.write import merge
from tests.write.conftest import Table, commits, touched

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS = merge.Merge(
    keys=["k", "j"], sequence_by="seq", stored_as_scd_type=2, track_history_except_column_list=["u", "kind"]
)
CONTENT = {"k": "int", "j": "string", "v": "string", "w": "double", "u": "string", "kind": "int"}


@dataclass(frozen=True)
class Row:
    """A row as a source sends it; the write that brings it is its `_batch` (S64)."""

    k: int | None
    j: str | None
    v: str | None
    w: float | None
    u: str | None
    kind: int | None
    seq: int
    file: str
    gone: bool


def model(writes: list[list[Row]]) -> dict[Any, list[tuple[Any, ...]]]:
    """Key -> versions: of each sequence the last row counts, then rows are folded in order."""
    counts: dict[Any, tuple[Any, Row]] = {}
    for number, rows in enumerate(writes):
        for row in rows:
            at, rank = (row.k, row.j, row.seq), (number, row.file, row.gone)
            if at not in counts or counts[at][0] < rank:
                counts[at] = (rank, row)
    found: dict[Any, list[list[Any]]] = {}
    for (k, j, seq), (_, row) in sorted(counts.items(), key=lambda item: item[0][2]):
        versions = found.setdefault((k, j), [])
        living = bool(versions) and versions[-1][5] is None
        if row.gone or not living or versions[-1][:2] != [row.v, row.w]:
            if living:
                versions[-1][5:7] = [seq, False]
            if not row.gone:
                versions.append([row.v, row.w, row.u, row.kind, seq, None, True, seq])
        else:
            versions[-1][2:4], versions[-1][7] = [row.u, row.kind], seq
    return {key: [tuple(version) for version in versions] for key, versions in found.items() if versions}


def histories(table: Table) -> dict[Any, list[tuple[Any, ...]]]:
    """The same of the table, whose intervals are checked."""
    found: dict[Any, list[tuple[Any, ...]]] = {}
    columns = (*CONTENT, "valid_from", "valid_to", "is_current", "_sequence")
    for k, j, *version in sorted(table.rows(*columns), key=lambda row: row[6]):
        found.setdefault((k, j), []).append(tuple(version))
    for versions in found.values():
        for (*_, start, end, current, seen), after in zip(versions, [*versions[1:], None], strict=True):
            assert start <= seen, "a version is confirmed by the row that begins it"
            assert current == (end is None)
            assert end is None or (start < end and seen < end), "no interval without length"
            assert after is None or (end is not None and end <= after[4]), "none that overlap"
    return found


def write(table: Table, spark: SparkSession, rows: list[Row], number: int, options: merge.Merge = OPTIONS) -> None:
    """One merge, of which every row must be counted."""
    coming = [(*vars(row).values(), number) for row in rows]
    types = ", ".join(f"{name} {text}" for name, text in CONTENT.items())
    frame = spark.createDataFrame(
        coming, f"{types}, seq int, _source_file string, `{DELETE}` boolean, _batch bigint"
    ).repartition(2)
    table.write(merge, frame, options)
    assert table.counts is not None
    assert table.counts.total == len(rows)
    assert all(count >= 0 for count in vars(table.counts).values())


def thrown(chance: random.Random, keys: int) -> list[list[Row]]:
    """Rows of many keys, dense in ties, in writes that have no order."""
    writes: list[list[Row]] = [[] for _ in range(chance.choice([2, 3, 4]))]
    for key in range(keys):
        k = None if key % 7 == 0 else key
        j = None if k is not None and key % 5 == 0 else f"j{key}"
        values, others = chance.choice([1, 2, 3]), chance.choice([1, 3])
        deletes, last = chance.choice([0, 0.2, 0.6]), chance.choice([3, 6, 12])
        taken = set()
        for _ in range(chance.randrange(1, 12)):
            row = Row(
                k, j,
                chance.choice(["a", None, "b"][:values]), chance.choice([None, 0.5] if values == 3 else [1.5]),
                chance.choice([None, "x", "y"][:others]), chance.choice([1, None][: 1 + others // 3]),
                chance.randrange(last), chance.choice("pq"), chance.random() < deletes,
            )  # fmt: skip
            number = chance.randrange(len(writes))
            if (number, row.seq, row.file, row.gone) not in taken:  # else their content decides, which a hash orders
                taken.add((number, row.seq, row.file, row.gone))
                writes[number] += [row] * chance.choice([1, 1, 1, 2])
    for rows in writes:
        chance.shuffle(rows)
    return writes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_s65_s67_s69_any_cut_and_order_give_the_models_history(
    table: Callable[..., Table], spark: SparkSession, seed: int
) -> None:
    chance = random.Random(seed)
    made = table(
        {"delta.enableDeletionVectors": chance.choice(["true", "false"])},
        **merge.stored_columns(CONTENT, OPTIONS, "int"),
    )
    writes = thrown(chance, 400)
    for number, rows in enumerate(writes):
        write(made, spark, rows, number)
        assert histories(made) == model(writes[: number + 1])
    kept, before = commits(f"{made.path}_tombstones"), made.rows()
    write(made, spark, writes[-1], len(writes) - 1)
    assert made.rows() == before
    assert commits(f"{made.path}_tombstones") == kept
    assert not touched(made.path), "a repeat writes nothing"
    assert len(commits(made.path)) == 2 + len(writes), "one commit each"


def test_s70_nulls_keep_the_value_before_them_in_rows_that_come_in_order(
    table: Callable[..., Table], spark: SparkSession
) -> None:
    chance = random.Random(9)
    options = OPTIONS.model_copy(update={"ignore_null_updates_column_list": ("v", "u")})
    made = table(**merge.stored_columns(CONTENT, options, "int"))
    whole: dict[int, dict[str, str | None]] = {}
    came, meant = [], []
    for seq in range(9):
        for k in range(0, 100, chance.choice([1, 2])):
            row = Row(k, "j", chance.choice(["a", "b", None, None]), 1.5, chance.choice(["x", None]), 1, seq, "p",
                      chance.random() < 0.2)  # fmt: skip
            before = whole.get(k, {})
            whole[k] = {} if row.gone else {name: getattr(row, name) or before.get(name) for name in ("v", "u")}
            came.append(row)
            meant.append(replace(row, **whole[k]))
    for number, rows in enumerate(([r for r in came if r.seq < 5], [r for r in came if r.seq > 3])):
        chance.shuffle(rows)
        write(made, spark, rows, number, options)
    assert histories(made) == model([meant])
    write(
        made,
        spark,
        [Row(200, "j", "a", 1.5, "x", 1, 5, "p", False), Row(200, "j", "b", 1.5, "y", 1, 9, "p", False)],
        2,
        options,
    )
    write(
        made,
        spark,
        [Row(200, "j", None, 1.5, None, None, 7, "p", False), Row(200, "j", "c", 1.5, None, 1, 3, "p", False)],
        3,
        options,
    )
    assert [version[:5] for version in histories(made)[200, "j"]] == [
        ("c", 1.5, None, 1, 3), ("a", 1.5, "x", None, 5), ("b", 1.5, "y", 1, 9),
    ], "a late row fills nothing"  # fmt: skip
