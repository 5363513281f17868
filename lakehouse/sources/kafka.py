"""Topics of Kafka."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from lakehouse.sources.base import Source


class Options(Source):
    """Keys of `source: {format: kafka}`."""

    available: ClassVar[bool] = False

    format: Literal["kafka"] = "kafka"
    """Topics of Kafka with Spark's raw columns: key, value, topic, partition, offset, timestamp, headers."""
    max_offsets_per_trigger: int | None = Field(None, gt=0)
    """At most so many records per batch, over all partitions."""
