"""Tables that are read by their change feeds: which, how, and what a step that reads so cannot do (S63, S74, S75)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakehouse.errors import Problem
from lakehouse.names import TableName
from lakehouse.planning.steps import Feed, Read
from lakehouse.spec.leaves import WAYS
from lakehouse.spec.load import Project
from lakehouse.spec.models import Table
from lakehouse.spec.table import Input
from lakehouse.write.merge import Merge


def way_of(table: Table) -> str:
    """The way to write that is named; by default a query overwrites, and what is read from a table is appended."""
    named = next((word for word in WAYS if getattr(table, word) is not None), None)
    return named or ("overwrite" if table.sql is not None else "append")


def feed_of(item: Input, source: Table, how: str, way: str) -> Feed:
    """How a step that is written by `way` reads what is new in a table that is written by `how`."""
    if item.changes and way == "append":
        return "all"
    if item.changes or how != "append":
        return "changes"
    return "" if source.source is not None else "inserts"


def misread(project: Project, name: TableName, item: Input, index: int, read: Read, way: str) -> Iterator[Problem]:
    """What changes cannot be read into a table that is written that way."""
    merge = project.tables[name].merge
    if item.changes and read.whole:
        message = f"`{way}` reads its inputs whole, and `changes` reads what changed in {item.table}"
        where = project.position(name, "from", index, "changes")
        yield Problem(where, "conflicting-keys", message, "write `merge` or `append`, or leave `changes` out")
    elif read.feed == "inserts" and _keeps_changes(project.tables[read.table]):
        message = f"{read.table} stores the columns of a change feed, and Delta keeps none of a table that does"
        fix = (
            f"read it whole: `from: {{table: {read.table}, whole: true}}` with `overwrite: true`, or read what it reads"
        )
        yield Problem(project.position(name, "from", index), "conflicting-keys", message, fix)
    elif read.feed == "changes" and way == "append" and read.table != name:
        how = way_of(project.tables[read.table])
        message = f"{read.table} is written by `{how}`, and `append` would keep what changed or was deleted there since"
        fix = f"write `merge`, or `from: {{table: {read.table}, changes: true}}` to append every change as a row"
        yield Problem(project.position(name, "from", index), "conflicting-keys", message, fix)
    elif read.feed == "changes" and merge is not None and _loses_ends(merge):
        message = f"a delete in {read.table} has the sequence of the row that it deletes, so it would end no version"
        fix = "leave `sequence_by` out: then the commits of the table that is read are the order, and end versions"
        yield Problem(project.position(name, "merge", "sequence_by"), "conflicting-keys", message, fix)
    elif read.feed == "changes" and merge is not None and merge.from_snapshot:
        message = f"`from_snapshot` compares whole snapshots, and of {read.table} only what changed is read"
        fix = "read a table to which each snapshot is appended"
        yield Problem(project.position(name, "from", index), "conflicting-keys", message, fix)


def _keeps_changes(table: Table) -> bool:
    return way_of(table) == "append" and any(item.changes for item in table.from_ or ())


def _loses_ends(merge: Merge) -> bool:
    return merge.stored_as_scd_type == 2 and merge.sequence_by is not None


def unordered(project: Project, name: TableName, reads: Sequence[Read]) -> Iterator[Problem]:
    """A merge without `sequence_by` goes by the order of commits, so it needs one input that has one (S63)."""
    merge = project.tables[name].merge
    if merge is None or merge.sequence_by or merge.from_snapshot:
        return
    rows = [read for read in reads if not read.lookup]
    if len(rows) == 1 and (rows[0].feed == "changes") != (project.tables[rows[0].table].source is not None):
        return
    fix = "name the column that orders the versions of a key"
    if len(rows) == 1 and rows[0].feed == "changes":
        fix = f"leave `changes` out: the batches of {rows[0].table} are the order then; or {fix}"
    message = (
        "`sequence_by` is missing: without it versions are ordered by the commits of one table that is merged,"
        " or by the batches of one Bronze table"
    )
    yield Problem(project.key_position(name, "merge"), "missing-key", message, fix)
