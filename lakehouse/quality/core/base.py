"""What every expectation shares: `mostly`, `row_condition`, and the registry by Great Expectations' names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from lakehouse.model import Model
from lakehouse.quality.fields import Condition

if TYPE_CHECKING:
    from pyspark.sql import Column

EXPECTATIONS: dict[str, type[CoreExpectation]] = {}
"""Name in Great Expectations -> its arguments, for all core expectations."""


def _number_or_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("write a number, or a date or time as text")
    return value


Bound = Annotated[int | float | str, BeforeValidator(_number_or_text)]
"""A number, or the text of a date, time or string, which is read as the column's type."""


class CoreExpectation(Model):
    """Base of all; a subclass is registered under its own name in snake_case, `Expect` first."""

    available: ClassVar[bool] = False
    name: ClassVar[str] = ""

    mostly: float | None = Field(None, ge=0, le=1)
    """The share of judged rows that must pass; may also stand beside the expectation."""
    row_condition: Condition | None = None
    """Only rows for which this SQL condition is true are judged."""
    condition_parser: Literal["spark"] | None = None
    """How `row_condition` is written; Spark SQL is the only way here."""

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

    available: ClassVar[bool] = True

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


class ColumnExpectation(CoreExpectation):
    """About one column."""

    column: str = Field(min_length=1)
    """The column."""

    def names(self) -> frozenset[str]:
        return frozenset({self.column})


class AggregateExpectation(ColumnExpectation):
    """About one figure of a column, to lie between two bounds."""

    min_value: Bound | None = None
    """The least allowed figure; without it there is no lower bound."""
    max_value: Bound | None = None
    """The greatest allowed figure; without it there is no upper bound."""
    strict_min: bool = False
    """The lower bound itself is not allowed."""
    strict_max: bool = False
    """The upper bound itself is not allowed."""


class TableExpectation(CoreExpectation):
    """About the table as a whole."""

    def names(self) -> frozenset[str]:
        return frozenset()
