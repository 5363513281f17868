"""Files that say themselves which columns of which types they have: those of one schema are read together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from lakehouse.errors import LakehouseError
from lakehouse.lake.errors import blames_data, causes, first_line
from lakehouse.names import quoted
from lakehouse.sources.base import SourceFile
from lakehouse.sources.conform import Take, Way, as_text, common, way
from lakehouse.sources.fields import RAW, Field, Part, Scan, Wanted, same_names
from lakehouse.sources.nested import type_text
from lakehouse.sources.reading import file_columns, load, reader
from lakehouse.sources.stores import raise_if_away

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrameReader, SparkSession
    from pyspark.sql.types import DataType, StructField, StructType


NO_SUCH_FORMAT = "_LEGACY_ERROR_TEMP_1139"
"""Spark's condition when the reader of a format is not on its class path."""
_NOT_OF_A_SCHEMA = frozenset([NO_SUCH_FORMAT, "PATH_NOT_FOUND"])
_OF_A_SCHEMA = frozenset(["IncompatibleSchemaException", "SchemaParseException", "AvroTypeException"])
"""What Spark's reader of Avro raises for a schema that it does not know."""


@dataclass(frozen=True)
class Look:
    """What a file says about itself."""

    schema: str
    """Its own schema; files with the same text are read together."""
    valued: frozenset[str] = frozenset()
    """Columns that have a value, as far as it says so."""
    nothing: frozenset[str] = frozenset()
    """Columns without a type, which are NULL everywhere."""
    nanoseconds: Mapping[str, bool] = field(default_factory=dict)
    """Columns that are timestamps in nanoseconds, which Spark reads as numbers -> whether they are instants."""


def scan_typed(
    spark: SparkSession,
    format_: str,
    files: Sequence[SourceFile],
    wanted: Wanted,
    look: Callable[[SourceFile, Mapping[str, str]], Look],
    options: Mapping[str, str] = MappingProxyType({}),
) -> Scan:
    """Read the files, those with the same schema together; the Spark jobs are those of Spark's own inference.

    `options` are the reader's. `look` runs on the driver and raises for a file that cannot be read. A new column gets a
    type that the values of all these files fit unchanged; a stored one keeps its own, or with `wanted.widen` a wider
    one, and what does not fit it is rescued (S19).
    """

    def read() -> DataFrameReader:
        return reader(spark, options).format(format_)

    failed: dict[str, str] = {}
    groups: dict[str, list[SourceFile]] = defaultdict(list)
    looks: dict[str, Look] = {}
    for file, seen in zip(files, _looks(files, look, wanted.storage), strict=True):
        if isinstance(seen, Exception):
            failed[file.path] = f"cannot be read: {seen}"
        else:
            groups[seen.schema].append(file)
            looks[seen.schema] = replace(seen, valued=seen.valued | looks.get(seen.schema, seen).valued)
    if any(seen.nanoseconds for seen in looks.values()):
        spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    shapes: list[_Shape] = []
    for schema, group in groups.items():
        came, broken = _inferred(read, group)
        failed |= broken
        if came is None:
            continue
        trouble = same_names(came.fieldNames(), wanted)
        sound = [file for file in group if file.path not in broken]
        if trouble:
            failed |= dict.fromkeys([file.path for file in sound], trouble)
        else:
            shapes.append(_Shape(sound, came, looks[schema]))
    types = types_of_columns((item for shape in shapes for item in shape.fields), wanted)
    return Scan([_part(read(), shape, types, wanted) for shape in shapes], failed, _cut(shapes), clean=True)


def _inferred(
    read: Callable[[], DataFrameReader], files: Sequence[SourceFile]
) -> tuple[StructType | None, dict[str, str]]:
    """The schema as Spark reads it of files that have the same one, and path -> why of those that it cannot read."""
    from pyspark.errors import AnalysisException, ArithmeticException

    failed: dict[str, str] = {}
    for file in files:
        try:
            return load(read(), [file]).schema, failed
        except (AnalysisException, ArithmeticException) as error:
            if error.getCondition() in _NOT_OF_A_SCHEMA:
                raise
            why = f"cannot be read: {str(error).strip().splitlines()[0]}"
            return None, dict.fromkeys([file.path for file in files], why)
        except Exception as error:  # whatever a reader raises over bytes that are none of its format
            last = causes(error)[-1]
            if last.type in _OF_A_SCHEMA:
                said = " ".join(last.message.partition("{")[0].split()).rstrip(":")  # without the schema that it quotes
                return None, dict.fromkeys([file.path for file in files], f"cannot be read: {said}")
            if not blames_data(error):
                raise
            failed[file.path] = f"cannot be read: {first_line(error)}"
    return None, failed


def _looks(
    files: Sequence[SourceFile], look: Callable[[SourceFile, Mapping[str, str]], Look], storage: Mapping[str, str]
) -> list[Look | Exception]:
    def one(file: SourceFile) -> Look | Exception:
        try:
            return look(file, storage)
        except LakehouseError:
            raise
        except Exception as error:  # whatever a library raises over bytes that are none of its format
            raise_if_away(file.path, error)
            return error

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, files))


@dataclass(frozen=True)
class _Shape:
    """Files of one schema."""

    files: Sequence[SourceFile]
    came: StructType
    look: Look

    @property
    def fields(self) -> list[StructField]:
        """The fields that can have a value, with the types that they mean."""
        from pyspark.sql.types import NullType, StructField, TimestampNTZType, TimestampType

        nothing = self.look.nothing
        found = [f for f in self.came.fields if f.name not in nothing and not isinstance(f.dataType, NullType)]
        meant = {name: TimestampType() if utc else TimestampNTZType() for name, utc in self.look.nanoseconds.items()}
        return [StructField(item.name, meant.get(item.name, item.dataType)) for item in found]

    def value(self, name: str) -> Column:
        """The field's value, as the type that it means."""
        from pyspark.sql import functions as F

        if name not in self.look.nanoseconds:
            return F.col(quoted(name))
        # `div` cuts towards zero, and times before 1970 are below it
        micros = F.expr(f"{quoted(name)} div 1000 - if({quoted(name)} % 1000 < 0, 1, 0)")
        if self.look.nanoseconds[name]:
            return F.timestamp_micros(micros)
        return F.timestamp_add("MICROSECOND", micros, F.lit("1970-01-01").cast("timestamp_ntz"))


def _cut(shapes: Sequence[_Shape]) -> list[str]:
    names = sorted({name for shape in shapes for name in shape.look.nanoseconds})
    return [f"nanoseconds are cut to microseconds, which is what Delta stores: {', '.join(names)}"] if names else []


def types_of_columns(fields: Iterable[StructField], wanted: Wanted) -> Mapping[str, DataType]:
    """Column, in small letters -> its type once all these fields are in."""
    from pyspark.sql.types import DataType

    found: dict[str, DataType] = {}
    came: dict[str, list[StructField]] = defaultdict(list)
    for item in fields:
        fold = wanted.name(item.name).casefold()
        kind = way(item.dataType, None, wanted).stored
        found[fold] = common(found[fold], kind) if fold in found else kind
        came[fold].append(item)
    for fold, items in came.items():
        stored = wanted.type(items[0].name)
        if stored is None:
            continue
        may = replace(wanted, widen=wanted.widen and fold not in wanted.fixed)
        found[fold] = way(found[fold], DataType.fromDDL(stored), may).stored
        for item in items if may.widen else ():  # what all have in common may be text, which nothing is widened to
            found[fold] = way(item.dataType, found[fold], may).stored
    return found


def _part(read: DataFrameReader, shape: _Shape, types: Mapping[str, DataType], wanted: Wanted) -> Part:
    """The files of one schema as one frame."""
    from pyspark.sql import functions as F

    frame = load(read.schema(shape.came), shape.files)
    values = [(item, shape.value(item.name)) for item in shape.fields]
    fields, columns = conformed(values, types, wanted, shape.look.valued)
    frame = frame.select(*columns, F.lit(None).cast("string").alias(RAW), *file_columns(frame, shape.files))
    return Part(frame, fields, complaint="")


def conformed(
    values: Sequence[tuple[StructField, Column]],
    types: Mapping[str, DataType],
    wanted: Wanted,
    valued: frozenset[str] = frozenset(),
) -> tuple[list[Field], list[Column]]:
    """Fields of a part, and the columns of its frame that hold them: each value as its column's type, or its text.

    `valued` names those of which is known that they have a value.
    """
    fields: list[Field] = []
    columns: list[Column] = []
    for index, (item, value) in enumerate(values):
        how = way(item.dataType, types[wanted.name(item.name).casefold()], replace(wanted, widen=False))
        field, made = taken(index, item.name, value, how, as_text(item.dataType))
        fields.append(replace(field, has_value=True if item.name in valued else None))
        columns += made
    return fields, columns


def taken(index: int, name: str, value: Column, how: Way, text: Take) -> tuple[Field, list[Column]]:
    """The field with this place in its part, and the frame's columns for it: its value, its text where that is lost."""
    from pyspark.sql import functions as F

    column, rescue, columns = f"c{index}", "", []
    kept = how.take(value)
    if how.lost is not None:
        rescue, lost = f"r{index}", F.coalesce(how.lost(value), F.lit(False))
        columns.append(F.when(lost, text(value)).alias(rescue))
        kept = F.when(~lost, kept)
    news = {path: f"n{index}_{i}" for i, path in enumerate(how.news)}
    columns += [kept.alias(column), *[F.when(there(value), True).alias(news[path]) for path, there in how.news.items()]]
    return Field(name, column, type_text(how.stored), news=news, rescue=rescue), columns
