"""COPY INTO: named files or those of a pattern, each once per table."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lakehouse.model import Many, Model, Names
from lakehouse.quality.fields import Projection


class CopyInto(Model):
    """Keys of `copy_into:`."""

    files: Annotated[Names, Field(max_length=1000)] | None = None
    """File names below the source's path; at most 1000."""
    pattern: str | None = Field(None, min_length=1)
    """A glob below the source's path."""
    select: Many[Projection] | None = None
    """Items of a SELECT list over the files' columns and `_metadata` (`file_path`, `file_name`, `file_size`,
    `file_modification_time`): `*`, `* EXCEPT (a)`, a column, `cast(a AS int) AS a`. All columns when left out."""
    merge_schema: bool = False
    """Add columns that the table does not have; otherwise they fail the step."""

    @model_validator(mode="after")
    def _one_choice(self) -> CopyInto:
        if self.files is not None and self.pattern is not None:
            raise ValueError("write at most one of `files` and `pattern`")
        return self
