"""XML texts read by a schema."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from lakehouse.cleanse.base import rule
from lakehouse.cleanse.texts import BROKEN, PARSED, FromJson, checked, into, text_column
from lakehouse.names import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType, StructType

    from lakehouse.quality.checks import Checks

_PROLOG = r"(?s)^\s*<\?xml.*?\?>"


class FromXml(FromJson):
    """XML read by a schema: `{column, schema, into, options}`."""

    schema_: str = Field(alias="schema")
    """The fields of the root element, as in `id int, tag array<string>`; an attribute is `_name`."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Options of Spark's XML reader, as `attributePrefix`."""

    @field_validator("schema_")
    @classmethod
    def _is_a_struct(cls, value: str) -> str:
        if not value.startswith("struct<"):
            raise ValueError(f"{value} is no XML element; write its fields, as in `id int, name string`")
        return value


@rule(FromXml, lambda known, args: into(known, args, args.schema_))
def from_xml(frame: DataFrame, args: FromXml, checks: Checks) -> DataFrame:
    """One XML element read by a schema; a text that is none, or would lose something, is `from_xml.<column>`.

    Spark reads the first element of a text and no more, and of an element that is there twice the last one. So the text
    is also read inside of another element, which shows what stands beside the first, and with every field as an array.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    name = text_column(frame, args.column, "from_xml")
    text = F.col(quoted(name))
    options = args.reader_options()
    parsed = F.from_xml(text, f"{args.schema_[:-1]},{BROKEN}:string>", options)
    outer = F.concat(F.lit("<w>"), F.regexp_replace(text, _PROLOG, ""), F.lit("</w>"))
    beside = F.from_xml(outer, f"struct<xs_any:array<string>,_VALUE:string,{BROKEN}:string>", {**options, **_DEFAULTS})
    kind = StructType.fromDDL(args.schema_[len("struct<") : -1])
    assert isinstance(kind, StructType)
    all_of_it = F.from_xml(text, _arrays(kind).simpleString(), options)
    alone = (F.size(beside["xs_any"]) > 1) | beside["_VALUE"].isNotNull() | beside[BROKEN].isNotNull()
    broken = F.col(PARSED)[BROKEN].isNotNull() | F.coalesce(alone, F.lit(False)) | _twice(all_of_it, kind)
    value = F.when(~broken, F.col(PARSED).dropFields(BROKEN))
    return checked(frame, args.into or name, name, parsed, value, broken, checks, "from_xml")


_DEFAULTS = {"wildcardColName": "xs_any", "valueTag": "_VALUE"}


def _arrays(kind: StructType) -> StructType:
    """The struct with every field that is no array as an array, of texts or of structs; without attributes."""
    from pyspark.sql.types import ArrayType, StringType, StructField, StructType

    found = []
    for field in kind.fields:
        inner = _element(field.dataType)
        kept = _arrays(inner) if isinstance(inner, StructType) else StringType()
        if not field.name.startswith("_"):
            found.append(StructField(field.name, ArrayType(kept)))
    return StructType(found)


def _inside(kind: StructType) -> Callable[[Column], Column]:
    return lambda item: _twice(item, kind)


def _element(kind: DataType) -> DataType:
    from pyspark.sql.types import ArrayType

    return kind.elementType if isinstance(kind, ArrayType) else kind


def _twice(value: Column, kind: StructType) -> Column:
    """Whether an element is there several times that the schema has once, however deep."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, StructType

    found = [F.lit(False)]
    for field in kind.fields:
        if field.name.startswith("_"):
            continue
        items, many = value[field.name], isinstance(field.dataType, ArrayType)
        inner = _element(field.dataType)
        if not many:
            found.append(F.coalesce(F.size(items) > 1, F.lit(False)))
        if isinstance(inner, StructType):
            deeper = F.exists(items, _inside(inner))
            found.append(F.coalesce(deeper, F.lit(False)))
    return reduce(or_, found)
