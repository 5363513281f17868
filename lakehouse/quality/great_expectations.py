"""Great Expectations itself asked about rows, for the few expectations that Spark has no expression for."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from lakehouse.errors import StepError
from lakehouse.names import quoted
from lakehouse.quality.core.base import Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PIECE = 100_000
"""Values that come through the driver at a time."""

_one_at_a_time = threading.Lock()
"""Its contexts share state of the process, and steps run side by side."""


def ask(name: str, arguments: Mapping[str, Any], column: str, rows: DataFrame) -> Verdict:
    """What Great Expectations says of these rows, in Spark.

    Raises StepError when it is not installed, or when it cannot judge.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = _context().data_sources.add_spark(name="rows", persist=False)
        return _answer(source, name, arguments, rows)


def ask_in_pandas(name: str, arguments: Mapping[str, Any], column: str, rows: DataFrame) -> Verdict:
    """The same by pandas, for what it has no other way to do: the column's values, piece by piece."""
    judged = unexpected = 0
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd  # type: ignore[import-untyped]

        share = arguments.get("mostly")
        asked = {key: value for key, value in arguments.items() if key != "mostly"}
        source = _context().data_sources.add_pandas(name="rows")
        for values in _pieces(rows, column):
            frame = pd.DataFrame({column: pd.Series(values, dtype=object)})
            answer = _answer(source, name, asked, frame)
            judged += answer.judged or 0
            unexpected += answer.unexpected or 0
    success = unexpected == 0 if share is None or not judged else (judged - unexpected) / judged >= share
    return Verdict(success, judged=judged, unexpected=unexpected)


def _pieces(rows: DataFrame, column: str) -> Iterator[list[Any]]:
    values = (row[0] for row in rows.select(quoted(column)).toLocalIterator())
    while piece := list(islice(values, PIECE)):
        yield piece


def _context() -> Any:
    try:
        import great_expectations as gx
    except ImportError:
        raise StepError(
            "this rule is asked of Great Expectations, which is not installed",
            code="expectation",
            fix="install it: pip install 'medallion-lakehouse[quality]'",
        ) from None
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
    return context


def _answer(source: Any, name: str, arguments: Mapping[str, Any], rows: Any) -> Verdict:
    import great_expectations as gx

    asset = next(iter(source.assets), None) or source.add_dataframe_asset(name="rows")
    part = next(iter(asset.batch_definitions), None) or asset.add_batch_definition_whole_dataframe("rows")
    configured = gx.expectations.expectation_configuration.ExpectationConfiguration(type=name, kwargs=dict(arguments))
    suite = gx.ExpectationSuite(name="rows")
    suite.add_expectation_configuration(configured)
    batch = part.get_batch(batch_parameters={"dataframe": rows})
    (result,) = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}).results
    if why := _why(result.exception_info or {}):
        raise ValueError(f"Great Expectations cannot judge it: {why}")
    found = result.result
    judged = found.get("element_count")
    if judged is not None:
        judged -= found.get("missing_count") or 0
    return Verdict(bool(result.success), found.get("observed_value"), "", judged, found.get("unexpected_count"))


def _why(info: Mapping[str, Any]) -> str:
    """The first line of the first exception, which stand by the ids of metrics or bare; nothing when there is none."""
    for found in (info, *(inner for inner in info.values() if isinstance(inner, Mapping))):
        if found.get("raised_exception"):
            return str(found.get("exception_message") or "it raised an exception").strip().splitlines()[0]
    return ""
