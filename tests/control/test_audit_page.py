"""docs/audit.md lists the columns that the tables have, and its queries run."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
import sqlglot

from lakehouse.control.tables import FORMAT, TABLES

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r"^\| `(\w+)` \| (\w+) \|(.*)\|$", re.MULTILINE)
QUERIES = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TYPES = {"string": "string", "int64": "bigint", "bool": "boolean", "double": "double"}


def test_every_column_of_every_table() -> None:
    listed = {name: [(c, t) for c, t, _ in COLUMN.findall(body)] for name, body in SECTION.findall(PAGE)}
    assert listed == {
        name: [(column, TYPES.get(str(kind), "timestamp")) for column, kind in table.columns.items()]
        for name, table in TABLES.items()
    }


def test_every_column_says_what_it_is() -> None:
    plain = {"at", "started_at", "finished_at", "host"}
    silent = {c for _, body in SECTION.findall(PAGE) for c, _, text in COLUMN.findall(body) if not text.strip()}
    assert silent - plain == set()


def test_the_format_number() -> None:
    assert f"now **{FORMAT}**" in PAGE


def test_tables_that_age() -> None:
    kept = ", ".join(f"`{name}`" for name, table in TABLES.items() if table.ages)
    assert kept.replace(", `errors`", " and `errors`") in " ".join(PAGE.split())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0][:40])
def test_queries_run(query: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    for name, table in TABLES.items():
        connection.register(name, pa.Table.from_pylist([{}], schema=table.schema))
    connection.sql(query).fetchall()
    sqlglot.parse_one(query, dialect="spark")
