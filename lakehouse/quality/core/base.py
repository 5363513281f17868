"""What every expectation shares: `row_condition`, what it is about, and the registry by Great Expectations' names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from lakehouse.model import Model
from lakehouse.quality.conditions import in_sql
from lakehouse.quality.fields import Condition

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

EXPECTATIONS: dict[str, type[CoreExpectation]] = {}
"""Name in Great Expectations -> its arguments, for all core expectations."""


def _number_or_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("write a number, or a date or time as text")
    return value


Bound = Annotated[int | float | str, BeforeValidator(_number_or_text)]
"""A number, or the text of a date, time or string, which is read as the column's type."""


@dataclass(frozen=True)
class Verdict:
    """What an expectation about many rows came to."""

    success: bool
    observed: Any = None
    """The figure that decided, where there is one."""
    text: str = ""
    """What is wrong, in words; used only without success."""
    judged: int | None = None
    """How many rows or values were looked at, where that was counted."""
    unexpected: int | None = None
    """How many of them were wrong."""


class CoreExpectation(Model):
    """Base of all; a subclass is registered under its own name in snake_case, `Expect` first."""

    available: ClassVar[bool] = True
    name: ClassVar[str] = ""
    routes: ClassVar[bool] = False
    """Whether it is about single rows, which can be dropped or set aside; the others can only `warn` and `fail`."""
    about: ClassVar[str] = ""
    """What it looks at, for the reference."""

    mostly: float | None = Field(None, ge=0, le=1)
    """The share of judged rows that must pass; may also stand beside the expectation. Of rules about rows only."""
    row_condition: Condition | None = None
    """Only rows for which this SQL condition is true are judged."""
    condition_parser: Literal["spark", "great_expectations"] | None = None
    """How `row_condition` is written: Spark SQL, or `great_expectations`, as in `col("n") > 5`."""

    @model_validator(mode="before")
    @classmethod
    def _condition_in_sql(cls, value: object) -> object:
        return in_sql(value) if isinstance(value, Mapping) else value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if cls.__name__.startswith(("Expect", "Unexpected")):
            words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", cls.__name__)
            cls.name = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
            EXPECTATIONS[cls.name] = cls

    def names(self) -> frozenset[str]:
        """The columns that the expectation is about, without those of `row_condition`."""
        raise NotImplementedError

    def reads(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The columns that it is about, each with the keys down to where it is written."""
        named = self.names()
        for key, value in self:
            if isinstance(value, str) and key.startswith("column") and value in named:
                yield (key,), value
            elif isinstance(value, tuple) and key.startswith("column"):
                yield from (((key, index), name) for index, name in enumerate(value) if name in named)


class RowExpectation(CoreExpectation):
    """An expectation that is true or false of each row by itself."""

    routes: ClassVar[bool] = True
    about: ClassVar[str] = "About single rows."

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        """Which rows it speaks about (None: all). `columns` has those of `names()` by the name as written."""
        raise NotImplementedError

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        """True where the row keeps it; NULL counts as kept, as in Great Expectations on Spark.

        `types` has each column's type text; raises ValueError where the arguments cannot be compared with it.
        """
        raise NotImplementedError

    def message(self) -> str:
        """What a row that breaks it is told, without any value of the row."""
        raise NotImplementedError


class OnlyRowsHaveShares(CoreExpectation):
    """Base of expectations that are true or false as a whole."""

    @model_validator(mode="after")
    def _no_share(self) -> OnlyRowsHaveShares:
        if self.mostly not in (None, 1):  # which suites write where it changes nothing
            raise ValueError("`mostly` is for rules about single rows; this one is true or false as a whole")
        return self


class BatchExpectation(OnlyRowsHaveShares):
    """About figures of the rows of a run, all taken in the one aggregate that counts what the row rules find."""

    about: ClassVar[str] = "About the rows of a run together: `warn` or `fail`."

    def figures(self, values: Mapping[str, Column], types: Mapping[str, str], rows: Column) -> Mapping[str, Column]:
        """Aggregates by name. `values` are the columns of `names()`, NULL where a row is not judged; `rows` says which.

        Raises ValueError where the arguments do not suit a column's type.
        """
        raise NotImplementedError

    def verdict(self, figures: Mapping[str, Any]) -> Verdict:
        """What the figures mean."""
        raise NotImplementedError


class FrameExpectation(CoreExpectation):
    """About the rows of a run, asked by jobs of its own."""

    about: ClassVar[str] = "About the rows of a run together, by a job of its own: `warn` or `fail`."

    def ask(self, rows: DataFrame) -> Verdict:
        """What becomes of it on these rows, which are those that it judges; raises ValueError as `figures`."""
        raise NotImplementedError


class TableExpectation(OnlyRowsHaveShares):
    """About the table as it would be after the commit."""

    about: ClassVar[str] = "About the table after the commit: `warn` or `fail`."

    def names(self) -> frozenset[str]:
        return frozenset()


class TableColumnsExpectation(TableExpectation):
    """About the columns of the table, whatever its rows."""

    @model_validator(mode="after")
    def _no_condition(self) -> TableColumnsExpectation:
        if self.row_condition is not None:
            raise ValueError("`row_condition` picks rows, and this rule is about columns")
        return self

    def verdict(self, columns: Mapping[str, str]) -> Verdict:
        """What becomes of it with these columns of the table: name -> type, in order; raises ValueError."""
        raise NotImplementedError


class TableRowsExpectation(TableExpectation):
    """About the number of rows in the table."""

    about: ClassVar[str] = (
        "About the table after the commit, of a history about its current versions: `warn` or `fail`."
    )

    @property
    def other(self) -> str | None:
        """The other table that it is compared with, as `layer.table`."""
        return None

    def verdict(self, rows: int, other: int | None) -> Verdict:
        """What becomes of it with this many rows in the table after the commit, and in the other one."""
        raise NotImplementedError


class ColumnExpectation(CoreExpectation):
    """About one column."""

    column: str = Field(min_length=1)
    """The column."""

    def names(self) -> frozenset[str]:
        return frozenset({self.column})
