"""A Jupyter notebook, run from top to bottom."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lakehouse.model import Root


class Options(Root):
    """`notebook: notebooks/punctuality.ipynb`."""

    available: ClassVar[bool] = False

    root: str = Field(min_length=1)
    """Path of the notebook, from the project's folder."""
