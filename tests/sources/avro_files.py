"""Avro files by fastavro, which knows nothing of Spark."""

from __future__ import annotations

from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any

import fastavro
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLAIN = {
    pa.int32(): "int", pa.int64(): "long", pa.float32(): "float", pa.float64(): "double", pa.string(): "string",
    pa.binary(): "bytes", pa.bool_(): "boolean", pa.date32(): {"type": "int", "logicalType": "date"},
}  # fmt: skip


def record(**fields: Any) -> dict[str, Any]:
    """A schema of these fields, each NULL or a value of its type."""
    return _record({name: ["null", kind] for name, kind in fields.items()}, "Row")


def _record(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields.items()]}


def logical(stored: Any, name: str, **more: Any) -> dict[str, Any]:
    """A type with a meaning: `logical("long", "timestamp-millis")`."""
    return {**(stored if isinstance(stored, dict) else {"type": stored}), "logicalType": name, **more}


def avro(schema: Any, rows: Sequence[Any], codec: str = "null", **options: Any) -> bytes:
    """The bytes of a file."""
    out = BytesIO()
    fastavro.writer(out, schema, rows, codec=codec, **options)
    return out.getvalue()


def as_avro(table: pa.Table) -> bytes:
    """A table of Arrow's as Avro."""
    names = count()
    schema = _record({field.name: ["null", _type(field.type, names)] for field in table.schema}, "Table")
    return avro(schema, table.to_pylist())


def _type(kind: pa.DataType, names: Iterator[int]) -> Any:
    if pa.types.is_struct(kind):
        fields = {field.name: ["null", _type(field.type, names)] for field in kind}
        return _record(fields, f"Record{next(names)}")
    if pa.types.is_list(kind):
        return {"type": "array", "items": ["null", _type(kind.value_type, names)]}
    if pa.types.is_decimal(kind):
        return logical("bytes", "decimal", precision=kind.precision, scale=kind.scale)
    if pa.types.is_timestamp(kind):
        return logical("long", "timestamp-micros" if kind.tz else "local-timestamp-micros")
    return _PLAIN[kind]
