"""docs/semantics.md and the tests agree: what is marked as built is shown by a test that names the row's number."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "semantics.md"
ROW = re.compile(r"^\| (S\d+[a-z]?) \| (built|in part|not yet) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"^\s*(?:async )?def test_(s\d+[a-z]?)(?:_\w+)?\(", re.MULTILINE)


def rows() -> dict[str, tuple[str, str]]:
    return {number: (mark, text) for number, mark, text in ROW.findall(PAGE.read_text(encoding="utf-8"))}


def named() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for number in NAMED.findall(path.read_text(encoding="utf-8")):
            found[number.upper()[0] + number[1:]].append(str(path.relative_to(TESTS)))
    return found


def test_every_line_of_the_page_is_a_row() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| S")]
    assert len(lines) == len(rows()) == len(ROW.findall(PAGE.read_text(encoding="utf-8")))


def test_numbers_have_no_gap_and_are_in_order() -> None:
    plain = [number for number in rows() if number[1:].isdigit()]
    assert plain == [f"S{n}" for n in range(1, len(plain) + 1)]


def test_every_row_that_is_built_has_a_test() -> None:
    silent = [number for number, (mark, _) in rows().items() if mark != "not yet" and number not in named()]
    assert not silent, f"no test is called test_{silent[0].lower()}_…, nor for {', '.join(silent[1:]) or 'others'}"


def test_every_test_names_a_row() -> None:
    unknown = {number: files for number, files in named().items() if number not in rows()}
    assert not unknown


def test_what_is_missing_is_said() -> None:
    assert [n for n, (mark, text) in rows().items() if (mark == "in part") != ("Not yet: " in text)] == []
