"""Rules that read structure out of texts: regular expressions, JSON, CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from lakehouse.cleanse.base import Arguments, Known, Loc, OwnName, resolved, rule
from lakehouse.cleanse.values import ColumnList
from lakehouse.errors import StepError
from lakehouse.lake.types import canonical
from lakehouse.names import quoted
from lakehouse.quality.flow import Flow, changed
from lakehouse.quality.rows import types_of
from lakehouse.quality.texts import value_text

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.quality.checks import Checks

BROKEN, PARSED = "__broken", "__parsed"
"""Hidden columns: what cannot be read, and what was read."""


class FromText(Arguments):
    """Base of rules that read one column into another."""

    column: str = Field(min_length=1)
    """The text."""
    into: OwnName | None = None
    """Name of the result's column; the text is replaced without it."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        yield ("column",), self.column

    def flow(self) -> Sequence[Flow]:
        return [Flow({self.into or self.column: changed(self.column)})]


class RegexpReplace(FromText):
    """What matches a regular expression replaced: `{column, pattern, replacement, into}`."""

    pattern: str
    """Java's regular expression."""
    replacement: str
    """The text put there; `$1` is the first group."""


class RegexpExtract(FromText):
    """What matches a group of a regular expression: `{column, pattern, group, into}`."""

    pattern: str
    """Java's regular expression."""
    group: int = Field(1, ge=0)
    """Which group of it; 0 is the whole match. A text that does not match gives an empty one, as in Spark."""


class FromJson(FromText):
    """JSON read by a schema: `{column, schema, into, options}`."""

    schema_: str = Field(alias="schema")
    """The type, as in `struct<id: int, tags: array<string>>`."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Options of Spark's JSON reader."""

    @field_validator("schema_")
    @classmethod
    def _type_is_a_type(cls, value: str) -> str:
        try:
            return canonical(value)
        except ValueError:
            return canonical(f"struct<{value}>")

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        yield f"{word}.{self.column}", None

    def reader_options(self) -> dict[str, str]:
        """The options as Spark takes them, with those by which it says what it could not read."""
        given = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in self.options.items()}
        return given | {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": BROKEN}


class FromCsv(FromJson):
    """One line of CSV read by a schema: `{column, schema, into, options}`."""


class ParseJson(ColumnList):
    """JSON texts as VARIANT."""

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        yield from ((f"{word}.{name}", None) for name in self.root)


def into(known: dict[str, str | None], args: FromText, kind: str | None) -> Known:
    """The columns with the result, of this type, among them."""
    target = args.into or args.column
    spelled = {name.casefold(): name for name in known}
    return {**known, spelled.get(target.casefold(), target): kind}


def text_column(frame: DataFrame, name: str, word: str) -> str:
    """The column's spelling; raises StepError when it is not there or no text."""
    (found,) = resolved(frame, [name], word)
    kind = types_of(frame)[found]
    if kind != "string":
        raise StepError(f"{word}: column {found!r} is {kind}, and {word} is about text", code=f"cleanse.{word}")
    return found


@rule(RegexpReplace, lambda known, args: into(known, args, "string"))
def regexp_replace(frame: DataFrame, args: RegexpReplace, checks: Checks) -> DataFrame:
    """What matches a regular expression replaced."""
    from pyspark.sql import functions as F

    name = text_column(frame, args.column, "regexp_replace")
    checks.derived(args.into or name, [name])
    changed = F.regexp_replace(F.col(quoted(name)), F.lit(args.pattern), F.lit(args.replacement))
    return frame.withColumn(args.into or name, changed)


@rule(RegexpExtract, lambda known, args: into(known, args, "string"))
def regexp_extract(frame: DataFrame, args: RegexpExtract, checks: Checks) -> DataFrame:
    """What matches a group of a regular expression; an empty text where nothing does."""
    from pyspark.sql import functions as F

    name = text_column(frame, args.column, "regexp_extract")
    checks.derived(args.into or name, [name])
    return frame.withColumn(args.into or name, F.regexp_extract(F.col(quoted(name)), args.pattern, args.group))


@rule(FromJson, lambda known, args: into(known, args, args.schema_))
def from_json(frame: DataFrame, args: FromJson, checks: Checks) -> DataFrame:
    """JSON read by a schema; a text that is no JSON of it is the violation `from_json.<column>`."""
    return _structured(frame, args, checks, "from_json")


@rule(FromCsv, lambda known, args: into(known, args, args.schema_))
def from_csv(frame: DataFrame, args: FromCsv, checks: Checks) -> DataFrame:
    """One line of CSV read by a schema; a text that does not fit it is the violation `from_csv.<column>`."""
    return _structured(frame, args, checks, "from_csv")


def _structured(frame: DataFrame, args: FromJson, checks: Checks, word: str) -> DataFrame:
    """Spark puts a text that it cannot read into a field of its own, which is looked at and taken away again."""
    from pyspark.sql import functions as F

    name = text_column(frame, args.column, word)
    text = F.col(quoted(name))
    options = args.reader_options()
    read = F.from_json if word == "from_json" else F.from_csv
    if args.schema_.startswith("struct<"):
        staged = read(text, f"{args.schema_[:-1]},{BROKEN}:string>", options)
        broken: Column = F.col(PARSED)[BROKEN].isNotNull()
        value: Column = F.when(~broken, F.col(PARSED).dropFields(BROKEN))
    else:
        staged = read(text, args.schema_, {**options, "mode": "PERMISSIVE"})
        value = F.col(PARSED)
        broken = value.isNull() & text.isNotNull() & (F.lower(F.trim(text)) != "null")
    return checked(frame, args.into or name, name, staged, value, broken, checks, word)


def checked(
    frame: DataFrame, into: str, name: str, staged: Column, value: Column, broken: Column, checks: Checks, word: str
) -> DataFrame:
    """The frame with the value in place, and with the check that what was read is not broken; `staged` is `PARSED`."""
    from pyspark.sql import functions as F

    checks.derived(into, [name])
    hidden = checks.register(
        name=f"{word}.{name}",
        column=into,
        violated=broken,
        value=value_text(F.col(quoted(name)), "string"),
        message="cannot be read",
        action="warn" if checks.on_schema_violation == "null" else checks.on_schema_violation,
    )
    checks.cast_of(into)
    return frame.withColumn(PARSED, staged).withColumns({**hidden, into: value}).drop(PARSED)


@rule(ParseJson, lambda known, args: {**known, **{n: "variant" for n in known if n.casefold() in _folded(args)}})
def parse_json(frame: DataFrame, args: ParseJson, checks: Checks) -> DataFrame:
    """JSON texts as VARIANT; a text that is no JSON is the violation `parse_json.<column>`."""
    from pyspark.sql import functions as F

    for given in args.root:
        name = text_column(frame, given, "parse_json")
        text, value = F.col(quoted(name)), F.col(PARSED)
        broken = value.isNull() & text.isNotNull()
        frame = checked(frame, name, name, F.try_parse_json(text), value, broken, checks, "parse_json")
    return frame


def _folded(args: ParseJson) -> set[str]:
    return {name.casefold() for name in args.root}
