"""The core expectation that asks a query of the user's own."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from lakehouse.names import quoted
from lakehouse.quality.core.base import FrameExpectation, OnlyRowsHaveShares, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BATCH = re.compile(r"(\{\{)|(\}\})|\{batch\}")


def _reads_the_rows(value: str) -> str:
    if "{batch}" not in value:
        raise ValueError("the query does not read `{batch}`, the rows of the run")
    return value.rstrip("; \t\r\n")


Query = Annotated[str, AfterValidator(_reads_the_rows)]
"""A query over `{batch}`."""


def _counted(found: DataFrame) -> int:
    """The number of rows, every value of which is computed: a count alone would pass over what raises."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    seen = Observation()
    found.observe(seen, F.count(F.lit(1)).alias("rows")).write.format("noop").mode("overwrite").save()
    return int(seen.get["rows"])


class UnexpectedRowsExpectation(FrameExpectation, OnlyRowsHaveShares):
    """A query that finds no rows."""

    unexpected_rows_query: Query
    """The query, in Spark SQL; `{batch}` stands for the rows of the run, `{{` for a brace."""

    def names(self) -> frozenset[str]:
        return frozenset()

    def ask(self, rows: DataFrame) -> Verdict:
        name = f"__lakehouse_{uuid.uuid4().hex}"
        query = _BATCH.sub(
            lambda found: "{" if found[1] else "}" if found[2] else quoted(name), self.unexpected_rows_query
        )
        rows.createTempView(name)
        try:
            count = _counted(rows.sparkSession.sql(query))
        finally:
            rows.sparkSession.catalog.dropTempView(name)
        return Verdict(count == 0, count, f"the query finds {count:,} rows", unexpected=count)
