"""From a part's fields to the table's columns: casts that rescue, the rescued data, Bronze's own columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from lakehouse.ingest.batch import BATCH, INGESTED_AT, SOURCE_FILE, SOURCE_MODIFIED, BatchRequest
from lakehouse.ingest.columns import Plan, Rules
from lakehouse.names import quoted
from lakehouse.quality.casts import strict_cast
from lakehouse.quality.records import FAILURES
from lakehouse.sources.conform import way
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Field, Part, Wanted
from lakehouse.sources.nested import MICROSECONDS, as_texts, broken, parsed

BAD = "__bad"
"""Why the row is not loaded: an array of failures, NULL for a good row."""
KIND, NAMES = "__kind", "__names"
"""What the text in `RAW` is, and of CSV the names of its fields."""


@dataclass(frozen=True)
class _Value:
    """A field on its way into a column: what is stored, and what is rescued where that is not all."""

    value: Column
    raw: Column
    misfit: Column


def placed(
    part: Part,
    place: Mapping[str, str | None],
    plan: Plan,
    rules: Rules,
    request: BatchRequest,
    extra: Sequence[str] = (),
) -> DataFrame:
    """The part's rows with the table's columns, Bronze's own, `RAW`, `BAD` and `extra` ones, SQL over its frame.

    What is only passed on goes as SQL text, because a call into the JVM for each of 20,000 columns takes minutes.
    """
    texts: dict[str, str] = {}
    made: dict[str, Column] = {}
    rescued: dict[str, Column] = {}
    frame = part.frame
    for item in part.fields:
        if item.column not in place and rules.rescues:
            rescued[item.name] = _text(F.col(item.column), item)
        column = place.get(item.column)
        if column is None:
            continue
        if item.shape is None and (item.stored == plan.columns[column] or "<" in item.stored):
            texts[column] = f"CAST({item.column} AS {plan.columns[column]})"
            if item.rescue:
                rescued[column] = F.col(item.rescue)
        else:
            if item.shape is not None:
                frame = frame.withColumn(f"p_{item.column}", parsed(F.col(item.column), as_texts(item.shape)))
            value = _value(item, plan.columns[column])
            made[column] = value.value.cast(plan.columns[column])
            rescued[column] = F.when(value.misfit, _text(value.raw, item))
    partitions = _partitions(part, plan, rules, request, rescued)
    made |= {name: value for name, value in partitions.items() if name not in texts and name not in made}
    for index, name in enumerate(made):
        texts[name] = f"v{index}"
    breaks = [
        (name, f"{texts.get(_spelled(name, plan), 'NULL')} IS NULL")
        for name, spec in (request.schema or {}).items()
        if not spec.nullable
    ]
    frame = frame.select("*", *[value.alias(texts[name]) for name, value in made.items()])
    raw = F.coalesce(RAW, _as_json(part)) if breaks or part.undecoded else F.col(RAW)
    frame = frame.select(
        "*",
        F.lit(request.ingested_at).cast("timestamp").alias("__at"),
        _rescued(rescued).alias("__rescued"),
        raw.alias("__text"),
        _failures(part, [(name, F.expr(broke)) for name, broke in breaks]).alias("__failures"),
        F.when(F.col(RAW).isNotNull(), part.kind).otherwise("json").alias("__kind_of_text"),
        _names(part).alias("__names_of_fields"),
    )
    return frame.selectExpr(
        *[f"{texts.get(name) or f'CAST(NULL AS {text})'} AS {quoted(name)}" for name, text in plan.columns.items()],
        f"{FILE} AS {SOURCE_FILE}",
        f"{MODIFIED} AS {SOURCE_MODIFIED}",
        f"__at AS {INGESTED_AT}",
        f"CAST({request.batch} AS bigint) AS {BATCH}",
        f"__rescued AS {quoted(rules.rescued_column)}",
        f"__text AS {RAW}",
        f"__failures AS {BAD}",
        f"__kind_of_text AS {KIND}",
        f"__names_of_fields AS {NAMES}",
        *extra,
    )


def _spelled(name: str, plan: Plan) -> str:
    return next((column for column in plan.columns if column.casefold() == name.casefold()), name)


def _value(item: Field, target: str) -> _Value:
    raw = F.col(item.column)
    if item.shape is not None:
        value, misfit = _exactly(F.col(f"p_{item.column}"), raw, item.shape, item.foreign)
        return _Value(value.cast(item.stored), raw, misfit)
    if "<" in target:
        shape = DataType.fromDDL(target)
        value, misfit = _exactly(parsed(raw, as_texts(shape)), raw, shape, ())
        return _Value(value, raw, misfit)
    value = F.try_parse_json(raw) if target == "variant" else strict_cast(raw, item.stored, target)
    return _Value(value, raw, raw.isNotNull() & value.isNull())


def _exactly(parse: Column, raw: Column, shape: DataType, foreign: Sequence[str]) -> tuple[Column, Column]:
    """What was parsed as texts, with its values as those of the shape, and whether that is not all of it.

    JSON's own reader would round and cut what does not fit.
    """
    how = way(as_texts(shape), shape, Wanted({}, evolve=False, exact=True))
    value = parse.getField("value")
    misfit = broken(parse, raw, foreign)
    if how.lost is not None:
        misfit = misfit | F.coalesce(how.lost(value), F.lit(False))
    return F.when(~misfit, how.take(value)), misfit


def _partitions(
    part: Part, plan: Plan, rules: Rules, request: BatchRequest, rescued: dict[str, Column]
) -> dict[str, Column]:
    """Column -> value out of the file's path; a field of the same name that says otherwise is rescued."""
    found: dict[str, Column] = {}
    by_name = {rules.wanted.name(item.name).casefold(): item for item in part.fields}
    for key in rules.partitions:
        name = next((n for n in plan.columns if n.casefold() == rules.wanted.name(key).casefold()), None)
        text = _partition_text(key, request)
        same = by_name.get(rules.wanted.name(key).casefold())
        other = F.lit(None).cast("string")
        if same is not None and rules.rescues:
            own = _text(F.col(same.column), same)
            other = rescued[same.name] = F.when(~own.eqNullSafe(text), own)
        if name is None:
            continue
        value = strict_cast(text, "string", plan.columns[name])
        found[name] = value
        if plan.columns[name] != "string":
            rescued[name] = F.coalesce(F.when(text.isNotNull() & value.isNull(), text), other)
    return found


def _partition_text(key: str, request: BatchRequest) -> Column:
    """The value of the nearest folder `key=value` above the file, NULL when there is none."""
    spelled = {name for file in request.files for name in file.partitions if name.casefold() == key.casefold()}
    if not any(file.partitions.get(name) is not None for file in request.files for name in spelled):
        return F.lit(None).cast("string")
    text = F.regexp_extract(FILE, rf"(?is).*/\Q{_hive(key)}\E=([^/]*)/", 1)
    plain = F.coalesce(F.try_url_decode(F.replace(text, F.lit("+"), F.lit("%2B"))), text)
    return F.when((text != "") & (text != "__HIVE_DEFAULT_PARTITION__"), plain)


def _hive(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe=" -_.!~()+,;@$&")


def _text(value: Column, item: Field) -> Column:
    """The field's value as the text that is rescued: bytes in Base64 and what is nested as JSON, as in Spark's JSON."""
    if item.shape is not None:
        return value
    if "<" in item.stored:
        text = F.to_json(value, MICROSECONDS)
    else:
        text = F.base64(value) if item.stored == "binary" else value.cast("string")
    return F.coalesce(F.col(item.rescue), text) if item.rescue else text


def _rescued(rescued: Mapping[str, Column]) -> Column:
    """Auto Loader's JSON: each rescued field with the text it came as, and the file; NULL when there is none."""
    if not rescued:
        return F.lit(None).cast("string")
    fields = [value.alias(name) for name, value in rescued.items()]
    some = F.coalesce(*rescued.values()).isNotNull()
    return F.when(some, F.to_json(F.struct(*fields, F.col(FILE).alias("_file_path"))))


def _failures(part: Part, breaks: Sequence[tuple[str, Column]]) -> Column:
    nothing = F.lit(None).cast("string")

    def unread(why: str) -> Column:
        named = F.lit("record").alias("name"), nothing.alias("column"), nothing.alias("value")
        return F.array(F.struct(*named, F.lit(why).alias("message")))

    failures = F.when(F.col(RAW).isNotNull(), unread(part.complaint))
    if part.undecoded:
        why = f"the record has bytes that are not {part.encoding}; `options: {{encoding: …}}` says what they are"
        failures = failures.when(F.expr(part.undecoded), unread(why))
    if breaks:
        nulls = [
            F.when(
                broke,
                F.struct(
                    F.lit(f"schema.{name}").alias("name"),
                    F.lit(name).alias("column"),
                    nothing.alias("value"),
                    F.lit("NULL, but the column is not nullable").alias("message"),
                ),
            )
            for name, broke in breaks
        ]
        found = F.filter(F.array(*nulls), lambda failure: failure.isNotNull())
        failures = F.coalesce(failures, F.when(F.size(found) > 0, found))
    return failures.cast(FAILURES)


def _names(part: Part) -> Column:
    nothing = F.lit(None).cast("array<string>")
    if part.kind != "csv":
        return nothing
    # one literal, however many there are
    names = F.from_json(F.lit(json.dumps([item.name for item in part.fields])), "array<string>")
    return F.when(F.col(RAW).isNotNull(), names)


def _as_json(part: Part) -> Column:
    """The record as JSON, where the text it came as is not kept."""
    fields = [_text(F.col(item.column), item) if item.rescue else F.col(item.column) for item in part.fields]
    named = [value.alias(item.name) for value, item in zip(fields, part.fields, strict=True)]
    return F.to_json(F.struct(*named), MICROSECONDS)
