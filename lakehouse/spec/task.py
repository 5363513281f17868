"""Tasks: steps that are not tables; the kinds are leaves in `lakehouse.tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from lakehouse.model import Model, Names
from lakehouse.spec.leaves import modules, one_field_each
from lakehouse.spec.steps import StepKeys

KINDS = modules("lakehouse.tasks")
"""Key of a task -> module of every kind of task."""

if TYPE_CHECKING:

    class _Kinds(Model):
        def __getattr__(self, name: str) -> Any: ...

else:
    _Kinds = one_field_each(
        "_Kinds",
        "What is run.",
        {word: (leaf.Options, leaf.__doc__) for word, leaf in KINDS.items()},
        Model,
        nullable=True,
    )


class Task(_Kinds, StepKeys):
    """A step that is not a table, addressed `tasks.<name>`."""

    description: str | None = None
    """What the task does."""
    tags: Names | None = None
    """Words to select it by."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Values handed to what is run."""

    @model_validator(mode="after")
    def _one_kind(self) -> Task:
        if sum(getattr(self, word) is not None for word in KINDS) != 1:
            raise ValueError(f"a task has exactly one of {', '.join(f'`{word}`' for word in KINDS)}")
        return self

    @property
    def kind(self) -> str:
        """The key that says what is run."""
        return next(word for word in KINDS if getattr(self, word) is not None)
