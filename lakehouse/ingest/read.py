"""Read a batch: its good rows as one frame, bad records apart, files that cannot be read named."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from lakehouse.errors import DataError, StepError, TransientError
from lakehouse.ingest import new_types
from lakehouse.ingest.batch import (
    BATCH,
    INGESTED_AT,
    RAW_FIELDS,
    RAW_FORMAT,
    RAW_TEXT,
    SOURCE_FILE,
    SOURCE_MODIFIED,
    BatchRequest,
    Ingested,
)
from lakehouse.ingest.columns import HIDDEN, Plan, Rules, plan, rules
from lakehouse.ingest.counting import Counts, count
from lakehouse.ingest.decoding import doubtful, settled
from lakehouse.ingest.files import failed_file, unchanged, unreadable
from lakehouse.ingest.select import of_files, selected
from lakehouse.ingest.texts import along, scan_texts
from lakehouse.ingest.values import BAD, KIND, NAMES, placed
from lakehouse.lake.errors import blames_data, causes, first_line, translate
from lakehouse.names import quoted
from lakehouse.quality.records import FAILURES
from lakehouse.sources.fields import RAW, Field, Part, Scan

_ROUNDS = 3
_DOUBTFUL = "__doubtful"
"""Whether a sign of the row may stand for bytes that are no text."""
_SURPRISE = "has a record now that cannot be read: the file is being written"


def read_batch(spark: SparkSession, request: BatchRequest) -> Ingested:
    """Read the batch's files into one lazy frame. `spark` is the step's own session.

    Spark jobs: for JSON one, which infers the fields and sees whether a record is bad; for CSV one aggregate, which
    counts rows, bad records, rescued rows and the values of new columns (the headers are read on the driver), and in a
    batch that is `trusted` reads only the first records, if there are new columns. JSON needs that aggregate too when
    there are bad records or, if it does not trust, columns that must not be NULL. New columns whose types are
    inferred cost one job over the sample, and the files are looked at once more. Each file that cannot be read costs
    its round again; after three rounds the rest is probed on the driver.

    Raises StepError when a record or file is bad and that is to fail the step, when a new column comes and that is to
    fail, and for errors that no file is to blame for.
    """
    settings = rules(request)
    spark.conf.set("spark.sql.files.openCostInBytes", str(1 << 16))  # many small files to a task
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", "1000000")
    files, failed = unchanged(request.files, request.storage)
    for attempt in range(len(files) + 2):
        refuse(failed, request)
        if attempt == _ROUNDS:
            failed |= unreadable(files, request.storage)
            files = [file for file in files if file.path not in failed]
        try:
            return _read(spark, replace(request, files=files), settings, failed)
        except StepError:
            raise
        except Exception as error:
            found = blamed(spark, replace(request, files=files), error)
            if not found:
                raise translate(error, "reading the files") from error
            failed |= found
            files = [file for file in files if file.path not in found]
    raise AssertionError("every round takes a file away")


def read_records(spark: SparkSession, request: BatchRequest) -> Ingested:
    """Read the records of `request.texts` as `read_batch` reads those of files; what is bad is in `bad`, also hidden.

    Spark jobs: one for the kinds of texts, one or two for each kind, and one aggregate, which counts.
    """
    return _read(spark, request, rules(request), {})


def blamed(spark: SparkSession, request: BatchRequest, error: Exception) -> dict[str, str]:
    """The files that are to blame for an error over the batch, with the reason for the ledger; none when no file is.

    One that the error names, else those that Spark cannot read even alone: they are read again, by halves.
    """
    if isinstance(translate(error, ""), TransientError):
        return {}
    path = failed_file("\n".join([*(cause.message for cause in causes(error)), str(error)]), request.files)
    if path is not None:
        return {path: f"cannot be read: {first_line(error)}"}
    return _unreadable_alone(spark, replace(request, look=True), rules(request)) if blames_data(error) else {}


def _unreadable_alone(spark: SparkSession, request: BatchRequest, settings: Rules) -> dict[str, str]:
    try:
        read = _read(spark, request, settings, {})
        read.frame.write.format("noop").mode("overwrite").save()
    except StepError:
        return {}  # whoever asked gets to it without us
    except Exception as error:
        if not blames_data(error):
            raise
        if len(request.files) == 1:
            return {request.files[0].path: f"cannot be read: {first_line(error)}"}
        half = len(request.files) // 2
        return {
            path: why
            for part in (request.files[:half], request.files[half:])
            for path, why in _unreadable_alone(spark, replace(request, files=part), settings).items()
        }
    return dict(read.failed)


def surprised(error: Exception) -> bool:
    """Whether a bad record came up in a batch that was taken for good; to `look` shows it."""
    return any(_SURPRISE in cause.message for cause in causes(error))


def refuse(failed: Mapping[str, str], request: BatchRequest) -> None:
    """Raise StepError when there are files that cannot be loaded and `on_bad_file` is `fail`."""
    if failed and request.on_bad_file == "fail":
        shown = "; ".join(f"{path} {why}" for path, why in list(failed.items())[:5])
        raise StepError(f"{len(failed)} file(s) cannot be loaded: {shown}", code="source.file")


def _read(spark: SparkSession, request: BatchRequest, settings: Rules, failed: dict[str, str]) -> Ingested:
    items = request.copy_into.select if request.copy_into else None
    scan = _scan(spark, request, of_files(settings) if items else settings)
    failed = {**failed, **scan.failed}
    refuse(failed, request)
    request = replace(request, files=[file for file in request.files if file.path not in scan.failed])
    if items:
        scan = selected(scan, request, settings, items)
        settings = replace(settings, partitions=())  # a column of folders is loaded where it is selected
    elif types := _new_types(spark, scan, request, settings):
        settings = settings.typed(types)
        scan = replace(_scan(spark, request, settings), warnings=scan.warnings)
    fields = [part.fields for part in scan.parts]
    first = plan(settings, fields)
    counts = count(scan, first, settings, request)
    if counts.doubtful:
        scan = settled(spark, scan, request.files)
        counts = count(scan, first, settings, request)
    columns = plan(settings, fields, counts.empty)
    _refuse_new(counts.news, settings, request)
    frame, bad = _frames(spark, scan, columns, settings, request, counts)
    observed = None
    if counts.rescued is None:
        observed = Observation()
        frame = frame.observe(observed, F.count(quoted(settings.rescued_column)))
    return Ingested(
        frame=frame,
        new_columns={name: columns.columns[name] for name in columns.new},
        comments={name: came for name, came in columns.new.items() if came != name},
        bad=bad,
        failed=failed,
        rows=counts.rows,
        rejected=counts.rejected,
        rescued=counts.rescued,
        observed=observed,
        warnings=[*scan.warnings, *_warnings(columns, fields, counts, settings)],
        changed_columns=columns.changed,
    )


def _scan(spark: SparkSession, request: BatchRequest, settings: Rules) -> Scan:
    if request.texts is not None:
        return scan_texts(spark, request, settings.wanted)
    leaf: Any = importlib.import_module(f"lakehouse.sources.{request.source.format}")  # type: ignore[attr-defined]
    scan: Scan = leaf.scan(spark, request.source, request.files, settings.wanted)
    if request.rows is None:
        return scan
    return replace(scan, parts=[replace(part, frame=part.frame.limit(request.rows)) for part in scan.parts])


def _new_types(spark: SparkSession, scan: Scan, request: BatchRequest, settings: Rules) -> dict[str, str]:
    """Column -> type, for columns that get another than the one they came with; the files are then read with these."""
    columns = plan(settings, [part.fields for part in scan.parts])
    if not settings.wanted.infer or not (columns.new or columns.changed):
        return new_types.hinted(columns, settings)
    newest = new_types.sample(request.files)
    if len(newest) == len(request.files):
        return new_types.inferred(scan, columns, settings)
    part = _scan(spark, replace(request, files=newest), settings)
    sampled = replace(columns, places=plan(settings, [part.fields for part in part.parts]).places)
    return new_types.inferred(part, sampled, settings)


def _refuse_new(news: Sequence[str], settings: Rules, request: BatchRequest) -> None:
    if not news or settings.mode != "fail_on_new_columns":
        return
    fix = (
        "`auto_loader: {schema_evolution_mode: add_new_columns}`"
        if request.copy_into is None
        else "`merge_schema: true`"
    )
    raise StepError(
        f"the files have {'columns' if len(news) > 1 else 'a column'} that the table does not: {', '.join(news)}",
        code="source.new_columns",
        fix=f"add {'them' if len(news) > 1 else 'it'} to the table's `schema`, or write {fix}",
    )


def _frames(
    spark: SparkSession, scan: Scan, columns: Plan, settings: Rules, request: BatchRequest, counts: Counts
) -> tuple[DataFrame, DataFrame | None]:
    """The rows to load and the bad records."""
    uncounted = counts.rows is None and not scan.clean
    hidden = along(request.texts)
    parts = [
        placed(
            part, columns.places[i], columns, settings, request,
            [f"({_doubt(part, uncounted)}) AS {_DOUBTFUL}", *hidden],
        )
        for i, part in enumerate(scan.parts)
    ] or [_no_rows(spark, columns, settings)]  # fmt: skip
    rows = reduce(DataFrame.union, parts)
    if not counts.rejected:
        return rows.where(_still_good()).drop(RAW, BAD, KIND, NAMES, _DOUBTFUL), None
    bad = rows.where(F.col(BAD).isNotNull()).select(
        *hidden,
        F.col(RAW).alias(RAW_TEXT),
        F.col(KIND).alias(RAW_FORMAT),
        F.col(NAMES).alias(RAW_FIELDS),
        SOURCE_FILE,
        SOURCE_MODIFIED,
        F.col(BAD).alias("_failures"),
        F.lit("record").alias("_stage"),
    )
    if request.on_bad_record == "fail":
        _refuse_bad(bad, counts.rejected)
    good = rows.where(F.col(BAD).isNull()).drop(RAW, BAD, KIND, NAMES, _DOUBTFUL)
    return good, bad if request.on_bad_record == "quarantine" else None


def _doubt(part: Part, uncounted: bool) -> str:
    return doubtful(part) if uncounted and part.encoding and not part.undecoded else "false"


def _still_good() -> Column:
    """True for the rows of a batch that is taken for good; a bad one is an error."""
    message = F.concat(F.col(SOURCE_FILE), F.lit(f" {_SURPRISE}"))
    good = F.col(BAD).isNull() & ~F.col(_DOUBTFUL)
    return F.when(good, True).otherwise(F.raise_error(message).cast("boolean"))


def _refuse_bad(bad: DataFrame, rejected: int) -> None:
    shown = "; ".join(
        f"{row[SOURCE_FILE]}: {row['_failures'][0]['message']}: {(row['_raw'] or '')[:200]!r}"
        for row in bad.limit(3).collect()
    )
    raise DataError(f"{rejected} bad record(s), and `on_bad_record` is fail: {shown}", code="source.record")


def _no_rows(spark: SparkSession, columns: Plan, settings: Rules) -> DataFrame:
    nothing = F.lit(None)
    return spark.range(0).select(
        *[nothing.cast(text).alias(name) for name, text in columns.columns.items()],
        nothing.cast("string").alias(SOURCE_FILE),
        nothing.cast("timestamp").alias(SOURCE_MODIFIED),
        nothing.cast("timestamp").alias(INGESTED_AT),
        nothing.cast("bigint").alias(BATCH),
        nothing.cast("string").alias(settings.rescued_column),
        nothing.cast("string").alias(RAW),
        nothing.cast(FAILURES).alias(BAD),
        nothing.cast("string").alias(KIND),
        nothing.cast("array<string>").alias(NAMES),
        F.lit(False).alias(_DOUBTFUL),
    )


def _warnings(columns: Plan, fields: Sequence[Sequence[Field]], counts: Counts, settings: Rules) -> list[str]:
    out: list[str] = []
    there = {name.casefold() for name in columns.columns}
    lost = [name for name in settings.partitions if settings.wanted.name(name).casefold() not in there]
    if lost:
        out.append(f"folders named {', '.join(f'{n}=…' for n in lost)} give no column: partition columns never evolve")
    ours = {
        item.name
        for part in fields
        for item in part
        if settings.wanted.name(item.name).casefold() in settings.own or item.name.startswith(HIDDEN)
    }
    if ours:
        out.append(f"the names {', '.join(sorted(ours))} are Bronze's own; these fields go to the rescued data")
    if counts.rejected:
        out.append(f"{counts.rejected} record(s) cannot be read")
    return out
