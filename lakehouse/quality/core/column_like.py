"""Core expectations by the patterns of SQL's LIKE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from lakehouse.quality.core.column_map import ColumnMap
from lakehouse.quality.core.compare import joined

if TYPE_CHECKING:
    from pyspark.sql import Column


class Like(ColumnMap):
    """Patterns of SQL's LIKE."""

    escape: str | None = Field(None, min_length=1, max_length=1)
    """The sign that makes a following `%` or `_` ordinary; the backslash without it, as in Spark."""

    @field_validator("escape")
    @classmethod
    def _escape_is_no_wildcard(cls, value: str | None) -> str | None:
        if value in ("%", "_"):
            raise ValueError(f"{value!r} is a wildcard itself")
        return value

    def like(self, value: Column, pattern: str) -> Column:
        """Whether the value is like the pattern."""
        from pyspark.sql import functions as F

        return F.like(value, F.lit(pattern), F.lit(self.escape or "\\"))


class ExpectColumnValuesToMatchLikePattern(Like):
    """The text is like the pattern."""

    like_pattern: str
    """`%` stands for any text, `_` for one character."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return self.like(columns[self.column], self.like_pattern)

    def message(self) -> str:
        return f"is not like {self.like_pattern}"


class ExpectColumnValuesToNotMatchLikePattern(Like):
    """The text is not like the pattern."""

    like_pattern: str
    """`%` stands for any text, `_` for one character."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return ~self.like(columns[self.column], self.like_pattern)

    def message(self) -> str:
        return f"is like {self.like_pattern}"


class ExpectColumnValuesToMatchLikePatternList(Like):
    """The text is like one or all of the patterns."""

    like_pattern_list: tuple[str, ...] = Field(min_length=1)
    """The patterns."""
    match_on: Literal["any", "all"] = "any"
    """How many of them."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return joined([self.like(columns[self.column], p) for p in self.like_pattern_list], self.match_on)

    def message(self) -> str:
        return f"is not like {self.match_on} of {', '.join(self.like_pattern_list)}"


class ExpectColumnValuesToNotMatchLikePatternList(Like):
    """The text is like none of the patterns."""

    like_pattern_list: tuple[str, ...] = Field(min_length=1)
    """The patterns."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return ~joined([self.like(columns[self.column], p) for p in self.like_pattern_list], "any")

    def message(self) -> str:
        return f"is like one of {', '.join(self.like_pattern_list)}"
