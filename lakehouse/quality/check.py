"""One rule of an attempt, as its checks know it: about each row, or about many rows together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse.quality.core.base import CoreExpectation
from lakehouse.quality.models import Action

IS_NULL = "is NULL"
"""Message of a NULL where none may be, which unlike other violations of a schema is no failed cast."""


@dataclass(frozen=True)
class Check:
    """One rule about rows, whose finding stands in the hidden column `found`."""

    index: int
    name: str
    column: str | None
    action: Action
    mostly: float | None
    partial: bool
    """Not every row is judged; `judged` says which."""
    origins: frozenset[str] = frozenset()
    """The input's columns that `column` is made of, folded."""

    @property
    def found(self) -> str:
        """Hidden column: struct of name, column, value, message, or NULL."""
        return f"__f{self.index}"

    @property
    def broken(self) -> str:
        """Hidden column: whether the row breaks the rule, never NULL; it costs less to ask than what was `found`."""
        return f"__b{self.index}"

    @property
    def judged(self) -> str:
        """Hidden column: whether the row was judged; only where `partial`."""
        return f"__j{self.index}"

    @property
    def removes(self) -> bool:
        """Whether a row that breaks the rule is not stored."""
        return self.action in ("drop", "quarantine")


@dataclass(frozen=True)
class Whole:
    """One rule about many rows together, or about the table: it has no finding in any row."""

    index: int
    name: str
    rule: CoreExpectation
    action: Action
    columns: Mapping[str, str]
    """The columns that it names, as written -> as the frame has them."""
    secret: bool
    """What is observed may not be shown (S60)."""
    mostly: float | None = None

    @property
    def column(self) -> str | None:
        """The column it is about, when it is one."""
        named = sorted(self.rule.names())
        return self.columns.get(named[0], named[0]) if len(named) == 1 else None
