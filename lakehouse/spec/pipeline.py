"""A pipeline file as a typed value."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from lakehouse.model import LATER, Model, Names
from lakehouse.names import LAYERS, is_identifier
from lakehouse.spec.fixtures import Test
from lakehouse.spec.steps import Run
from lakehouse.spec.table import Table
from lakehouse.spec.task import Task
from lakehouse.spec.variables import RESERVED


class External(Model):
    """A table that no file of the project makes."""

    table: str | None = None
    """Its name in the catalog."""
    path: str | None = None
    """Its folder or URL."""

    @model_validator(mode="after")
    def _one(self) -> External:
        if (self.table is None) == (self.path is None):
            raise ValueError("write exactly one of `table` and `path`")
        return self


class Defaults(Model):
    """`defaults:` keys that every table of a layer gets unless it has its own."""

    bronze: Table | None = None
    """Merged under every Bronze table."""
    silver: Table | None = None
    """Merged under every Silver table."""
    gold: Table | None = None
    """Merged under every Gold table."""


class Pipeline(Model):
    """One file: tables of up to three layers, tasks and tests, and how they are run."""

    pipeline: str = Field(min_length=1)
    """Name of the pipeline."""
    description: str | None = None
    """What the pipeline is for."""
    owner: str | None = None
    """Who looks after it."""
    tags: Names | None = None
    """Words to select all its tables by: `tag:demo`."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values for `${name}` and `:name`; configs win over them, then `--var`."""
    run: Run = Field(default_factory=Run)
    """How the steps are run."""
    defaults: Defaults | None = None
    """Keys merged under the tables of a layer."""
    external: dict[str, External] | None = Field(None, json_schema_extra=LATER)
    """Tables that no file of the project makes, by the name that queries use."""
    bronze: dict[str, Table] = Field(default_factory=dict)
    """Tables that take in what arrives, as it arrived."""
    silver: dict[str, Table] = Field(default_factory=dict)
    """Tables that are typed, checked and merged."""
    gold: dict[str, Table] = Field(default_factory=dict)
    """Tables for a purpose, kept up to date with their inputs."""
    tasks: dict[str, Task] = Field(default_factory=dict)
    """Steps that are not tables."""
    tests: dict[str, Test] | None = Field(None, json_schema_extra=LATER)
    """What must come out for given rows."""

    @field_validator("variables")
    @classmethod
    def _variables_have_names(cls, variables: dict[str, Any]) -> dict[str, Any]:
        for name in variables:
            if not is_identifier(name) or name in RESERVED:
                raise ValueError(f"{name!r} cannot be the name of a variable; use letters, digits and `_`")
        return variables

    def layers(self) -> dict[str, dict[str, Table]]:
        """Layer -> its tables."""
        return {layer: getattr(self, layer) for layer in LAYERS}
