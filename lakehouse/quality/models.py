"""What a file says about the columns of a table and about the rules its rows must keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model, field_validator, model_validator

from lakehouse.model import LATER, Model
from lakehouse.quality import expressions
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.quality.core.base import CoreExpectation, OnlyRowsHaveShares
from lakehouse.quality.fields import Condition, TypeText

Action = Literal["warn", "drop", "quarantine", "fail"]
"""What happens to a row that breaks a rule, the mildest first (S52)."""

SchemaAction = Literal["quarantine", "fail", "null"]
"""What happens to a row with a value that does not fit its column."""


class Identity(Model):
    """Numbers that Delta gives to rows: `true`, or `{start, step}`."""

    start: int = 1
    """The number of the first row."""
    step: int = 1
    """What the next one is more, or less when it is negative; there may be gaps."""

    @model_validator(mode="before")
    @classmethod
    def _true(cls, value: Any) -> Any:
        if value is True:
            return {}
        if value is False:
            raise ValueError("`identity: false` says nothing; leave it out")
        return value

    @field_validator("step")
    @classmethod
    def _goes_on(cls, value: int) -> int:
        if value == 0:
            raise ValueError("a step of 0 would give every row the same number")
        return value


class ColumnSpec(Model):
    """One column of `schema`: `name: int` or `name: {type: int, …}`."""

    type: TypeText
    """Spark's type, as in `decimal(10,2)` or `array<string>`."""
    nullable: bool = True
    """False: a NULL is the violation `schema.<column>`."""
    comment: str | None = None
    """The column's comment in the table."""
    default: str | int | float | bool | None = None
    """An SQL expression for rows whose input does not have the column at all (S34); not for NULL."""
    generated_as: str | None = None
    """An SQL expression over other columns of the table that gives the value; Delta holds every row to it."""
    identity: Identity | None = None
    """True, or `{start, step}`: Delta numbers rows when they are inserted; an update keeps the number (S46)."""
    tags: tuple[str, ...] | dict[str, str] | None = None
    """Words about the column, kept with the table as its property `lakehouse.tags.<column>`."""
    pii: bool = False
    """The value is not shown in logs, failures, reports and documentation; it is stored as it is (S60)."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("generated_as")
    @classmethod
    def _generates(cls, value: str | None) -> str | None:
        if value is not None:
            expressions.check_row_expression(value)
            if named := expressions.nondeterministic(value):
                raise ValueError(f"{min(named)}() gives another value each time, and Delta compares it on every write")
            if expressions.variables_of(value):
                raise ValueError("Delta keeps the expression with the table, so it cannot name a variable")
        return value

    @model_validator(mode="after")
    def _one_giver(self) -> ColumnSpec:
        given = [key for key in ("default", "generated_as", "identity") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` both say what the column holds; keep one of them")
        if self.identity is not None and self.type != "bigint":
            raise ValueError(f"Delta numbers rows in a bigint, not in {self.type}")
        return self

    @property
    def is_given(self) -> bool:
        """Whether the value never comes from the input: Delta or an expression gives it."""
        return self.identity is not None or self.generated_as is not None

    @field_validator("default")
    @classmethod
    def _expression_parses(cls, value: str | int | float | bool | None) -> str | int | float | bool | None:
        if isinstance(value, str):
            expressions.check_row_expression(value)
            if expressions.columns_of(value):
                raise expressions.ExpressionError(
                    f"{value!r} names a column", fix="put text in SQL quotes, as in \"'unknown'\""
                )
        return value


if TYPE_CHECKING:

    class _Words(Model):
        """One optional field for each core expectation."""

else:
    _Words = create_model(
        "_Words",
        __base__=Model,
        **{
            name: (
                arguments | None,
                Field(
                    None,
                    description=(arguments.__doc__ or "").strip().split("\n")[0],
                    json_schema_extra=None if arguments.available else LATER,
                ),
            )
            for name, arguments in EXPECTATIONS.items()
        },
    )


class Expectation(_Words):
    """A rule that rows must keep: `{expect_…: {…}}`, `{expect: condition}`, or the condition alone."""

    expect: Condition | None = None
    """An SQL condition that must be true of each row; NULL is a violation (S47)."""
    on_violation: Action | None = None
    """What happens to a row that breaks the rule; the table's `expectations_on_violation`, or `warn`, without it."""
    mostly: float | None = Field(None, ge=0, le=1)
    """The share of judged rows that must pass (S53a)."""
    description: str | None = None
    """What the rule is for, shown in reports."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"expect": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_rule(self) -> Expectation:
        words = [w for w in ("expect", *EXPECTATIONS) if getattr(self, w, None) is not None]
        if len(words) != 1:
            found = f"has {len(words)}: {', '.join(words)}" if words else "has none"
            raise ValueError(
                f"an expectation has exactly one rule, this one {found}; write `expect:` or one `expect_…:`"
            )
        core = self.core
        if core is not None and isinstance(core, OnlyRowsHaveShares) and self.mostly not in (None, 1):
            raise ValueError(f"`mostly` is for rules about single rows; {self.word} is true or false as a whole")
        inner = core.mostly if core else None
        if inner is not None and self.mostly is not None and inner != self.mostly:
            raise ValueError(f"`mostly` is given twice, as {self.mostly:g} and as {inner:g}; give it once")
        return self

    @property
    def word(self) -> str:
        """`expect`, or the name of the core expectation."""
        return next(w for w in ("expect", *EXPECTATIONS) if getattr(self, w, None) is not None)

    @property
    def core(self) -> CoreExpectation | None:
        """The arguments of the core expectation, or None for a condition."""
        return next((v for w in EXPECTATIONS if (v := getattr(self, w, None)) is not None), None)

    @property
    def routes(self) -> bool:
        """Whether it is about single rows, which can be dropped or set aside."""
        return self.core is None or self.core.routes

    @property
    def share(self) -> float | None:
        """`mostly`, wherever it was written."""
        return self.mostly if self.mostly is not None else (self.core.mostly if self.core else None)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return ((name, getattr(self, name)) for name in type(self).model_fields if name in self.model_fields_set)

    def reads(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The columns that the arguments name, each with the keys down to it."""
        if self.core is not None:
            yield from (((self.word, *keys), name) for keys, name in self.core.reads())

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The SQL conditions, each with the keys down to it."""
        if self.core is None:
            yield ("expect",), self.expect or "true"
        elif self.core.row_condition is not None:
            yield (self.word, "row_condition"), self.core.row_condition

    def columns(self) -> frozenset[str]:
        """Every column that the rule names, `row_condition` included."""
        if self.core is None:
            return expressions.columns_of(self.expect or "true")
        condition = self.core.row_condition
        return self.core.names() | (expressions.columns_of(condition) if condition else frozenset())


def column_specs(schema: Mapping[str, Any]) -> dict[str, ColumnSpec]:
    """The columns of a `schema` written in Python, in either form."""
    return {name: ColumnSpec.model_validate(spec) for name, spec in schema.items()}
