"""What is asked of a batch's files and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from lakehouse.sources.auto_loader import AutoLoader
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.copy_into import CopyInto

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Observation

    from lakehouse.quality.models import ColumnSpec

SOURCE_FILE, SOURCE_MODIFIED, INGESTED_AT, BATCH = "_source_file", "_source_modified", "_ingested_at", "_batch"

RAW_TEXT, RAW_FORMAT, RAW_FIELDS = "_raw", "_raw_format", "_raw_fields"
"""Of a record in quarantine: its text, what that is (`csv`, `json`, `xml`), and of CSV the names of its fields."""


@dataclass(frozen=True)
class BatchRequest:
    """One batch of the ledger: everything that a replay needs to write the same rows again."""

    files: Sequence[SourceFile]
    """As planned; one that is gone or has another size or modification time by now is left out (S4)."""
    batch: int
    ingested_at: datetime
    """The batch's time as planned, the same in every replay (S3)."""
    known: Mapping[str, str]
    """Columns now stored, name -> type, in order; Bronze's own (`_batch` and so on) may be among them or not."""
    source: FileSource
    auto_loader: AutoLoader | None = None
    copy_into: CopyInto | None = None
    """Which way in it is; with neither it is `auto_loader` with its defaults."""
    schema: Mapping[str, ColumnSpec] | None = None
    """The table's `schema`: the reader's (S24)."""
    on_bad_record: Literal["quarantine", "drop", "fail"] = "quarantine"
    on_bad_file: Literal["quarantine", "fail"] = "quarantine"
    column_names: Literal["sanitize", "exact"] = "sanitize"
    storage: Mapping[str, str] = field(default_factory=dict, repr=False)
    rows: int | None = None
    """Read at most so many records of the files of one shape: a look at the data, never a load."""
    first: bool | None = None
    """Whether nothing was loaded yet, so that this batch may make the columns in every mode. None: it is so when the
    table has no columns but declared, hinted and partition columns."""
    look: bool = False
    """Count bad records although the leaf finds that there are none."""
    texts: DataFrame | None = None
    """Records of a quarantine that are read by their texts: `RAW_TEXT`, `RAW_FORMAT`, `RAW_FIELDS`, `_source_file`,
    `_source_modified`, and hidden columns that go along. `files` then only say in which folders they were."""
    trusts: bool = False
    """Expect that no record is bad, and do not read the files once more to count: one that is fails the read, with an
    error that `surprised` knows."""


@dataclass(frozen=True)
class Ingested:
    """A batch, read."""

    frame: DataFrame
    """The rows to load: the stored columns in order, then new ones, then Bronze's own."""
    new_columns: Mapping[str, str]
    """Columns to be added to the table, name -> type, in order; nested types that grew are in `changed_columns`."""
    comments: Mapping[str, str]
    """New column -> the name that it came by, where that is another."""
    bad: DataFrame | None
    """Records that cannot be read, for the quarantine: `_raw`, `_source_file`, `_source_modified`, `_failures`,
    `_stage`. None when there are none or they are dropped."""
    failed: Mapping[str, str]
    """Path -> error of files that the frame is without."""
    rows: int | None = None
    """Rows of the frame; None when nothing had to count them."""
    rejected: int = 0
    """Records that are not in the frame: in `bad`, or dropped."""
    rescued: int | None = None
    """Rows with rescued data; None when nothing had to count them before they are written."""
    observed: Observation | None = None
    """Counts them while the frame is written, where `rescued` is None."""
    warnings: Sequence[str] = ()
    changed_columns: Mapping[str, str] = field(default_factory=dict)
    """Stored struct columns that get new nested fields -> their new type."""

    def rescued_rows(self) -> int | None:
        """Rows with rescued data, once the frame is written; None when Spark had no need to read it."""
        if self.rescued is not None or self.observed is None:
            return self.rescued
        seen: Any = self.observed._jo  # `get` would wait for ever
        found = seen.getRowOrEmpty()
        row = found.get() if found.isDefined() else None
        return int(row.getLong(0)) if row is not None and row.length() else None
