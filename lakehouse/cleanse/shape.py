"""Rules that change the shape of the table: structs to columns, columns to rows, rows to columns; and row hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from lakehouse.cleanse.base import Arguments, Known, Loc, OwnName, look_up, resolved, rule
from lakehouse.cleanse.literals import Scalar
from lakehouse.cleanse.values import Columns
from lakehouse.errors import StepError
from lakehouse.names import quoted
from lakehouse.quality import binding
from lakehouse.quality import expressions as sql
from lakehouse.quality.fields import Measure
from lakehouse.quality.flow import Flow, Kind, Value, changed, same, value
from lakehouse.quality.rows import INPUT, carried, types_of, visible

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.quality.checks import Checks


class Flatten(Arguments):
    """Fields of structs as columns of their own: `[columns]` or `{columns, separator, depth}`."""

    columns: Columns
    """The structs."""
    separator: str = "_"
    """What stands between the names of the column and the field."""
    depth: int | None = Field(None, ge=1)
    """How many levels; all without it."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"columns": value} if isinstance(value, str | list | tuple) else value

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.columns):
            yield ("columns", index), name

    def flow(self) -> Sequence[Flow]:
        families = {f"{name}{self.separator}": name for name in self.columns}
        return [Flow(gone=frozenset(self.columns), families=families)]


class Unpivot(Arguments):
    """A row for each of these columns, with its name and its value: `{columns, name, value}`."""

    columns: Columns
    """The columns that become rows; all of one type."""
    name: OwnName = "name"
    """Name of the column that gets their names."""
    value: OwnName = "value"
    """Name of the column that gets their values; a NULL makes a row too."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.columns):
            yield ("columns", index), name

    def flow(self) -> Sequence[Flow]:
        names = Value(text=f"one of the names {', '.join(self.columns)}")
        return [Flow({self.name: names, self.value: same(*self.columns)}, gone=frozenset(self.columns))]


class Pivot(Arguments):
    """A column for each value of a column: `{by, column, values, measures}`. For inputs that are read whole."""

    by: Columns
    """Columns of which each combination becomes a row."""
    column: str
    """The column whose values become columns."""
    values: tuple[Scalar, ...] = Field(min_length=1)
    """The values; rows with others are left out."""
    measures: dict[str, Measure] = Field(min_length=1)
    """Name -> aggregate. With one measure the columns are called as the values, with several `<value>_<name>`."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.by):
            yield ("by", index), name
        yield ("column",), self.column
        for measure, text in self.measures.items():
            for name in sorted(sql.columns_of(text)):
                yield ("measures", measure), name

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        for measure, text in self.measures.items():
            yield ("measures", measure), text

    def flow(self) -> Sequence[Flow]:
        picked = (self.column, Kind.CONDITIONAL)
        measures = {name: value(text) for name, text in self.measures.items()}
        made = {
            name: Value(measures[measure].sources | {picked}, measures[measure].text)
            for name, measure in _pivot_names(self).items()
        }
        groups = frozenset((name, Kind.GROUP_BY) for name in self.by)
        return [Flow(made, only=(*self.by, *made), rows=groups)]


class Hash(Arguments):
    """A column that tells rows apart by these columns: `{into, columns}`."""

    into: OwnName
    """Name of the column with the hash: 64 hexadecimal digits."""
    columns: Columns
    """The columns, whose order counts."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.columns):
            yield ("columns", index), name

    def flow(self) -> Sequence[Flow]:
        return [Flow({self.into: changed(*self.columns)})]


def _flattened(known: dict[str, str | None], args: Flatten) -> Known:
    return None


@rule(Flatten, _flattened)
def flatten(frame: DataFrame, args: Flatten, checks: Checks) -> DataFrame:
    """Fields of structs as columns of their own, where the struct stood; arrays and maps stay as they are."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    wanted = set(resolved(frame, args.columns, "flatten"))

    def parts(path: Column, name: str, kind: Any, depth: int) -> Iterator[tuple[str, Column]]:
        if not isinstance(kind, StructType) or (args.depth is not None and depth > args.depth):
            yield name, path
            return
        for field in kind.fields:
            yield from parts(path[field.name], f"{name}{args.separator}{field.name}", field.dataType, depth + 1)

    made: list[tuple[str, Column]] = []
    for field in frame.schema.fields:
        column = F.col(quoted(field.name))
        if field.name not in wanted:
            made.append((field.name, column))
            continue
        if not isinstance(field.dataType, StructType):
            raise StepError(f"flatten: column {field.name!r} is {field.dataType.simpleString()}, not a struct")
        for name, part in parts(column, field.name, field.dataType, 1):
            checks.derived(name, [field.name])
            made.append((name, part))
    _refuse_twins([name for name, _ in made], "flatten")
    return frame.select(*[column.alias(name) for name, column in made])


def _refuse_twins(names: list[str], word: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise StepError(f"{word}: there would be two columns called {name!r}", code=f"cleanse.{word}")
        seen.add(name.casefold())


def _unpivoted(known: dict[str, str | None], args: Unpivot) -> Known:
    gone = [look_up(name, known) for name in args.columns]
    kinds = {known[name] for name in gone}
    kept = {name: kind for name, kind in known.items() if name not in gone}
    return {**kept, args.name: "string", args.value: kinds.pop() if len(kinds) == 1 else None}


@rule(Unpivot, _unpivoted, regroups=True)
def unpivot(frame: DataFrame, args: Unpivot, checks: Checks) -> DataFrame:
    """A row for each of these columns, with its name and its value; NULL values too, so that nothing is lost."""
    names = resolved(frame, args.columns, "unpivot")
    kinds = {types_of(frame)[name] for name in names}
    if len(kinds) > 1:
        raise StepError(
            f"unpivot: the columns have different types: {', '.join(sorted(kinds))}",
            code="cleanse.unpivot",
            fix="make them one type with `cast`",
        )
    kept = [name for name in frame.columns if name not in names]
    _refuse_twins([*kept, args.name, args.value], "unpivot")
    checks.derived(args.value, names)
    return frame.unpivot([quoted(n) for n in kept], [quoted(n) for n in names], args.name, args.value)


def _pivoted(known: dict[str, str | None], args: Pivot) -> Known:
    after = {look_up(name, known): known[look_up(name, known)] for name in args.by}
    return {**after, **dict.fromkeys(_pivot_names(args)), **{n: known[n] for n in carried(known)}}


def _pivot_names(args: Pivot) -> dict[str, str]:
    """Column -> its measure."""
    if len(args.measures) == 1:
        return dict.fromkeys(map(str, args.values), next(iter(args.measures)))
    return {f"{word}_{measure}": measure for word in args.values for measure in args.measures}


@rule(Pivot, _pivoted, regroups=True, whole=True)
def pivot(frame: DataFrame, args: Pivot, checks: Checks) -> DataFrame:
    """A column for each value of a column; columns that start with an underscore have their greatest value."""
    from pyspark.sql import functions as F

    by = resolved(frame, args.by, "pivot")
    (column,) = resolved(frame, [args.column], "pivot")
    carry = [name for name in carried(frame.columns) if name != INPUT]
    keep = [F.max(F.col(quoted(name))).alias(name) for name in carry]
    measures = [binding.column(text, checks.variables, checks.now).alias(name) for name, text in args.measures.items()]
    groups = [F.col(quoted(name)) for name in by]
    wide = frame.groupBy(*groups).pivot(quoted(column), list(args.values)).agg(*measures)
    if not keep:
        return wide
    names = visible(wide.columns)
    others = frame.groupBy(*[g.alias(f"__k{i}") for i, g in enumerate(groups)]).agg(*keep)
    same = [wide[quoted(name)].eqNullSafe(others[f"__k{i}"]) for i, name in enumerate(by)]
    return wide.join(others, same, "left").select(
        *[wide[quoted(n)] for n in names], *[others[quoted(n)] for n in carry]
    )


def _hashed(known: dict[str, str | None], args: Hash) -> Known:
    return {**known, args.into: "string"}


@rule(Hash, _hashed)
def hash_(frame: DataFrame, args: Hash, checks: Checks) -> DataFrame:
    """SHA-256 of the columns as JSON, in the given order and with their NULLs, so that (a, NULL) is not (NULL, a)."""
    from pyspark.sql import functions as F

    types = types_of(frame)

    def part(name: str) -> Column:
        value = F.col(quoted(name))
        # one number, one hash (S44)
        return F.when(value == 0, F.lit(0.0)).otherwise(value) if types[name] in ("float", "double") else value

    names = resolved(frame, args.columns, "hash")
    checks.derived(args.into, names)
    row = F.struct(*[part(name).alias(name) for name in names])
    return frame.withColumn(args.into, F.sha2(F.to_json(row, {"ignoreNullFields": "false"}), 256))
