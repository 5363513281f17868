"""Rows of a table, drawn for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

NUMBERS = (int, float)


def show_rows(console: Console, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Draw the rows; columns are those of the first row."""
    if not rows:
        console.print(f"{title}: no rows")
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        numeric = all(isinstance(r[name], NUMBERS) or r[name] is None for r in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(row[name]) for name in rows[0]))
    console.print(table)


def cell(value: object) -> Text:
    """A value as text: NULL in grey, six digits or cents, times to the second, lists and maps as JSON."""
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, bool):
        return Text(str(value).lower())
    if isinstance(value, float):
        # an amount of money keeps its cents; beyond that nobody reads digits
        large = 1e5 <= abs(value) < 1e15
        return Text(f"{value:.2f}".rstrip("0").rstrip(".") if large else f"{value:.6g}")
    if isinstance(value, datetime):
        return Text(value.strftime("%Y-%m-%d %H:%M:%S"))
    if isinstance(value, list | dict):
        return Text(json.dumps(value, default=str, ensure_ascii=False))
    return Text(str(value))
