"""Rules that change values and leave columns and rows as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from lakehouse.cleanse.base import Arguments, BareArguments, Loc, OwnName, look_up, resolved, rule
from lakehouse.cleanse.literals import Scalar, fitting, one_or_many
from lakehouse.errors import StepError
from lakehouse.model import Many
from lakehouse.names import quoted
from lakehouse.quality.rows import types_of
from lakehouse.quality.texts import as_text, scalar_text, trimmed

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.quality.checks import Checks


Columns = Many[OwnName]
"""One or more columns of the frame."""


class ColumnList(BareArguments):
    """One or more columns."""

    root: Columns

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.root):
            yield (index,), name


class Trim(ColumnList):
    """White space off both ends of texts; any white space, also tab, CR and NBSP."""


class Lower(ColumnList):
    """Texts in lower case."""


class Upper(ColumnList):
    """Texts in upper case."""


class OverColumns(Arguments):
    """Base of rules that have their columns under `columns`."""

    columns: Columns
    """The columns."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for index, name in enumerate(self.columns):
            yield ("columns", index), name


class NullIf(OverColumns):
    """Values that mean that there is none become NULL: `{columns, values}`."""

    values: Annotated[tuple[Scalar, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """What means that there is no value, compared as text, exactly (S38)."""


class FillNull(BareArguments):
    """A value for rows that have none: `{column: value}`."""

    root: dict[str, Scalar] = Field(min_length=1)

    def reads(self) -> Iterator[tuple[Loc, str]]:
        for name in self.root:
            yield (name,), name


class Replace(OverColumns):
    """Values put in place of others: `{columns, values: {from: to}}`."""

    values: dict[str, Scalar | None] = Field(min_length=1)
    """Value, compared as text, exactly -> what stands there instead; `null` empties it."""


class Mask(OverColumns):
    """Characters made unreadable: `{columns, keep_last}`."""

    keep_last: int = Field(0, ge=0)
    """How many characters at the end stay readable; a text that is not longer is masked whole."""


@rule(Trim)
def trim(frame: DataFrame, args: Trim, checks: Checks) -> DataFrame:
    """White space off both ends of texts."""
    return _texts(frame, args.root, "trim", trimmed)


@rule(Lower)
def lower(frame: DataFrame, args: Lower, checks: Checks) -> DataFrame:
    """Texts in lower case."""
    from pyspark.sql import functions as F

    return _texts(frame, args.root, "lower", F.lower)


@rule(Upper)
def upper(frame: DataFrame, args: Upper, checks: Checks) -> DataFrame:
    """Texts in upper case."""
    from pyspark.sql import functions as F

    return _texts(frame, args.root, "upper", F.upper)


def _texts(frame: DataFrame, names: Iterable[str], word: str, change: Callable[[Column], Column]) -> DataFrame:
    """Change texts in place; a column of another type is a mistake, which Spark would turn into text in silence."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    found = resolved(frame, names, word)
    for name in found:
        if types[name] != "string":
            raise StepError(
                f"{word}: column {name!r} is {types[name]}, and {word} is about text", code=f"cleanse.{word}"
            )
    return frame.withColumns({name: change(F.col(quoted(name))) for name in found})


@rule(NullIf)
def null_if(frame: DataFrame, args: NullIf, checks: Checks) -> DataFrame:
    """Values that mean that there is none become NULL; compared as text, exactly, as they are at that place (S38)."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    texts = [scalar_text(value) for value in args.values]
    changed = {}
    for name in resolved(frame, args.columns, "null_if"):
        column = F.col(quoted(name))
        empty = F.coalesce(as_text(column, types[name]).isin(texts), F.lit(False))
        changed[name] = F.when(~empty, column)
    return frame.withColumns(changed)


@rule(FillNull)
def fill_null(frame: DataFrame, args: FillNull, checks: Checks) -> DataFrame:
    """A value for rows that have none, in the column's own type."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    names = dict(zip(resolved(frame, args.root, "fill_null"), args.root.values(), strict=True))
    changed = {}
    for name, value in names.items():
        filled = F.coalesce(F.col(quoted(name)), fitting(value, types[name], f"fill_null: {name}"))
        failed = checks.failed_cast([name])
        # a value that did not fit is told, not papered over
        changed[name] = filled if failed is None else F.when(failed, F.col(quoted(name))).otherwise(filled)
    return frame.withColumns(changed)


@rule(Replace)
def replace(frame: DataFrame, args: Replace, checks: Checks) -> DataFrame:
    """Values put in place of others, all at once; compared as text, exactly."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    changed = {}
    for name in resolved(frame, args.columns, "replace"):
        column, kind = F.col(quoted(name)), types[name]
        text = as_text(column, kind)
        cases: Column | None = None
        for old, new in args.values.items():
            put = F.lit(None).cast(kind) if new is None else fitting(new, kind, f"replace: {name}")
            cases = F.when(text == old, put) if cases is None else cases.when(text == old, put)
        changed[name] = column if cases is None else cases.otherwise(column)
    return frame.withColumns(changed)


@rule(Mask, effect=lambda known, args: {**known, **{look_up(name, known): "string" for name in args.columns}})
def mask(frame: DataFrame, args: Mask, checks: Checks) -> DataFrame:
    """Characters made unreadable, but for the last few; the column becomes text."""
    from pyspark.sql import functions as F

    types = types_of(frame)
    keep = args.keep_last
    changed = {}
    for name in resolved(frame, args.columns, "mask"):
        text = as_text(F.col(quoted(name)), types[name])
        length = F.length(text)
        hidden = F.when(length > keep, length - keep).otherwise(length)
        changed[name] = F.concat(F.repeat(F.lit("*"), hidden), F.substr(text, hidden + 1))
    return frame.withColumns(changed)
