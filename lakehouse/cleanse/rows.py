"""Rules about which rows there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from lakehouse.cleanse.base import Arguments, BareArguments, Known, Loc, OwnName, look_up, resolved, rule
from lakehouse.cleanse.values import Columns
from lakehouse.errors import StepError
from lakehouse.model import Many
from lakehouse.names import quoted
from lakehouse.quality import binding
from lakehouse.quality import expressions as sql
from lakehouse.quality.fields import Condition
from lakehouse.quality.flow import Flow, Kind, changed, used
from lakehouse.quality.rows import carried, is_hidden, visible

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

    from lakehouse.quality.checks import Checks

_ORDER = re.compile(r"(?is)^(?P<of>.*?)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?\s*\Z")


class Filter(BareArguments):
    """Only rows for which the condition is true; NULL counts as false (S39)."""

    root: Condition

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for name in sorted(sql.columns_of(self.root)):
            yield (), name

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        yield (), self.root

    def flow(self) -> Sequence[Flow]:
        return [Flow(rows=used(self.root, Kind.FILTER))]


def _order(text: str) -> tuple[str, bool, bool]:
    """Expression, whether descending, whether NULLs come first (as in Spark: first when ascending)."""
    found = _ORDER.match(text)
    assert found is not None
    descending = (found["way"] or "").lower() == "desc"
    first = (found["nulls"] or ("last" if descending else "first")).lower() == "first"
    return found["of"], descending, first


def _order_parses(text: str) -> str:
    sql.check_condition(_order(text)[0])
    return text


OrderText = Annotated[str, AfterValidator(_order_parses)]
"""An expression to order by."""


class Deduplicate(Arguments):
    """One row of each key among the rows of the step (S40): `{keys, order_by}`."""

    keys: Columns
    """Columns that make the key; NULL is a key like others."""
    order_by: Many[OrderText] | None = None
    """The first row in this order stays: expressions, each with `desc` or `nulls last` behind it where needed."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.keys):
            yield ("keys", index), name
        for loc, text in self.expressions():
            for name in sorted(sql.columns_of(text)):
                yield loc, name

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        for index, text in enumerate(self.order_by or ()):
            yield ("order_by", index), _order(text)[0]

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        if self.order_by is None:  # which of two different rows counts, nothing says
            yield word, "fail"

    def flow(self) -> Sequence[Flow]:
        groups = frozenset((name, Kind.GROUP_BY) for name in self.keys)
        return [Flow(rows=groups.union(*(used(text, Kind.SORT) for _, text in self.expressions())))]


@rule(Filter)
def filter_(frame: DataFrame, args: Filter, checks: Checks) -> DataFrame:
    """Only rows for which the condition is true; NULL counts as false.

    A row that failed a cast of a column in the condition cannot be judged by it: it stays, to be rejected later.
    """
    from pyspark.sql import functions as F

    condition = binding.column(args.root, checks.variables, checks.now)
    # of a change feed, what it would not have taken was never stored, so there is nothing that it could delete
    failed = checks.failed_cast(sql.columns_of(args.root), removing_only=True, spared=False)
    kept = F.coalesce(condition, F.lit(False))
    return checks.tally.take(frame, kept if failed is None else failed | kept)


@rule(Deduplicate)
def deduplicate(frame: DataFrame, args: Deduplicate, checks: Checks) -> DataFrame:
    """One row of each key: the first by `order_by`, ties broken by the row's own content, so that any cut gives it.

    Without `order_by`, rows of one key must be equal but for the columns that start with an underscore; the violation
    `deduplicate` fails the step where they are not. Rows that are to be rejected anyway neither win nor vanish.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    types = {field.name: field.dataType for field in frame.schema.fields}
    keys = resolved(frame, args.keys, "deduplicate")
    doomed = checks.doomed()
    apart = F.lit(False) if doomed is None else doomed
    parts = [*[F.col(quoted(key)) for key in keys], F.col("__apart")]
    own = [_orderable(name, types[name]) for name in visible(frame.columns) if name not in keys]
    added = [_orderable(name, types[name]) for name in carried(frame.columns) if not is_hidden(name)]
    frame = frame.withColumn("__apart", apart)
    order = [_sorted(text, checks) for text in args.order_by or ()]
    window = Window.partitionBy(*parts).orderBy(*order, *own, *added) if order or own or added else None
    if args.order_by is None and own:
        content = F.struct(*own)
        among = Window.partitionBy(*parts)
        differ = (F.min(content).over(among) != F.max(content).over(among)) & ~F.col("__apart")
        frame = frame.withColumn("__differ", differ)
    first = F.lit(1) if window is None else F.row_number().over(window)
    if window is None:
        first = F.row_number().over(Window.partitionBy(*parts).orderBy(F.lit(1)))
    frame = frame.withColumn("__first", first).filter((F.col("__first") == 1) | F.col("__apart"))
    if args.order_by is None and own:
        frame = checks.add(
            frame,
            name="deduplicate",
            column=None,
            violated=F.col("__differ"),
            value=checks.shown(frame, keys),
            message=f"rows with the same {', '.join(keys)} differ, and no order_by says which one counts",
            action="fail",
        )
    return frame.drop("__apart", "__differ", "__first")


def _sorted(text: str, checks: Checks) -> Column:
    expression, descending, nulls_first = _order(text)
    column = binding.column(expression, checks.variables, checks.now)
    if descending:
        return column.desc_nulls_first() if nulls_first else column.desc_nulls_last()
    return column.asc_nulls_first() if nulls_first else column.asc_nulls_last()


def _orderable(name: str, kind: DataType) -> Column:
    """The column as something that Spark can sort by: maps and variants have no order, their JSON has."""
    from pyspark.sql import functions as F

    column = F.col(quoted(name))
    text = kind.simpleString()
    return F.to_json(column) if "map<" in text or "variant" in text else column


class Explode(Arguments):
    """A row for each element of an array or entry of a map: `{column, into, position}`."""

    column: str = Field(min_length=1)
    """The array or map."""
    into: Many[OwnName] | None = None
    """Name of the element's column, or the two names for key and value of a map; the column's own without it."""
    position: OwnName | None = None
    """Name of a column for the element's place, from 0."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        yield ("column",), self.column

    def flow(self) -> Sequence[Flow]:
        # without `into` an array keeps its column's name, and a map makes two names that begin with it
        made = [*(self.into or (self.column,)), *([self.position] if self.position else [])]
        families = {} if self.into else {f"{self.column}_": self.column}
        gone = frozenset({self.column})
        return [Flow(dict.fromkeys(made, changed(self.column)), gone, rows=self.removes(), families=families)]

    def removes(self) -> frozenset[tuple[str, Kind]]:
        """The columns by which rows go."""
        return frozenset({(self.column, Kind.FILTER)})


class ExplodeOuter(Explode):
    """As `explode`, and a row without elements stays, with NULL."""

    def removes(self) -> frozenset[tuple[str, Kind]]:
        return frozenset()


def _exploded(known: dict[str, str | None], args: Explode) -> Known:
    name = look_up(args.column, known)
    kind = known[name]
    if kind is None and args.into is None:
        return None
    into = list(args.into or ((name,) if not (kind or "").startswith("map<") else (f"{name}_key", f"{name}_value")))
    element = kind[len("array<") : -1] if kind is not None and kind.startswith("array<") else None
    after: dict[str, str | None] = {}
    for column, text in known.items():
        if column != name:
            after[column] = text
            continue
        if args.position:
            after[args.position] = "int"
        after |= dict.fromkeys(into, element)
    return after


@rule(Explode, _exploded, regroups=True)
def explode(frame: DataFrame, args: Explode, checks: Checks) -> DataFrame:
    """A row for each element of an array or entry of a map; a row without elements goes (S42)."""
    return _explode(frame, args, checks, "explode")


@rule(ExplodeOuter, _exploded, regroups=True)
def explode_outer(frame: DataFrame, args: ExplodeOuter, checks: Checks) -> DataFrame:
    """A row for each element of an array or entry of a map; a row without elements stays, with NULL."""
    return _explode(frame, args, checks, "explode_outer")


def _explode(frame: DataFrame, args: Explode, checks: Checks, word: str) -> DataFrame:
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, MapType

    (name,) = resolved(frame, [args.column], word)
    kind = frame.schema[name].dataType
    if not isinstance(kind, ArrayType | MapType):
        raise StepError(
            f"{word}: column {name!r} is {kind.simpleString()}, not an array or map", code=f"cleanse.{word}"
        )
    default = (f"{name}_key", f"{name}_value") if isinstance(kind, MapType) else (name,)
    into = args.into or default
    if len(into) != len(default):
        raise StepError(
            f"{word}: `into` has {len(into)} names, and {name!r} needs {len(default)}", code=f"cleanse.{word}"
        )
    column = F.col(quoted(name))
    doomed = checks.doomed()
    if word == "explode" and doomed is not None and isinstance(kind, ArrayType):
        # a row that is to be rejected must not vanish because its array did not fit
        column = F.when(
            doomed & (F.coalesce(F.size(column), F.lit(0)) < 1), F.array(F.lit(None).cast(kind.elementType))
        ).otherwise(column)
    how = {"explode": (F.explode, F.posexplode), "explode_outer": (F.explode_outer, F.posexplode_outer)}[word]
    made = [*([args.position] if args.position else []), *into]
    elements = how[bool(args.position)](column).alias(*made)
    parts = [elements if other == name else F.col(quoted(other)) for other in frame.columns]
    taken = [c for c in frame.columns if c != name and c.casefold() in {m.casefold() for m in made}]
    if taken:
        raise StepError(f"{word}: there is already a column {taken[0]!r}", code=f"cleanse.{word}", fix="choose `into`")
    for new in into:
        checks.derived(new, [name])
    if word == "explode":
        frame = checks.tally.gone(frame, F.coalesce(F.size(column), F.lit(0)) < 1)
    return frame.select(*parts)
