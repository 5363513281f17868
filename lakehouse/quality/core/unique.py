"""Core expectations that no value occurs twice, in the table as it would be after the commit (S50)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, ClassVar, Literal

from lakehouse.model import Names
from lakehouse.quality.core.base import ColumnExpectation, CoreExpectation

if TYPE_CHECKING:
    from pyspark.sql import Column


class UniqueExpectation(CoreExpectation):
    """About rows beside each other: of several with the same values the first keeps the rule, later ones break it."""

    routes: ClassVar[bool] = True
    about: ClassVar[str] = (
        "About rows of the run beside each other and beside those of the table, of a history beside its current"
        " versions; the later row breaks it."
    )

    def columns(self) -> tuple[str, ...]:
        """The columns whose values together occur once, in order."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        return frozenset(self.columns())

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        """Which rows it speaks about (None: all)."""
        raise NotImplementedError

    def message(self) -> str:
        """What a row that breaks it is told."""
        return f"its {', '.join(self.columns())} is that of an earlier row"


class ExpectColumnValuesToBeUnique(UniqueExpectation, ColumnExpectation):
    """No value occurs twice; NULL may."""

    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        return columns[self.column].isNotNull()


class ExpectCompoundColumnsToBeUnique(UniqueExpectation):
    """No combination of values of these columns occurs twice; NULL equals NULL."""

    column_list: Names
    """The columns."""
    ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "all_values_are_missing"
    """Rows that are not judged."""

    def columns(self) -> tuple[str, ...]:
        return self.column_list

    def judged(self, columns: Mapping[str, Column]) -> Column | None:
        present = [columns[name].isNotNull() for name in self.column_list]
        match self.ignore_row_if:
            case "all_values_are_missing":
                return reduce(or_, present)
            case "any_value_is_missing":
                return reduce(and_, present)
            case _:
                return None
