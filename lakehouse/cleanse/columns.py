"""Rules that make, cast, name and choose columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from lakehouse.cleanse.base import BareArguments, Known, Loc, OwnName, look_up, resolved, rule
from lakehouse.cleanse.values import ColumnList
from lakehouse.errors import StepError
from lakehouse.names import quoted
from lakehouse.quality import binding
from lakehouse.quality import expressions as sql
from lakehouse.quality.casts import always_fits, strict_cast
from lakehouse.quality.fields import RowExpression, TypeText
from lakehouse.quality.flow import Flow, same, value
from lakehouse.quality.rows import carried, types_of, visible
from lakehouse.quality.texts import value_text

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.quality.checks import Checks


class Cast(BareArguments):
    """Other types for columns, as strict as `schema`: `{column: type}`."""

    root: dict[OwnName, TypeText] = Field(min_length=1)

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for name in self.root:
            yield (name,), name

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        yield from ((f"{word}.{name}", None) for name in self.root)


class Rename(BareArguments):
    """Other names for columns: `{old: new}`."""

    root: dict[str, OwnName] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_free(self) -> Rename:
        for old in self.root:
            _not_carried(old, "renamed")
        new = [name.casefold() for name in self.root.values()]
        for index, name in enumerate(self.root.values()):
            if name.casefold() in new[:index]:
                raise ValueError(f"two columns would be called {name!r}; names ignore case")
        return self

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for name in self.root:
            yield (name,), name

    def flow(self) -> Sequence[Flow]:
        return [Flow({new: same(old) for old, new in self.root.items()}, gone=frozenset(self.root))]


class Select(ColumnList):
    """These columns only, in this order; those that start with an underscore stay."""

    def flow(self) -> Sequence[Flow]:
        return [Flow(only=self.root)]


class Drop(ColumnList):
    """All columns but these."""

    @model_validator(mode="after")
    def _not_carried(self) -> Drop:
        for name in self.root:
            _not_carried(name, "dropped")
        return self

    def flow(self) -> Sequence[Flow]:
        return [Flow(gone=frozenset(self.root))]


class Derive(BareArguments):
    """Columns computed from others, each seeing those above it: `{column: expression}`."""

    root: dict[OwnName, RowExpression] = Field(min_length=1)

    def reads(self) -> Iterator[tuple[Loc, str]]:
        made: set[str] = set()
        for name, text in self.root.items():
            for column in sorted(sql.columns_of(text)):
                if column.casefold() not in made:
                    yield (name,), column
            made.add(name.casefold())

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        for name, text in self.root.items():
            yield (name,), text

    def flow(self) -> Sequence[Flow]:
        return [Flow({name: value(text)}) for name, text in self.root.items()]


def _not_carried(name: str, what: str) -> None:
    if name.startswith("_"):
        raise ValueError(f"{name!r} cannot be {what}: it is stored only when `schema` names it")


def _cast_types(known: dict[str, str | None], args: Cast) -> Known:
    return {**known, **{look_up(name, known): text for name, text in args.root.items()}}


@rule(Cast, _cast_types)
def cast(frame: DataFrame, args: Cast, checks: Checks) -> DataFrame:
    """Other types for columns; a value that does not fit is the violation `cast.<column>` (S30)."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    names = dict(zip(resolved(frame, args.root, "cast"), args.root.values(), strict=True))
    old = {name: f"__c{index}" for index, name in enumerate(names)}
    changed: dict[str, Column] = {}
    for name, to_type in names.items():
        column = F.col(quoted(name))
        try:
            changed[name] = strict_cast(column, types[name], to_type)
        except StepError as problem:
            raise StepError(f"cast.{name}: {problem.message}", code=problem.code, fix=problem.fix) from None
        changed[old[name]] = column
    frame = frame.withColumns(changed)
    findings: dict[str, Column] = {}
    for name, to_type in names.items():
        if always_fits(types[name], to_type):
            continue
        before, after = F.col(old[name]), F.col(quoted(name))
        findings |= checks.register(
            name=f"cast.{name}",
            column=name,
            violated=after.isNull() & before.isNotNull(),
            value=value_text(before, types[name]),
            message=f"does not fit {to_type}",
            action="warn" if checks.on_schema_violation == "null" else checks.on_schema_violation,
        )
        checks.cast_of(name)
    return (frame.withColumns(findings) if findings else frame).drop(*old.values())


def _renamed(known: dict[str, str | None], args: Rename) -> Known:
    names = {look_up(old, known): new for old, new in args.root.items()}
    after = [names.get(name, name) for name in known]
    _refuse_twins(after)
    return dict(zip(after, known.values(), strict=True))


def _refuse_twins(names: list[str]) -> None:
    folded = [name.casefold() for name in names]
    for index, name in enumerate(names):
        if name.casefold() in folded[:index]:
            raise ValueError(f"there would be two columns called {name!r}")


@rule(Rename, _renamed)
def rename(frame: DataFrame, args: Rename, checks: Checks) -> DataFrame:
    """Other names for columns, all at once, so that two can change places."""
    from pyspark.sql import functions as F

    names = dict(zip(resolved(frame, args.root, "rename"), args.root.values(), strict=True))
    try:
        _refuse_twins([names.get(name, name) for name in frame.columns])
    except ValueError as problem:
        raise StepError(f"rename: {problem}", code="cleanse.rename") from None
    checks.renamed(names)
    return frame.select(*[F.col(quoted(name)).alias(names.get(name, name)) for name in frame.columns])


def _selected(known: dict[str, str | None], args: Select) -> Known:
    chosen = [look_up(name, known) for name in args.root]
    rest = [name for name in carried(known) if name not in chosen]
    return {name: known[name] for name in chosen + rest}


@rule(Select, _selected)
def select(frame: DataFrame, args: Select, checks: Checks) -> DataFrame:
    """These columns only, in this order; those that start with an underscore stay."""
    from pyspark.sql import functions as F

    chosen = list(dict.fromkeys(resolved(frame, args.root, "select")))
    rest = [name for name in carried(frame.columns) if name not in chosen]
    return frame.select(*[F.col(quoted(name)) for name in chosen + rest])


def _dropped(known: dict[str, str | None], args: Drop) -> Known:
    gone = {look_up(name, known) for name in args.root}
    return {name: text for name, text in known.items() if name not in gone}


@rule(Drop, _dropped)
def drop(frame: DataFrame, args: Drop, checks: Checks) -> DataFrame:
    """All columns but these."""
    from pyspark.sql import functions as F

    gone = set(resolved(frame, args.root, "drop"))
    if not set(visible(frame.columns)) - gone:
        raise StepError("drop: no column would be left", code="cleanse.drop")
    return frame.select(*[F.col(quoted(name)) for name in frame.columns if name not in gone])


def _derived(known: dict[str, str | None], args: Derive) -> Known:
    after = dict(known)
    for name, text in args.root.items():
        source = sql.bare_column(text)
        kind = after[look_up(source, after)] if source is not None else None
        spelled = {column.casefold(): column for column in after}
        after[spelled.get(name.casefold(), name)] = kind
    return after


@rule(Derive, _derived)
def derive(frame: DataFrame, args: Derive, checks: Checks) -> DataFrame:
    """Columns computed from others; a later one sees an earlier one."""
    batch: dict[str, Column] = {}
    for name, text in args.root.items():
        reads = sql.columns_of(text)
        if {column.casefold() for column in reads} & {made.casefold() for made in batch}:
            frame = frame.withColumns(batch)
            batch = {}
        batch[name] = binding.column(text, checks.variables, checks.now)
        checks.derived(name, reads)
    return frame.withColumns(batch)
