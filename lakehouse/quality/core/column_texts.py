"""Core expectations about text that stands for something else: JSON, a date or time in a format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import field_validator

from lakehouse.quality.core.column_map import ColumnMap
from lakehouse.quality.core.strftime import parts_of, problem_of

if TYPE_CHECKING:
    from pyspark.sql import Column

_JSON = {
    "mode": "PERMISSIVE", "columnNameOfCorruptRecord": "corrupt", "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "true",
}  # fmt: skip


class ExpectColumnValuesToBeJsonParseable(ColumnMap):
    """The text is JSON; as in Python `NaN` and `Infinity` are numbers, and a key may come twice."""

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        from pyspark.sql import functions as F

        self.text_only(types)
        value = columns[self.column]

        def whole(before: str, after: str) -> Column:
            text = F.concat(F.lit(before), value, F.lit(after))
            return F.from_json(text, "v string, corrupt string", _JSON)["corrupt"].isNull()

        # what comes behind a value is not looked at, so it stands between brackets; nothing that closes the one kind
        # closes the other, and a list of several values is none in an object
        bare = F.regexp_replace(value, r'"(\\.|[^"\\])*"', '""')
        foreign = F.contains(bare, F.lit("INF")) | F.contains(bare, F.lit("+Infinity"))  # numbers to Spark only
        return whole('{"v":', "}") & whole('{"v":[', "]}") & ~foreign

    def message(self) -> str:
        return "is not JSON"


class ExpectColumnValuesToMatchStrftimeFormat(ColumnMap):
    """The text is a date or time in this format."""

    strftime_format: str
    """Python's format, as in `%Y-%m-%d`, of names in English."""

    @field_validator("strftime_format")
    @classmethod
    def _can_be_compiled(cls, value: str) -> str:
        if problem := problem_of(value):
            raise ValueError(problem)
        return value

    def expected(self, columns: Mapping[str, Column], types: Mapping[str, str]) -> Column:
        self.text_only(types)
        return parts_of(self.strftime_format).matches(columns[self.column])

    def message(self) -> str:
        return f"is not in the format {self.strftime_format}"
