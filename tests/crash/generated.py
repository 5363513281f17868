"""Silver tables made by dice: columns, types, cleansing and rules, and rows of which many break them; one table for each
way to write. No rule multiplies or folds rows, so that every row that is read has one fate."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.project import START

TYPES: dict[str, list[str]] = {
    "int": ["0", "1", "7", "-3", "42", "1.5", "x", "", "99999999999", " 8 "],
    "double": ["0", "0.5", "-2.25", "1e3", "nan", "none", "", "7"],
    "decimal(6,2)": ["0", "12.34", "-1.5", "12.345", "123456", "", "a"],
    "date": ["2013-01-01", "2013-02-30", "2024-02-29", "", "tomorrow", "1999-12-31"],
    "timestamp": ["2013-01-01 12:00:00", "2013-01-01T00:00:00Z", "25:00", "", "2020-06-01 00:00:00+02:00"],
    "boolean": ["true", "false", "maybe", "", "no"],
    "string": ["a", "b", "abc", "", " a ", "NA", "ÄÖ", "x y"],
}
COLUMNS = ("a", "b", "c")
DELETES, TRACKED = ", apply_as_deletes: id % 5 = 0", ", track_history_column_list: [a, b]"
"""Rows that delete, and that change nothing; `at` brings late ones."""
WAYS = {
    "log": "append: true",
    "once": "append: {keys: k}",
    "latest": f"merge: {{keys: k, sequence_by: at{DELETES}}}",
    "history": f"merge: {{keys: k, sequence_by: at, stored_as_scd_type: 2{DELETES}{TRACKED}}}",
    "mirror": "overwrite: true",
}
ACTIONS = ("warn", "drop", "quarantine", "quarantine")
CLEANSE = (
    "{trim: [a, b]}",
    '{null_if: {columns: [a, b, c], values: ["", NA]}}',
    "{filter: id % 7 <> 3}",
    "{filter: length(a) < 12}",
    "{fill_null: {b: '0'}}",
    "{replace: {columns: a, values: {x: '1'}}}",
    "{hash: {into: h, columns: [a, b]}}",
    "{derive: {d: 'coalesce(a, b)'}}",
)


@dataclass
class Dice:
    """One seed: the same project and rows every time."""

    seed: int
    dice: random.Random = field(init=False)
    types: dict[str, str] = field(init=False)
    ways: tuple[str, ...] = field(init=False)
    next_id: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.types = {name: self.dice.choice(list(TYPES)) for name in COLUMNS}
        # over five seeds each way comes three times
        words = list(WAYS)
        self.ways = tuple(words[(self.seed + step) % len(words)] for step in (0, 1, 3))

    def pipeline(self, version: int) -> str:
        """The project; another version has other rules, and the same columns."""
        dice = random.Random(f"{self.seed} {version}")
        shape = random.Random(self.seed)
        lines = [
            "pipeline: crash",
            "run: {max_parallel: 1}",
            "bronze:",
            "  orders:",
            '    source: {format: csv, path: "${landing}/orders", options: {header: true}}',
            "    auto_loader: {schema_hints: {id: int, k: int, at: int}, max_files_per_trigger: 2}",
            "silver:",
        ]
        for way in self.ways:
            rules = shape.sample(CLEANSE, shape.randrange(len(CLEANSE)))
            nullable = {name: shape.random() < 0.7 for name in COLUMNS}
            lines += [
                f"  {way}:",
                "    from: bronze.orders",
                f"    cleanse: [{', '.join(rules)}]" if rules else "",
                "    schema:",
                "      id: {type: int, nullable: false}",
                "      k: int",
                *([] if way == "history" else ["      at: int"]),
                *(f"      {n}: {{type: '{self.types[n]}', nullable: {str(nullable[n]).lower()}}}" for n in COLUMNS),
                f"    on_schema_violation: {shape.choice(['quarantine', 'quarantine', 'null'])}",
                "    expectations:",
                *(f"      r{i}: {self._rule(dice)}" for i in range(4)),
                f"    {WAYS[way]}",
            ]
        return "\n".join(line for line in lines if line) + "\n"

    def _rule(self, dice: random.Random) -> str:
        name = dice.choice(COLUMNS)
        action = dice.choice(ACTIONS)
        kinds = [
            f"expect: id % {dice.randrange(3, 9)} <> 0",
            f"expect: {name} IS NOT NULL OR k < {dice.randrange(5)}",
            f"expect_column_values_to_not_be_null: {{column: {name}}}",
            f"expect_column_values_to_be_between: {{column: k, min_value: 0, max_value: {dice.randrange(3, 9)}}}",
            "expect_column_pair_values_a_to_be_greater_than_b: {column_A: id, column_B: k}",
            "expect_select_column_values_to_be_unique_within_record: {column_list: [id, k]}",
        ]
        return f"{{{dice.choice(kinds)}, on_violation: {action}}}"

    def rows(self, number: int) -> list[str]:
        """CSV lines: ids once, keys and sequences again and again, one line of a wrong width now and then."""
        found = ["id,k,at,a,b,c"]
        for _ in range(number):
            values: list[Any] = [self.next_id, self.dice.choice(["", *range(9)]), self.dice.choice(["", *range(30)])]
            values += [self.dice.choice(TYPES[self.types[name]]) for name in COLUMNS]
            found.append(",".join(map(str, values)) + (",more" if self.dice.random() < 0.05 else ""))
            self.next_id += 1
        return found

    def instalment(self, landing: Path, number: int) -> None:
        """Three files."""
        for n in range(3):
            path = landing / f"{number}_{n}.csv"
            path.write_text("\n".join(self.rows(self.dice.randrange(5, 25))) + "\n", encoding="utf-8")
            at = START + number * 10 + n
            os.utime(path, (at, at))
