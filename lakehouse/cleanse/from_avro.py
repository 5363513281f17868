"""Avro values read by a schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from lakehouse.cleanse.base import OwnName, resolved, rule
from lakehouse.cleanse.texts import PARSED, FromText, checked, into
from lakehouse.errors import MachineError, StepError
from lakehouse.names import quoted
from lakehouse.quality.rows import types_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.quality.checks import Checks

_READ = "lakehouse_read"
"""A field that is in no value and has a default: it is there when the value was read."""


def _record(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError("an Avro schema is JSON; write it in one line, in single quotes") from None
    if not isinstance(found, dict) or found.get("type") != "record" or not isinstance(found.get("fields"), list):
        raise ValueError('the schema is no record; write {"type": "record", "name": …, "fields": […]}')
    return text


AvroRecord = Annotated[str, AfterValidator(_record)]
"""The Avro schema of a record, as JSON."""


class FromAvro(FromText):
    """Avro read by a schema: `{column, schema, into, options}`."""

    column: str = Field(min_length=1)
    """The value, binary: one record as Avro encodes it, without a file's header."""
    into: OwnName | None = None
    """Name of the result's column; the value is replaced without it."""
    schema_: AvroRecord = Field(alias="schema")
    """The Avro schema that it was written with, as JSON; a record."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Options of Spark's Avro reader, as `datetimeRebaseMode`."""

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        yield f"{word}.{self.column}", None


@rule(FromAvro, lambda known, args: into(known, args, None))
def from_avro(frame: DataFrame, args: FromAvro, checks: Checks) -> DataFrame:
    """Avro read by a schema; a value that is no record of it is the violation `from_avro.<column>`.

    It needs spark-avro among Spark's jars, as sources of Avro do. A value without the bytes that a registry puts in
    front of it: what stands behind a whole record is not looked at.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import from_avro as read

    (name,) = resolved(frame, [args.column], "from_avro")
    if (kind := types_of(frame)[name]) != "binary":
        raise StepError(f"from_avro: column {name!r} is {kind}, and Avro is binary", code="cleanse.from_avro")
    _need_avro(frame)
    schema = json.loads(args.schema_)
    reader = {**schema, "fields": [*schema["fields"], {"name": _READ, "type": "int", "default": 1}]}
    options = {key: str(value) for key, value in args.options.items()}
    options |= {"mode": "PERMISSIVE", "avroSchema": json.dumps(reader)}
    staged = read(F.col(quoted(name)), args.schema_, options)
    broken = F.col(quoted(name)).isNotNull() & F.col(PARSED)[_READ].isNull()
    value = F.when(~broken, F.col(PARSED).dropFields(_READ))
    return checked(frame, args.into or name, name, staged, value, broken, checks, "from_avro")


def _need_avro(frame: DataFrame) -> None:
    spark = frame.sparkSession
    try:
        spark._jvm.java.lang.Thread.currentThread().getContextClassLoader().loadClass(  # type: ignore[union-attr]
            "org.apache.spark.sql.avro.AvroDeserializer"
        )
    except Exception as error:
        raise MachineError(
            "this Spark cannot read Avro: spark-avro is not on its class path",
            code="jars",
            fix=f"add org.apache.spark:spark-avro_2.13 for Spark {spark.version} to the session's jars",
        ) from error
