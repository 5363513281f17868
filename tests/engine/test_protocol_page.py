"""docs/protocol.md has every point, in order, in both of its tables, and a remedy for every refusal."""

from __future__ import annotations

import re
from pathlib import Path

from lakehouse.engine.points import POINTS
from lakehouse.lake.signature import Signature
from lakehouse.spec import codes
from tests.engine.test_counts import COST

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def first_words(heading: str) -> list[str]:
    body = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)


def test_every_point_in_order() -> None:
    assert tuple(first_words("The order")) == POINTS
    assert tuple(first_words("After a crash")) == POINTS


def test_every_key_of_a_signature() -> None:
    told = PAGE.split("\n## What a commit carries\n")[1].split("\n## ")[0]
    cells = " ".join(re.findall(r"^\| (.*?) \|", told, re.MULTILINE))
    keys = {"lakehouse", *Signature.__dataclass_fields__}
    assert set(re.findall(r"`(\w+)`", cells)) == keys
    assert all(f'"{key}": ' in told for key in keys)


def test_every_refusal_has_a_remedy() -> None:
    told = PAGE.split("\n## Remedies\n")[1]
    wanted = {c for c in codes.ERRORS if c.startswith(("offset.", "ledger.", "table.", "plan."))} - {"table.missing"}
    assert {code for code in wanted if f"`{code}`" not in told} == set()


def test_jobs_and_commits_are_those_that_were_counted() -> None:
    told = PAGE.split("<!-- jobs -->")[1].split("<!-- /jobs -->")[0]
    numbers = re.findall(r"^\| .*? \| (\d+), (\d+) \| (\d+), (\d+) \| (\d+), (\d+) \|$", told, re.MULTILINE)
    assert [tuple(map(int, row)) for row in numbers] == [
        tuple(n for pair in cost for n in pair) for cost in COST.values()
    ]
