"""A query over the rows so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field
from sqlglot import exp

from lakehouse.cleanse.base import BareArguments, Known, Loc, Others, rule
from lakehouse.errors import StepError
from lakehouse.names import TableName, quoted
from lakehouse.quality import binding, queries
from lakehouse.quality.flow import Flow
from lakehouse.quality.references import SqlError, parse_query, references, replaced, view_name
from lakehouse.quality.rows import is_hidden

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.quality.checks import Checks

INPUT = "input"
"""The view of the rows so far."""


def _query(text: str) -> str:
    try:
        query = parse_query(text)
        found = references(text)
    except SqlError as error:
        raise SqlError(f"the SQL does not parse: {error}", error.line, error.column) from None
    if not any(table.name.casefold() == INPUT and not table.db for table in query.find_all(exp.Table)):
        raise ValueError("the query does not read `input`, the rows so far; write `FROM input`")
    if any(reference.stream for reference in found):
        raise ValueError("other tables are read whole beside `input`; leave out `STREAM()`")
    return text


class Sql(BareArguments):
    """A query over `input`, the rows so far."""

    root: Annotated[str, Field(min_length=1), AfterValidator(_query)]
    """Other tables that it names are read whole at their pins, as by `join`. In a step that reads only what is new it
    is about single rows: no aggregate, window, DISTINCT or LIMIT over `input`."""

    def queries(self) -> Iterator[tuple[Loc, str]]:
        yield (), self.root

    def tables(self) -> Iterator[tuple[Loc, TableName]]:
        yield from dict.fromkeys(((), reference.name) for reference in references(self.root))

    def flow(self) -> Sequence[Flow] | None:
        return None


def _selected(known: dict[str, str | None], args: Sql, others: Others) -> Known:
    found = queries.look(args.root, others.get, {INPUT: known})
    return None if found.columns is None else dict.fromkeys(found.columns)


@rule(Sql, joins=_selected, regroups=True, opaque=True)
def sql(frame: DataFrame, args: Sql, checks: Checks) -> DataFrame:
    """A query over `input`, the rows so far; what it does not select is gone, Bronze's `_` columns too.

    Rules that check rows stand behind it: what they found before it would be lost.
    """
    session = frame.sparkSession
    rows = frame.select(*[quoted(name) for name in frame.columns if not is_hidden(name)])
    # named parameters of `spark.sql` do not work with Delta's extension (Spark 4.1.4): typed literals instead
    query = binding.bound(replaced(args.root, view_name), checks.variables, checks.now, parse_query)
    views = {INPUT: rows, **{view_name(name): checks.tables[name] for _, name in args.tables()}}
    try:
        for name, view in views.items():
            view.createOrReplaceTempView(name)
        return made("sql", session.sql(query))  # which takes in what the names mean now
    finally:
        for name in views:
            session.catalog.dropTempView(name)


def made(word: str, frame: DataFrame) -> DataFrame:
    """What a user's own query or code gave; raises StepError for columns that no table can have."""
    folded = [name.casefold() for name in frame.columns]
    twice = [name for index, name in enumerate(frame.columns) if name.casefold() in folded[:index]]
    if twice:
        raise StepError(
            f"{word}: two columns are called {twice[0]!r}", code=f"cleanse.{word}", fix="give one another name"
        )
    hidden = [name for name in frame.columns if is_hidden(name)]
    if hidden:
        message = f"{word}: {hidden[0]!r} cannot be a column: names that start with two underscores are the library's"
        raise StepError(message, code=f"cleanse.{word}", fix="give it another name")
    return frame
