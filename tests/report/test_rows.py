"""Rows drawn for people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from lakehouse.report.rows import cell, show_rows
from tests.report.consoles import pipe, terminal, text


def test_no_rows_is_said() -> None:
    console = pipe()
    show_rows(console, [], "gold.g")
    assert text(console) == "gold.g: no rows\n"


def test_columns_in_their_order_numbers_to_the_right() -> None:
    console = pipe(60)
    show_rows(console, [{"name": "Anna", "n": 5}, {"name": "B", "n": 1234}, {"name": None, "n": None}], "gold.g")
    title, _, head, _, *rows = text(console).splitlines()
    assert title.strip() == "gold.g"
    assert head.split() == ["name", "n"]
    assert [r.split() for r in rows if r.strip()] == [["Anna", "5"], ["B", "1234"], ["NULL", "NULL"]]
    ends = {len(r.rstrip()) for r in rows if r.strip()}
    assert len(ends) == 1, "numbers end in one column"


def test_a_pipe_gets_no_escape_codes_and_a_terminal_does() -> None:
    plain, coloured = pipe(), terminal()
    for console in (plain, coloured):
        show_rows(console, [{"x": None}], "t")
    assert "\x1b" not in text(plain)
    assert "\x1b" in text(coloured)


def test_a_long_value_is_folded_and_not_cut() -> None:
    console = pipe(40)
    show_rows(console, [{"path": "/a" * 60}], "t")
    assert text(console).replace("\n", "").replace(" ", "").endswith("/a" * 60)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        ("", ""),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        (True, "true"),
        (3, "3"),
        (0.1 + 0.2, "0.3"),
        (1234567.0, "1234567"),
        (1e20, "1e+20"),
        (123456789.25, "123456789.25"),
        (float("nan"), "nan"),
        (Decimal("1.50"), "1.50"),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "2024-01-02 03:04:05"),
        ([{"name": "ä", "value": None}], '[{"name": "ä", "value": null}]'),
        ({"at": date(2024, 1, 2)}, '{"at": "2024-01-02"}'),
    ],
)
def test_a_value_as_text(value: object, expected: str) -> None:
    assert cell(value).plain == expected
