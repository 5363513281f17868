"""`renamed_from`: names that tables of the project had before, and that no table has now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lakehouse.names import TableName
from lakehouse.spec.models import Table


def misnamed(tables: Mapping[TableName, Table]) -> Iterator[tuple[TableName, str, str]]:
    """Tables whose `renamed_from` cannot be, each with why, and what to do."""
    taken: dict[TableName, TableName] = {}
    for name, table in tables.items():
        before = table.renamed_from
        if before is None:
            continue
        if before == name:
            yield name, "is the name that it has", "leave it out"
        elif before in tables:
            yield name, "is a table of this project", "take that table out, or leave the name out here"
        elif (before.layer == "bronze") != (name.layer == "bronze"):
            yield name, "is of another layer: files are read into Bronze only", "leave it out"
        elif before in taken:
            yield name, f"is the name that {taken[before]} had before", "only one table can get its rows"
        taken.setdefault(before, name)
