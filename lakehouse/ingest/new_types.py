"""Types of what is new in a batch: hinted for nested fields, and inferred from the texts of a sample.

An inferred type is one that every value of the sample has unchanged: `007`, `1.50`, `12:30`, a number with more digits
than the type, and columns of which one value is no number stay texts. What does not fit later is rescued, as with a
hint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType

from lakehouse.ingest.columns import Plan, Rules
from lakehouse.sources.base import SourceFile
from lakehouse.sources.fields import Field, Scan
from lakehouse.sources.nested import as_texts, parsed, type_text

Path = tuple[str, ...]
"""A column and the parts inside of it, in small letters; those of arrays and maps are `element`, `key`, `value`."""

SAMPLE_FILES = 1000
SAMPLE_BYTES = 1 << 30
_MANY = 2000
"""More new texts than this at once stay texts: to look at each of them takes Spark too long."""

_LONG, _DOUBLE, _BOOLEAN, _DATE, _CLOCK, _INSTANT = (1 << bit for bit in range(6))
_TYPES = {
    _LONG: "bigint", _DOUBLE: "double", _BOOLEAN: "boolean", _DATE: "date", _CLOCK: "timestamp", _INSTANT: "timestamp",
}  # fmt: skip
_ALL = sum(_TYPES)
_TIMES = _DATE | _CLOCK | _INSTANT


def sample(files: Sequence[SourceFile]) -> list[SourceFile]:
    """The newest files, at most `SAMPLE_FILES` and `SAMPLE_BYTES` of them, at least one; in their order."""
    taken: list[SourceFile] = []
    for file in sorted(files, key=lambda file: (file.modified, file.path), reverse=True)[:SAMPLE_FILES]:
        if taken and sum(f.size for f in taken) + file.size > SAMPLE_BYTES:
            break
        taken.append(file)
    return [file for file in files if file in taken]


def hinted(columns: Plan, settings: Rules) -> dict[str, str]:
    """Column -> its type with the hints for new fields inside of it, where that is another."""
    return _retyped(columns, settings, lambda path, _: settings.nested.get(path)) if settings.nested else {}


def inferred(scan: Scan, columns: Plan, settings: Rules) -> dict[str, str]:
    """Column -> its type with what the scan's texts can be without a change, where that is another; ONE Spark job."""
    news: list[Path] = []

    def note(path: Path, kind: DataType) -> str | None:
        if isinstance(kind, StringType) and path not in settings.nested:
            news.append(path)
        return None

    _retyped(columns, settings, note)
    if not news or len(news) > _MANY or not scan.parts:
        return {}
    frames = [_masks(scan, index, news, columns) for index in range(len(scan.parts))]
    bits = [f"bit_and({name}) AS {name}" for name in frames[0].columns]
    found = reduce(DataFrame.union, frames).selectExpr(*bits).collect()[0]
    types = {path: _type(mask or 0) for path, mask in zip(news, found, strict=True)}
    return _retyped(columns, settings, lambda path, _: settings.nested.get(path) or types.get(path))


def _type(mask: int) -> str | None:
    return next((kind for bit, kind in _TYPES.items() if mask & bit), None)


def _retyped(columns: Plan, settings: Rules, pick: Callable[[Path, DataType], str | None]) -> dict[str, str]:
    """Column -> type in which `pick` chose another for a part that the table does not have yet."""
    fixed = {name.casefold() for name in (*settings.expected, *settings.partitions)}
    found: dict[str, str] = {}
    for name in (*columns.new, *columns.changed):
        if name.casefold() in fixed:
            continue
        came = DataType.fromDDL(columns.columns[name])
        now = settings.known.get(name)
        text = type_text(_pick(came, DataType.fromDDL(now) if now else None, (name.casefold(),), pick))
        if text != columns.columns[name]:
            found[name] = text
    return found


def _pick(came: DataType, now: DataType | None, path: Path, pick: Callable[[Path, DataType], str | None]) -> DataType:
    if now is None and (chosen := pick(path, came)):
        return DataType.fromDDL(chosen)
    if isinstance(came, StructType):
        there = {item.name.casefold(): item.dataType for item in now.fields} if isinstance(now, StructType) else {}
        inside = [(item.name, item.dataType, there.get(item.name.casefold())) for item in came.fields]
        return StructType([StructField(n, _pick(k, t, (*path, n.casefold()), pick)) for n, k, t in inside])
    if isinstance(came, ArrayType):
        known = now.elementType if isinstance(now, ArrayType) else None
        return ArrayType(_pick(came.elementType, known, (*path, "element"), pick))
    if isinstance(came, MapType):
        keys, values = (now.keyType, now.valueType) if isinstance(now, MapType) else (None, None)
        key = _pick(came.keyType, keys, (*path, "key"), pick)
        return MapType(key, _pick(came.valueType, values, (*path, "value"), pick))
    return came


# --- what a text can be -------------------------------------------------------------------------------------------


def _masks(scan: Scan, index: int, news: Sequence[Path], columns: Plan) -> DataFrame:
    """For each path a column with a bit for each type that the row's texts there have; NULL without a value."""
    part = scan.parts[index]
    fields = {
        column.casefold(): item
        for item in part.fields
        if (column := columns.places[index].get(item.column)) is not None
    }
    good = part.frame.where("__raw IS NULL")
    masks = [_mask_of(fields.get(path[0]), path[1:]).alias(f"m{i}") for i, path in enumerate(news)]
    return good.select(*masks)


def _mask_of(item: Field | None, path: Path) -> Column:
    if item is None:
        return F.lit(None).cast("int")
    value = F.col(item.column)
    kind = DataType.fromDDL(item.stored)
    if item.shape is not None:
        kind = as_texts(kind)
        value = parsed(value, as_texts(item.shape)).getField("value").cast(kind)
    mask = _inside(value, kind, path)
    return mask.bitwiseAND(F.lit(_TIMES)) if path in item.texts else mask


def _inside(value: Column, kind: DataType, path: Path) -> Column:
    """The mask of all texts at the path inside of the value."""
    if not path:
        return _mask(value) if isinstance(kind, StringType) else F.lit(None).cast("int")
    if isinstance(kind, StructType):
        found = next((item for item in kind.fields if item.name.casefold() == path[0]), None)
        return _inside(value.getField(found.name), found.dataType, path[1:]) if found else F.lit(None).cast("int")
    if isinstance(kind, ArrayType):
        element = kind.elementType
        masks = F.filter(F.transform(value, lambda one: _inside(one, element, path[1:])), lambda one: one.isNotNull())
        both = F.aggregate(masks, F.lit(_ALL), lambda one, other: one.bitwiseAND(other))
        return F.when(F.size(masks) > 0, both)
    return F.lit(None).cast("int")


def _mask(text: Column) -> Column:
    """A bit for each type that has the text unchanged; NULL for NULL."""
    whole = text.rlike(r"^(0|-?[1-9]\d{0,18})$")
    digits = F.length(F.regexp_replace(text, r"\D", ""))
    double = text.rlike(r"^-?(0|[1-9]\d*)(\.0|\.\d*[1-9])?$") & (text != "-0") & (text != "-0.0")
    # up to 15 digits survive in a double; of more, what Java prints as it was
    double = double & ((digits <= 15) | (text.try_cast("double").cast("string") == text))
    clock = text.rlike(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$")
    instant = text.rlike(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)$")
    # a clock time that the time zone skips would become another
    same = _cut(F.replace(text, F.lit("T"), F.lit(" "))) == _cut(text.try_cast("timestamp").cast("string"))
    fits: Mapping[int, Column] = {
        _LONG: whole & text.try_cast("bigint").isNotNull(),
        _DOUBLE: double,
        _BOOLEAN: text.isin("true", "false"),
        _DATE: text.rlike(r"^\d{4}-\d\d-\d\d$") & (text.try_cast("date").cast("string") == text),
        _CLOCK: clock & same,
        _INSTANT: instant & text.try_cast("timestamp").isNotNull(),
    }
    bits = [F.when(F.coalesce(fit, F.lit(False)), F.lit(bit)).otherwise(F.lit(0)) for bit, fit in fits.items()]
    return F.when(text.isNotNull(), reduce(lambda one, other: one.bitwiseOR(other), bits))


def _cut(time: Column) -> Column:
    """A time without zeros at the end of its fraction."""
    return F.regexp_replace(F.regexp_replace(time, r"(\.\d*?)0+$", "$1"), r"\.$", "")
