"""A file of SQL statements, run one after the other."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lakehouse.model import Root


class Options(Root):
    """`sql_file: sql/publish.sql`."""

    available: ClassVar[bool] = False

    root: str = Field(min_length=1)
    """Path of the file, from the project's folder."""
