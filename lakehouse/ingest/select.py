"""`copy_into.select`: what is loaded is made of the files' columns by expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.errors import StepError
from lakehouse.ingest.batch import SOURCE_FILE, SOURCE_MODIFIED, BatchRequest
from lakehouse.ingest.columns import Plan, Rules, plan
from lakehouse.ingest.values import placed
from lakehouse.names import quoted
from lakehouse.quality.binding import bound
from lakehouse.quality.expressions import projection, star_except
from lakehouse.sources.fields import FILE, MODIFIED, RAW, Field, Part, Scan, Wanted
from lakehouse.sources.typed import conformed, types_of_columns


def of_files(settings: Rules) -> Rules:
    """The rules by which the files are read for a selection: as they are, into no table."""
    wanted = replace(settings.wanted, columns={}, evolve=True, fixed=frozenset())
    return replace(settings, wanted=wanted, known={}, expected={}, mode="add_new_columns", first=True, rescues=True)


def selected(scan: Scan, request: BatchRequest, settings: Rules, items: Sequence[str]) -> Scan:
    """The scan of a batch's files, read by `of_files(settings)`, as what the items of a SELECT list make of its rows.

    No Spark job. Raises StepError for a column that no file has, and for two columns of one name.
    """
    inner = of_files(settings)
    columns = plan(inner, [part.fields for part in scan.parts])
    texts = _texts(items, columns, request)
    parts = [_part(part, i, columns, inner, request, texts, settings.wanted) for i, part in enumerate(scan.parts)]
    return replace(scan, parts=parts)


def _texts(items: Sequence[str], columns: Plan, request: BatchRequest) -> list[str]:
    """The items for Spark: stars as lists of columns, and the time of a replay is the time of its batch (S3)."""
    texts: list[str] = []
    for item in items:
        expression, name = projection(item)
        left_out = star_except(item)
        if left_out is not None:
            texts += [quoted(column) for column in columns.columns if column.casefold() not in left_out]
        elif name is None:
            texts.append(item)
        else:
            texts.append(f"{bound(expression, {}, request.ingested_at)} AS {quoted(name)}")
    return texts


def _part(
    part: Part, index: int, columns: Plan, inner: Rules, request: BatchRequest, texts: Sequence[str], wanted: Wanted
) -> Part:
    rows = placed(part, columns.places[index], columns, inner, replace(request, schema=None))
    rows = _with_metadata(rows, request, texts)
    try:
        made = rows.selectExpr(*texts).schema
    except AnalysisException as error:
        found = ", ".join(columns.columns) or "none"
        raise StepError(
            f"`select` does not fit the files: {str(error).strip().splitlines()[0]}",
            code="source.select",
            fix=f"the files of this batch have the columns {found}",
        ) from error
    names = [field.name.casefold() for field in made.fields]
    if twice := [field.name for i, field in enumerate(made.fields) if field.name.casefold() in names[:i]]:
        raise StepError(
            f"`select` gives two columns called {twice[0]!r}", code="source.select", fix="give one of them another name"
        )
    rest = (quoted(inner.rescued_column), RAW, SOURCE_FILE, SOURCE_MODIFIED)
    rows = rows.selectExpr(*texts, *rest).toDF(*[f"s{i}" for i in range(len(names))], "rest", RAW, FILE, MODIFIED)
    fields, values = conformed(
        [(field, F.col(f"s{i}")) for i, field in enumerate(made.fields)], types_of_columns(made.fields, wanted), wanted
    )
    # what had no place before the selection is not lost by it
    fields = [*fields, Field(inner.rescued_column, "rest", placed=False)]
    return replace(part, frame=rows.select(*values, "rest", RAW, FILE, MODIFIED), fields=fields)


def _with_metadata(rows: DataFrame, request: BatchRequest, texts: Sequence[str]) -> DataFrame:
    """The rows with Spark's `_metadata` of their files, the path as the ledger has it."""
    path, size = F.col(SOURCE_FILE), F.lit(None).cast("bigint")
    if any("file_size" in text for text in texts):
        sizes = pa.table({"__path": [f.path for f in request.files], "__size": [f.size for f in request.files]})
        listed = F.broadcast(rows.sparkSession.createDataFrame(sizes))
        rows, size = rows.join(listed, path == F.col("__path"), "left"), F.col("__size")
    metadata = F.struct(
        path.alias("file_path"),
        F.substring_index(path, "/", -1).alias("file_name"),
        size.alias("file_size"),
        F.col(SOURCE_MODIFIED).alias("file_modification_time"),
    )
    return rows.select("*", metadata.alias("_metadata"))
