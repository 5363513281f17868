"""Histories of many keys made by dice, cut into files and deliveries in any way and order: what the tests of merges feed to
a lake and to the model.

A key is a history of its own, so one run tries hundreds of them, and of those that come out wrong the shortest is shown.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.models import merges_model as model
from tests.models.merges_model import Row

HEADER = ("k", "p", "s", "op", "v", "w", "u")
HINTS = "k: int, s: int, w: int"
STORED = ("v", "w", "u")
TIDY = 1_000_000
"""Keys from here on come in the order of their sequences, from one delivery to the next (S70)."""
START = 1_700_000_000
OPERATIONS = {"D": model.DELETE, "T": model.TRUNCATE}


@dataclass
class Histories:
    """One seed: the same rows in the same files every time."""

    seed: int
    keys: int = 150
    deliveries: int = 3
    sequences: int = 7
    truncates: int = 2
    dice: random.Random = field(init=False)
    files: dict[tuple[int, int], list[tuple[Any, ...]]] = field(init=False)
    """Delivery and number of a file -> its rows."""

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        places = [(delivery, n) for delivery in range(self.deliveries) for n in range(self.dice.randrange(2, 4))]
        self.files = {place: [] for place in places}
        for key in range(self.keys):
            span = self.dice.choice([2, self.sequences])  # in a narrow one ties are many
            self._deliver([self._row(key, span) for _ in range(self.dice.randrange(1, 8))])
            self._deliver_in_order(TIDY + key)
        for _ in range(self.truncates):
            key = self.dice.choice([None, None, self.dice.randrange(self.keys)])
            self._deliver([(key, None, self.dice.randrange(1, self.sequences), "T", None, None, None)])
        # late rows that come out wrong where a delete, or a row that changed nothing, was forgotten
        dead, confirmed = self.keys, self.keys + 1
        for delivery, key, sequence, operation, v in (
            (0, dead, 3, "D", None),
            (1, dead, 1, "U", "a"),
            *((0, confirmed, sequence, "U", v) for sequence, v in ((1, "a"), (3, "a"), (5, "a"), (6, "b"))),
            (1, confirmed, 2, "U", "b"),
        ):
            self.files[delivery, 0].append((key, None, sequence, operation, v, None, None))
        # rows that no merge may see: without a key, without a sequence
        self._deliver([(None, None, 1, "U", "lost", 1, None), (0, "x", None, "D", "lost", 1, None)])
        for rows in self.files.values():
            self.dice.shuffle(rows)

    def _row(self, key: int, span: int) -> tuple[Any, ...]:
        operation = self.dice.choice(["I", "U", "U", "U", None, "D"])
        # a NULL in one of two keys is a value like others
        part = None if key % 3 else self.dice.choice([None, "", "x"])
        return (key, part, self.dice.randrange(span), operation, *self._columns())

    def _columns(self) -> tuple[Any, ...]:
        few = self.dice.random() < 0.7
        v = self.dice.choice(["a", "b"] if few else ["a", "b", "", None])
        return v, self.dice.choice([1, None] if few else [1, 2, None]), self.dice.choice(["x", "y", None])

    def _deliver(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Each row in some file, some of them in others too."""
        for row in rows:
            for place in self.dice.choices(list(self.files), k=self.dice.choice([1, 1, 1, 1, 2, 3])):
                self.files[place].append(row)

    def _deliver_in_order(self, key: int) -> None:
        """A history of which no row is late, but for repeats."""
        number = self.dice.randrange(1, 6)
        places = sorted(self.dice.choices(list(self.files), k=number))
        sequences = sorted(self.dice.sample(range(3 * self.sequences), number))
        for place, sequence in zip(places, sequences, strict=True):
            row = (key, None, sequence, self.dice.choice(["I", "U", "U", "D"]), *self._columns())
            self.files[place].append(row)
            if self.dice.random() < 0.2:
                self.files[self.dice.choice([p for p in self.files if p >= place])].append(row)

    def deliver(self, landing: Path, delivery: int) -> None:
        """The files of one delivery, of whatever age."""
        for place, rows in self.files.items():
            if place[0] == delivery:
                path = landing / f"{self.dice.randrange(100)}_{place[0]}_{place[1]}.csv"
                path.write_text("".join(f"{','.join(map(_field, row))}\n" for row in (HEADER, *rows)))
                at = START + self.dice.randrange(6)
                os.utime(path, (at, at))


def _field(value: Any) -> str:
    return "" if value is None else '""' if value == "" else str(value)


def rows_of(bronze: Iterable[Mapping[str, Any]], ignored: str = "", sequence: Sequence[str] = ("s",)) -> list[Row]:
    """Rows of Bronze as the model takes them; operations that are ignored (letters) are left out."""
    found = []
    for row in bronze:
        if row["op"] is None or row["op"] not in ignored:
            values = tuple(row[name] for name in sequence)
            at = None if None in values else values[0] if len(values) == 1 else values
            columns = tuple(row[name] for name in STORED)
            operation = OPERATIONS.get(row["op"], model.UPSERT)
            file = (row["_source_modified"], row["_source_file"])
            found.append(Row((row["k"], row["p"]), at, columns, operation, row["_batch"], file))
    return found


def wrong(expect: Any, rows: Sequence[Row], found: Mapping[Any, Any]) -> list[str]:
    """Keys of which the table does not say what the model says, those of the fewest rows first, with their rows.

    `expect` gives all that may come of the rows of one key and all truncates; `found` is the table: key -> what it has.
    """
    by_key: dict[Any, list[Row]] = {row.key: [] for row in rows if row.operation != model.TRUNCATE}
    floors = [row for row in rows if row.operation == model.TRUNCATE]
    for row in rows:
        if row.operation != model.TRUNCATE:
            by_key[row.key].append(row)
    told = []
    for key in {*by_key, *found}:
        history = by_key.get(key, [])
        wanted = [outcome.get(key) for outcome in expect([*history, *floors])]
        if found.get(key) not in wanted:
            lines = [
                f"  {row.sequence} {row.operation:8} {row.columns} batch {row.batch} {row.file}" for row in history
            ]
            lines += [f"  {row.sequence} {row.operation:8} batch {row.batch}" for row in floors]
            said = " or ".join(map(str, wanted))
            told.append(
                (
                    len(lines),
                    "\n".join([f"key {key}", *sorted(lines), f"  is     {found.get(key)}", f"  wanted {said}"]),
                )
            )
    return [text for _, text in sorted(told)]
