"""Records of a quarantine, read once more by their texts: each alone, so that a broken one swallows no other."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.ingest.batch import RAW_FIELDS, RAW_FORMAT, RAW_TEXT, SOURCE_FILE, SOURCE_MODIFIED, BatchRequest
from lakehouse.sources import json
from lakehouse.sources.fields import FILE, MODIFIED, Part, Scan, Wanted


def along(texts: DataFrame | None) -> list[str]:
    """The hidden columns of the texts, which go along with their rows."""
    return [] if texts is None else [name for name in texts.columns if name.startswith("__")]


def scan_texts(spark: SparkSession, request: BatchRequest, wanted: Wanted) -> Scan:
    """The records as parts, by what their texts are; a short Spark job finds that out, and each kind has one more."""
    texts = request.texts
    assert texts is not None, "records are read by their texts"
    kinds = [row[0] for row in texts.select(RAW_FORMAT).distinct().collect()]
    parts: list[Part] = []
    for kind in sorted(kinds):
        records = texts.where(F.col(RAW_FORMAT) == F.lit(kind)).select(
            F.coalesce(RAW_TEXT, F.lit("")).alias("value"),
            F.col(RAW_FIELDS).alias("names"),
            F.col(SOURCE_FILE).alias(FILE),
            F.col(SOURCE_MODIFIED).alias(MODIFIED),
            *along(texts),
        )
        own = kind == request.source.format  # type: ignore[attr-defined]
        leaf: Any = importlib.import_module(f"lakehouse.sources.{kind}") if own else json
        # what is kept of formats without texts, and of what cannot be shown as it came, is plain JSON
        options = request.source if own else json.Options(path=request.source.path)
        found = leaf.of_texts(spark, options, records, wanted, along(texts))
        parts += found if own else [_with_bytes(part, wanted) for part in found]
    return Scan(parts)


def _with_bytes(part: Part, wanted: Wanted) -> Part:
    """Bytes stand as Base64 in the JSON that is kept of formats without texts."""
    names = {item.column for item in part.fields if wanted.type(item.name) == "binary"}
    frame = part.frame.withColumns({name: F.unbase64(name) for name in names}) if names else part.frame
    fields = [replace(item, stored="binary") if item.column in names else item for item in part.fields]
    return replace(part, frame=frame, fields=fields)
