"""Strict casts (S29): a value that does not fit its new type becomes NULL, never another value.

A value fits when Spark's `try_cast` gives one and nothing of it is lost on the way: no digit of a number, no number
turned into infinity, no date made up for a text that only has a time. Text is trimmed first (S37). What is allowed:
a fraction rounded to the nearest double or float, a double rounded half up to a decimal, a time cut off from a date.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from lakehouse.errors import StepError
from lakehouse.quality.texts import is_complex, trimmed

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType, StructType

INTEGERS = ("tinyint", "smallint", "int", "bigint")
FLOATS = ("float", "double")

_NUMBER = r"^[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$"
_FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_NOT_FINITE = ("nan", *(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")))
_YEAR = r"^\d{4}(?!\d)"


def _family(type_text: str) -> str:
    if type_text in INTEGERS:
        return "integer"
    if type_text in FLOATS:
        return "float"
    if type_text.startswith("decimal("):
        return "decimal"
    return type_text.partition("<")[0]


_NUMERIC = ("integer", "float", "decimal")
_CASTABLE: dict[str, tuple[str, ...]] = {
    "string": ("string", *_NUMERIC, "boolean", "date", "timestamp", "timestamp_ntz", "binary", "variant"),
    "integer": ("string", *_NUMERIC, "boolean", "timestamp", "variant"),
    "float": ("string", *_NUMERIC, "boolean", "timestamp", "variant"),
    "decimal": ("string", *_NUMERIC, "boolean", "timestamp", "variant"),
    "boolean": ("string", *_NUMERIC, "boolean", "variant"),
    "date": ("string", "date", "timestamp", "timestamp_ntz", "variant"),
    "timestamp": ("string", "date", "timestamp", "timestamp_ntz", *_NUMERIC, "variant"),
    "timestamp_ntz": ("string", "date", "timestamp", "timestamp_ntz", "variant"),
    "binary": ("string", "binary"),
    "variant": ("string", *_NUMERIC, "boolean", "date", "timestamp", "timestamp_ntz", "variant"),
    "array": ("string",),
    "map": ("string",),
    "struct": ("string",),
    "void": (
        "string", *_NUMERIC, "boolean", "date", "timestamp", "timestamp_ntz", "binary", "array", "map", "struct",
        "variant",
    ),
}  # fmt: skip


def castable(from_type: str, to_type: str) -> bool:
    """Whether values of one type may be cast to the other at all; parts of nested types are looked at later."""
    source, target = _family(from_type), _family(to_type)
    return from_type == to_type or target in _CASTABLE.get(source, ()) or (is_complex(from_type) and source == target)


def strict_cast(column: Column, from_type: str, to_type: str) -> Column:
    """The value as the other type, or NULL where it does not fit; raises StepError when no value ever could.

    A violation is a NULL where the column had a value.
    """
    if from_type == to_type:
        return column
    if not castable(from_type, to_type):
        raise StepError(
            f"a column of type {from_type} cannot become {to_type}",
            code="schema.type",
            fix="compute it with `derive`" + (", or read it with `from_json`" if from_type == "string" else ""),
        )
    if is_complex(to_type) and to_type != "variant" and from_type != "void":
        from pyspark.sql.types import DataType

        return _nested(column, DataType.fromDDL(from_type), DataType.fromDDL(to_type))
    return _scalar(column, from_type, to_type)


def _scalar(column: Column, from_type: str, to_type: str) -> Column:
    from pyspark.sql import functions as F

    source, target = _family(from_type), _family(to_type)
    if from_type == to_type:
        return column
    if target == "string":
        return F.to_json(column) if is_complex(from_type) else column.cast("string")
    if source == "string" and target not in ("binary", "variant"):
        return _from_text(trimmed(column), target, to_type)
    cast = column.try_cast(to_type)
    match source, target:
        case ("decimal" | "float", "integer"):
            return F.when(cast == column, cast)
        case ("decimal", "decimal"):
            return F.when(cast.try_cast(from_type) == column, cast)
        case ("integer", "float") | ("decimal", "float"):
            return F.when(cast.try_cast(from_type) == column, cast)
        case ("float", "float"):
            infinite = F.abs(cast) == F.lit(float("inf"))
            return F.when(~infinite | (F.abs(column) == F.lit(float("inf"))), cast)
        case ("integer" | "float" | "decimal", "boolean"):
            return F.when(column.isin(0, 1), cast)
        case ("timestamp", "integer" | "decimal"):
            return F.when(cast.try_cast("timestamp") == column, cast)
        case _:
            return cast


def _from_text(text: Column, target: str, to_type: str) -> Column:
    from pyspark.sql import functions as F

    cast = text.try_cast(to_type)
    match target:
        case "decimal":
            scale = int(to_type.rstrip(")").rpartition(",")[2])
            point = F.instr(text, ".")
            short = (point == 0) | (F.length(text) - point <= scale)
            plain = ~F.lower(text).contains("e")
            return F.when((plain & short) | _digits_behind_point_fit(text, scale), cast)
        case "float":
            plain = text.rlike(_FLOAT) & (F.abs(cast) < F.lit(float("inf")))
            return F.when((plain & _no_whole_number_lost(text, cast)) | F.lower(text).isin(*_NOT_FINITE), cast)
        case "date":
            # Spark takes any text behind a blank or T, and six digits as a year
            rest = ~text.rlike("[T ]") | text.try_cast("timestamp").isNotNull()
            return F.when(text.rlike(_YEAR) & rest, cast)
        case "timestamp" | "timestamp_ntz":
            # Spark takes a time alone as of today, which is another value tomorrow
            return F.when(text.rlike(_YEAR), cast)
        case _:
            return cast


def _no_whole_number_lost(text: Column, cast: Column) -> Column:
    """Whether a text of digits only, such as an id, is still the same number as a double or float."""
    from pyspark.sql import functions as F

    same = F.coalesce(
        cast.try_cast("bigint") == text.try_cast("bigint"),
        cast.try_cast("decimal(38,0)") == text.try_cast("decimal(38,0)"),
    )
    return ~text.rlike(r"^[+-]?\d{7,}$") | same


def _digits_behind_point_fit(text: Column, scale: int) -> Column:
    """Whether the number in the text, exponent and trailing zeros considered, has at most `scale` decimal places."""
    from pyspark.sql import functions as F

    fraction = F.regexp_extract(text, _NUMBER, 2)
    digits = F.concat(F.regexp_extract(text, _NUMBER, 1), fraction)
    significant = F.rtrim(digits, F.lit("0"))
    zeros = F.length(digits) - F.length(significant)
    exponent = F.coalesce(F.regexp_extract(text, _NUMBER, 3).try_cast("int"), F.lit(0))
    places = F.length(fraction).cast("bigint") - zeros - exponent
    return text.rlike(_NUMBER) & ((significant == "") | (places <= scale))


def _nested(column: Column, source: DataType, target: DataType) -> Column:
    """The parts cast one by one; one part that does not fit empties the whole, so that no part is lost in silence."""
    from pyspark.sql import functions as F

    cast, fits = _parts(column, source, target)
    return F.when(fits, cast)


def _parts(column: Column, source: DataType, target: DataType) -> tuple[Column, Column]:
    """The value with all of its parts cast, and whether all of them fit."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, MapType, StructType

    if isinstance(source, ArrayType) and isinstance(target, ArrayType):
        inner, wanted = source.elementType, target.elementType
        cast = F.transform(column, lambda x: _parts(x, inner, wanted)[0])
        return cast, F.coalesce(F.forall(column, lambda x: _parts(x, inner, wanted)[1]), F.lit(True))
    if isinstance(source, MapType) and isinstance(target, MapType):
        entries = F.map_entries(column)
        keys, values = (source.keyType, target.keyType), (source.valueType, target.valueType)
        pairs = F.transform(
            entries,
            lambda e: F.struct(_parts(e["key"], *keys)[0].alias("key"), _parts(e["value"], *values)[0].alias("value")),
        )
        fit = F.forall(entries, lambda e: _parts(e["key"], *keys)[1] & _parts(e["value"], *values)[1])
        fits = F.coalesce(fit, F.lit(True))
        return F.map_from_entries(F.when(fits, pairs)), fits
    if isinstance(source, StructType) and isinstance(target, StructType):
        return _struct(column, source, target)
    from_type, to_type = source.simpleString(), target.simpleString()
    if not castable(from_type, to_type):
        raise StepError(f"a part of type {from_type} cannot become {to_type}", code="schema.type")
    cast = _scalar(column, from_type, to_type)
    return cast, column.isNull() | cast.isNotNull()


def _struct(column: Column, source: StructType, target: StructType) -> tuple[Column, Column]:
    from pyspark.sql import functions as F

    by_name = {field.name.casefold(): field for field in source.fields}
    fields, fits = [], [F.lit(True)]
    for wanted in target.fields:
        found = by_name.get(wanted.name.casefold())
        if found is None:
            fields.append(F.lit(None).cast(wanted.dataType).alias(wanted.name))
            continue
        cast, fit = _parts(column[found.name], found.dataType, wanted.dataType)
        fields.append(cast.alias(wanted.name))
        fits.append(fit)
    return F.when(column.isNotNull(), F.struct(*fields)), column.isNull() | reduce(and_, fits)


def always_fits(from_type: str, to_type: str) -> bool:
    """Whether every value of the one type fits the other, so that nothing has to be checked."""
    if from_type in INTEGERS and to_type in INTEGERS:
        return INTEGERS.index(from_type) <= INTEGERS.index(to_type)
    widened = {("float", "double"), ("date", "timestamp"), ("date", "timestamp_ntz")}
    return from_type in (to_type, "void") or to_type == "string" or (from_type, to_type) in widened
