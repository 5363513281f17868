"""What is known of the columns of a step at some point of it, and telling which cannot be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakehouse.errors import Problem, nearest, suggestion
from lakehouse.lake.types import widest
from lakehouse.names import TableName
from lakehouse.planning.steps import Step
from lakehouse.quality import expressions
from lakehouse.quality.rows import COMMIT_VERSION
from lakehouse.spec.load import Project
from lakehouse.spec.reading import Remainder

BRONZE: Mapping[str, str] = {
    "_source_file": "string",
    "_source_modified": "timestamp",
    "_ingested_at": "timestamp",
    "_batch": "bigint",
    "_rescued_data": "string",
}
"""Columns that Bronze adds; rules carry them along, tables store them only where they are named."""

FEED: Mapping[str, str] = {"_change_type": "string", "_commit_version": "bigint", "_commit_timestamp": "timestamp"}
"""Columns that Delta adds to what is read by a change feed; of changes that are merged only the version goes along."""
MOST_SLIPS = 50
"""Names that are not there for which the nearest is looked for, of one table: looking takes a while."""
WRONG = ""
"""The type of a column that is not there, which is told."""

Keys = tuple[str | int, ...]
Columns = dict[str, str | None]
"""Name -> type, None where that is not known."""


@dataclass
class Known:
    """One step under scrutiny: what is known of its columns at the point reached, None while more may come."""

    project: Project
    step: Step
    broken: Remainder
    """Mistakes that are told already."""
    complete: bool = True
    """All variables could be read."""
    known: Columns | None = None
    meant: Columns = field(default_factory=dict)
    """Columns of which a wrong name was told, by that name (with the type WRONG) and by the one that was meant: what
    follows from the mistake is not told."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> TableName:
        return self.step.name

    @property
    def hurt(self) -> frozenset[str]:
        """Keys under which there are mistakes: what stands there is not all that was meant."""
        return self.broken.keys

    def there(self) -> Columns:
        known = self.known or {}
        return {**known, **{name: kind for name, kind in self.meant.items() if name not in known}}

    def say(
        self,
        code: str,
        message: str,
        fix: str,
        *keys: str | int,
        of_key: bool = False,
        at: tuple[str, int] | None = None,
    ) -> None:
        """Add a problem: at a value, at its key, or inside it at an index of the given text."""
        if at is not None:
            where = self.project.text_position(*expressions.place_of(*at), self.name, *keys)
        else:
            where = (self.project.key_position if of_key else self.project.position)(self.name, *keys)
        self.problems.append(Problem(where, code, message, fix))

    def needs(
        self, column: str, keys: Keys, *, kept: bool = False, of_key: bool = False, at: tuple[str, int] | None = None
    ) -> None:
        """The column must be known, if any are; one that is `kept` will be looked for in what comes of it, too."""
        if self.known is None or column.startswith("__") or column.casefold() in folded(self.there()):
            return
        self.missing(column, right(self.known), keys, kept=kept, of_key=of_key, at=at)

    def missing(
        self, column: str, there: Sequence[str], keys: Keys, *, kept: bool, of: TableName | None = None, **place: Any
    ) -> None:
        """Tell that the column is not there, or not in another table, with the nearest that is."""
        # who has more wrong did not slip
        near = nearest(column, there) if len(self.problems) < MOST_SLIPS else ""
        # Bronze's own columns are always there and seldom what was meant
        those = [name for name in there if not name.startswith("_")]
        fix = f"did you mean {near!r}?" if near else f"there are {few(those)}" if those else ""
        where = "here" if of is None else f"in {of}"
        self.say("unknown-column", f"there is no column {column!r} {where}", fix, *keys, **place)
        if kept:
            self.meant[column] = WRONG
            self.meant |= {near: None} if near else {}

    def expression(self, text: str, keys: Keys, *, kept: bool = False) -> None:
        """The text's columns and variables must be known."""
        for column, index in expressions.columns_at(text):
            self.needs(column, keys, kept=kept, at=(text, index))
        self.variables(text, expressions.variables_of(text), keys)

    def variables(self, text: str, names: Iterable[str], keys: Keys) -> None:
        """The variables that a text uses must have values."""
        known = self.project.variables_of(self.name)
        if not self.complete:
            return
        for name, index in expressions.variables_at(text, set(names) - set(known)):
            fix = suggestion(name, known) or "declare it under `variables`"
            self.say("unknown-variable", f"`:{name}` is not a variable of this pipeline", fix, *keys, at=(text, index))

    def determined(self, text: str, keys: Keys) -> None:
        """The text must give the same value at every retry (S36)."""
        for call in expressions.nondeterministic(text):
            message = f"{call}() gives another value at each retry"
            self.say("not-repeatable", message, "use `hash`, or compute it upstream", *keys)


def of_feed(step: Step) -> Mapping[str, str]:
    """The columns that change feeds, or the order of commits, add to the rows of the step."""
    ordered = step.feeds or step.by_batch
    return {n: t for n, t in FEED.items() if "all" in step.feeds or (ordered and n == COMMIT_VERSION)}


def right(columns: Columns) -> list[str]:
    """Those of the columns whose name was not told to be wrong."""
    return [name for name, kind in columns.items() if kind != WRONG]


def folded(names: Iterable[str]) -> set[str]:
    """The names in small letters: they compare without case."""
    return {name.casefold() for name in names}


def few(names: Sequence[str], most: int = 12) -> str:
    """The names, or the first of them and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def united(table: Known, tables: Mapping[TableName, Columns | None]) -> Columns | None:
    """The columns of all tables, by name; types of which none holds the others without loss are told."""
    spelled: dict[str, str] = {}
    found: dict[str, dict[TableName, str | None]] = {}
    for table_name, columns in tables.items():
        for name, kind in (columns or {}).items():
            found.setdefault(spelled.setdefault(name.casefold(), name), {})[table_name] = kind
    merged: Columns = {}
    for name, kinds in found.items():
        known = {other: kind for other, kind in kinds.items() if kind}
        merged[name] = widest(known.values()) if len(known) == len(kinds) else None
        if widest(known.values()) is None and known:
            told = " and ".join(f"{kind} in {other}" for other, kind in known.items())
            table.say("wrong-value", f"the tables have different columns {name!r}: {told}", _ONE_TYPE, "from")
    return None if None in tables.values() else merged


_ONE_TYPE = "give them one type, as by `schema_hints` of Bronze tables"
