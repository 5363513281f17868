"""Silver tables that are merged from the same histories in every way there is, and what the model says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.models.histories import STORED, TIDY, rows_of, wrong
from tests.models.merges_model import Row, broken_intervals, possible, scd1, scd2

NO_TRUNCATES = "op IS DISTINCT FROM 'T'"
DELETES = "apply_as_deletes: op = 'D'"
NEWEST = partial(possible, scd1)
TIMES = ("valid_from", "valid_to", "is_current", "_sequence")


@dataclass(frozen=True)
class Table:
    """A way to merge, the rows that it is given, and what must come of them."""

    merge: str
    where: str = NO_TRUNCATES
    ignored: str = "T"
    """Operations whose rows it is not given."""
    sequence: tuple[str, ...] = ("s",)
    history: bool = False
    expect: Callable[..., Any] = NEWEST
    mine: Callable[[Row], bool] = lambda row: True

    def yaml(self, bronze: str) -> str:
        """What stands below the table's name."""
        return (
            f'from: {bronze}\ncleanse: [{{filter: "{self.where}"}}]\n'
            "schema: {k: int, p: string, v: string, w: int, u: string}\n"
            f"merge: {{keys: [k, p], {self.merge}}}"
        )

    def found(self, silver: Iterable[Any]) -> Mapping[Any, Any]:
        """Key -> what the rows of the table say of it, in the words of the model."""
        stored: dict[Any, Any] = {}
        for row in silver:
            key, columns = (row["k"], row["p"]), tuple(row[column] for column in STORED)
            at = tuple(row["_sequence"]) if len(self.sequence) > 1 else row["_sequence"]
            if self.history:
                stored.setdefault(key, []).append((columns, *(row[name] for name in TIMES)))
            else:
                assert key not in stored, f"the key {key} is there twice"
                stored[key] = columns, at
        return {k: sorted(v, key=lambda version: version[1]) if self.history else v for k, v in stored.items()}

    def wrong(self, bronze: Iterable[Any], silver: Iterable[Any], most: int = 3) -> list[str]:
        """The shortest histories that came out wrong, and how many there are."""
        rows = [row for row in rows_of(bronze, self.ignored, self.sequence) if self.mine(row)]
        found = self.found(silver)
        told = [f"key {k}: {said} {vs}" for k, vs in found.items() if self.history and (said := broken_intervals(vs))]
        told += wrong(self.expect, rows, found)
        return [f"{self.merge}: {len(told)} wrong", *told[:most]] if told else []


TABLES = {
    "kept": Table("sequence_by: s", f"{NO_TRUNCATES} AND op IS DISTINCT FROM 'D'", "TD"),
    "latest": Table(f"sequence_by: s, {DELETES}"),
    "pairs": Table(f"sequence_by: [s, w], {DELETES}", sequence=("s", "w")),
    "floored": Table(f"sequence_by: s, {DELETES}, apply_as_truncates: op = 'T'", "true", ""),
    "filled": Table(
        f"sequence_by: s, {DELETES}, ignore_null_updates: true",
        f"k >= {TIDY} AND {NO_TRUNCATES}",
        expect=partial(possible, scd1, fill=(0, 1, 2)),
        mine=lambda row: (row.key[0] or 0) >= TIDY,
    ),
    "filled_history": Table(
        f"sequence_by: s, {DELETES}, ignore_null_updates: true, stored_as_scd_type: 2",
        f"k >= {TIDY} AND {NO_TRUNCATES}",
        history=True,
        expect=partial(possible, scd2, fill=(0, 1, 2)),
        mine=lambda row: (row.key[0] or 0) >= TIDY,
    ),
    "history": Table(
        f"sequence_by: s, {DELETES}, stored_as_scd_type: 2", history=True, expect=partial(possible, scd2)
    ),
    "tracked": Table(
        f"sequence_by: s, {DELETES}, stored_as_scd_type: 2, track_history_except_column_list: [w, u]",
        history=True,
        expect=partial(possible, scd2, untracked=(1, 2)),
    ),
}  # fmt: skip
