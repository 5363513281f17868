"""Which sources count as one where `clean_source` takes files away."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lakehouse.names import TableName
from lakehouse.planning.shared import shared
from lakehouse.spec.models import Table

CLEANED = {"auto_loader": {"clean_source": {"action": "delete"}}}


def meet(one: str, other: str, base: Path = Path("/p")) -> bool:
    """Whether two sources, keys of `source` as YAML, meet; told in either order, whoever cleans."""
    sources = [{"format": "text", **yaml.safe_load(f"{{path: {text}}}")} for text in (one, other)]
    found = set()
    for clean in (0, 1):
        for order in ((0, 1), (1, 0)):
            tables = {
                TableName("bronze", "ab"[i]): Table.model_validate(
                    {"source": sources[i]} | (CLEANED if i == clean else {})
                )
                for i in order
            }
            pairs = list(shared(tables, base))
            assert pairs in ([], [(TableName("bronze", "ab"[clean]), TableName("bronze", "ba"[clean]))])
            found.add(bool(pairs))
    (answer,) = found
    return answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("landing/a", "landing/a"),
        ("landing/a", "/p/landing/a/"),
        ("landing/*.csv", "landing"),
        ("landing/a*", "landing/*z.csv"),
        ("landing, recursive_file_lookup: true", "landing/a/b"),
        ("landing", "landing/day=1"),
        ("landing", "landing/one.csv"),
        ('"landing/{a,b}/x"', "landing/b/x"),
        ('"landing/{a/x,b}"', "landing/a/x"),
        ('"landing/z{a/x,b}"', "landing/za/x/y"),
        ('"landing/${run.date}"', "landing/2024"),
        ("s3://b/x", "s3a://b/x"),
        ('landing, path_glob_filter: "*.csv"', 'landing, path_glob_filter: "2*"'),
        ("landing/*/x", "landing/a/x"),
    ],
)
def test_sources_that_meet(one: str, other: str) -> None:
    assert meet(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("landing/a", "landing/b"),
        ("landing/a", "landing/ab"),
        ("landing/*.csv", "landing/*.json"),
        ("landing/orders_*", "landing/items_*"),
        ("landing", "landing/a/b"),
        ("landing", "landing/a"),
        ("s3://b/x", "s3://c/x"),
        ("/b/x", "s3://b/x"),
        ('landing, path_glob_filter: "*.csv"', 'landing, path_glob_filter: "*.json"'),
        ('landing, path_glob_filter: "*.csv"', '"landing/*.json"'),
        ('landing, recursive_file_lookup: true, path_glob_filter: "*.csv"', '"landing/a/*.json"'),
        ("landing/*/x", "landing/a/y"),
        ('"landing/z{a/x,b}"', "landing/y/a"),
    ],
)
def test_sources_that_cannot_meet(one: str, other: str) -> None:
    assert not meet(one, other)


def test_nobody_cleans() -> None:
    table = Table.model_validate({"source": {"format": "text", "path": "a"}})
    assert list(shared({TableName("bronze", "a"): table, TableName("bronze", "b"): table}, Path("/p"))) == []
