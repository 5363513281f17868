"""Rules that need more than the frame: modelled, not built yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from lakehouse.cleanse.base import Arguments, BareArguments, Known, rule
from lakehouse.cleanse.texts import FromAvro, FromXml
from lakehouse.errors import StepError
from lakehouse.model import Function, Names
from lakehouse.quality.flow import Flow

if TYPE_CHECKING:
    from typing import Any

    from pyspark.sql import DataFrame

    from lakehouse.quality.checks import Checks


class Join(Arguments):
    """Columns of another table, read whole at its pinned version (S45)."""

    available: ClassVar[bool] = False

    table: str
    """The other table."""
    using: Names | None = None
    """Columns of the same name that must be equal."""
    condition: str | None = None
    """The condition, instead of `using`."""
    how: Literal["left", "inner", "semi", "anti"] = "left"
    """What happens to rows without a match."""
    select: Names | None = None
    """Columns of the other table to take; all without it."""
    prefix: str | None = None
    """Put before the names of the other table's columns."""
    many: bool = False
    """Several matches are meant, and make several rows."""

    def flow(self) -> Sequence[Flow] | None:
        return None


class AsOfJoin(Arguments):
    """Columns of the version of another table's row that was valid at a time."""

    available: ClassVar[bool] = False

    table: str
    """The other table, with `valid_from` and `valid_to`."""
    using: Names
    """Columns of the same name that must be equal."""
    at: str
    """The time, an expression."""
    select: Names | None = None
    """Columns of the other table to take; all without it."""
    on_missing: Literal["null", "quarantine", "fail"] = "null"
    """What happens to a row without a match."""

    def flow(self) -> Sequence[Flow] | None:
        return None


class Sql(BareArguments):
    """A query over `input`, the rows so far."""

    available: ClassVar[bool] = False

    root: str = Field(min_length=1)

    def flow(self) -> Sequence[Flow] | None:
        return None


class Python(BareArguments):
    """A function of one's own that gets and gives a DataFrame: `package.module:function`."""

    available: ClassVar[bool] = False

    root: Function

    def flow(self) -> Sequence[Flow] | None:
        return None


def _unknown(known: dict[str, str | None], args: Any) -> Known:
    return None


def _later(word: str) -> DataFrame:
    raise StepError(f"the cleansing rule {word!r} is not available yet", code=f"cleanse.{word}")


@rule(Join, _unknown, regroups=True)
def join(frame: DataFrame, args: Join, checks: Checks) -> DataFrame:
    """Columns of another table."""
    return _later("join")


@rule(AsOfJoin, _unknown)
def as_of_join(frame: DataFrame, args: AsOfJoin, checks: Checks) -> DataFrame:
    """Columns of the version of another table's row that was valid at a time."""
    return _later("as_of_join")


@rule(Sql, _unknown, regroups=True)
def sql(frame: DataFrame, args: Sql, checks: Checks) -> DataFrame:
    """A query over the rows so far."""
    return _later("sql")


@rule(Python, _unknown, regroups=True)
def python(frame: DataFrame, args: Python, checks: Checks) -> DataFrame:
    """A function of one's own."""
    return _later("python")


@rule(FromXml, _unknown)
def from_xml(frame: DataFrame, args: FromXml, checks: Checks) -> DataFrame:
    """XML read by a schema."""
    return _later("from_xml")


@rule(FromAvro, _unknown)
def from_avro(frame: DataFrame, args: FromAvro, checks: Checks) -> DataFrame:
    """Avro read by a schema."""
    return _later("from_avro")
