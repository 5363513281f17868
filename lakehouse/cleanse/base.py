"""What a cleansing rule is, and the registry of all of them by their word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel

from lakehouse.errors import StepError, suggestion
from lakehouse.model import Model, Root
from lakehouse.quality.flow import Flow, changed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.quality.checks import Checks

Loc = tuple[str | int, ...]
"""Keys from the rule's arguments down to a value, to find its place in the file."""

Known = dict[str, str | None] | None
"""Columns at some point: name -> type text (None: type unknown), in order; None altogether: columns unknown."""


class Arguments(Model):
    """Arguments of a rule written as a map."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        """The columns that the arguments name, each with its place."""
        yield from ()

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        """The SQL expressions in the arguments, each with its place."""
        yield from ()

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        """Checks that the rule makes itself, as `cast.price`, and their action; None: the table's for its schema."""
        yield from ()

    def flow(self) -> Sequence[Flow] | None:
        """Which columns the rule makes of which, one thing done after the other; None when that cannot be told.

        By default it changes the columns that it reads, in place.
        """
        return _in_place(self.reads())


class BareArguments(Root):
    """Arguments of a rule written as a list, a text, or a map of the user's own names."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        """The columns that the arguments name, each with its place."""
        yield from ()

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        """The SQL expressions in the arguments, each with its place."""
        yield from ()

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        """Checks that the rule makes itself, as `cast.price`, and their action; None: the table's for its schema."""
        yield from ()

    def flow(self) -> Sequence[Flow] | None:
        """Which columns the rule makes of which, one thing done after the other; None when that cannot be told.

        By default it changes the columns that it reads, in place.
        """
        return _in_place(self.reads())


def _in_place(reads: Iterable[tuple[Loc, str]]) -> Sequence[Flow]:
    return [Flow({name: changed(name) for _, name in reads})]


AnyArguments = Arguments | BareArguments
Apply = Callable[["DataFrame", Any, "Checks"], "DataFrame"]
Effect = Callable[[dict[str, str | None], Any], Known]


@dataclass(frozen=True)
class Rule:
    """One word of `cleanse`.

    `columns` says what the rule makes of known columns, without Spark. `regroups`: rows after the rule are not the
    rows before it, so a rejected row is kept as it was after the rule (S55). `whole`: the rule needs all rows at once
    and is refused in an incremental step (S41).
    """

    word: str
    args: type[AnyArguments]
    apply: Apply
    effect: Effect
    summary: str
    available: bool = True
    regroups: bool = False
    whole: bool = False

    def columns(self, known: Known, args: AnyArguments) -> Known:
        """The columns after the rule; raises ValueError for a column that is not there, with the nearest name."""
        if known is None:
            return None
        for _, name in args.reads():
            look_up(name, known)
        return self.effect(dict(known), args)


RULES: dict[str, Rule] = {}


def same_columns(known: dict[str, str | None], args: Any) -> Known:
    """The effect of a rule that changes values only."""
    return known


def rule(
    args: type[AnyArguments], effect: Effect = same_columns, *, regroups: bool = False, whole: bool = False
) -> Callable[[Apply], Apply]:
    """Register a function as the cleansing rule of its name; its docstring's first line is the rule's summary."""

    def register(function: Apply) -> Apply:
        name: str = function.__name__.rstrip("_")
        summary = (function.__doc__ or "").strip().split("\n")[0]
        RULES[name] = Rule(name, args, function, effect, summary, args.available, regroups, whole)
        return function

    return register


def look_up(name: str, columns: Iterable[str]) -> str:
    """The column's spelling in the frame (S16); raises ValueError with the nearest name when it is not there."""
    known = list(columns)
    found = {c.casefold(): c for c in known}.get(name.casefold())
    if found is None:
        hint = suggestion(name, [c for c in known if not c.startswith("__")])
        raise ValueError(f"there is no column {name!r} here" + (f"; {hint}" if hint else ""))
    return found


def resolved(frame: DataFrame, names: Iterable[str], word: str) -> list[str]:
    """The columns' spellings in the frame; raises StepError with the rule's word when one is not there."""
    try:
        return [look_up(name, frame.columns) for name in names]
    except ValueError as problem:
        raise StepError(f"{word}: {problem}", code=f"cleanse.{word}") from None


def own_name(name: str) -> str:
    """The name, when a user may make a column of it; raises ValueError for names with two leading underscores."""
    if not name:
        raise ValueError("a column must have a name")
    if name.startswith("__"):
        raise ValueError(f"{name!r} cannot be a column: names that start with two underscores are the library's")
    return name


OwnName = Annotated[str, AfterValidator(own_name)]
"""Name of a column that a user may make."""


def one_rule(value: Any) -> tuple[Rule, AnyArguments]:
    """The rule and its arguments of a one-key map {word: arguments}, or of a model with one field set."""
    if isinstance(value, BaseModel):
        words = [name for name in type(value).model_fields if getattr(value, name) is not None]
        given: Mapping[str, Any] = {name: getattr(value, name) for name in words}
    else:
        given = value
    if len(given) != 1:
        raise ValueError(f"a cleansing rule has exactly one word, this one has {len(given)}: {', '.join(given)}")
    ((word, args),) = given.items()
    key = word.rstrip("_")
    if key not in RULES:
        raise ValueError(f"{key!r} is not a cleansing rule; {suggestion(key, RULES)}".rstrip("; "))
    found = RULES[key]
    return found, args if isinstance(args, found.args) else found.args.model_validate(args)


def describe(value: Any) -> str:
    """The rule in one line, as in `filter: year >= 2013`; for messages."""
    found, args = one_rule(value)
    return f"{found.word}: {_text(args.model_dump(mode='json', exclude_defaults=True))}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(v) for v in value) + "]"
    return str(value)


def stage(rules: Sequence[Any]) -> str:
    """`input` where rejected rows are kept as read, `cleansed` where a rule makes other rows of them (S55)."""
    return "cleansed" if any(one_rule(r)[0].regroups for r in rules) else "input"


def apply(value: Any, frame: DataFrame, checks: Checks) -> DataFrame:
    """Apply one rule, with what it finds added to the checks. After a rule that regroups, rejected rows start anew."""
    from lakehouse.quality.rows import keep_input

    found, args = one_rule(value)
    if not found.available:
        raise StepError(f"the cleansing rule {found.word!r} is not available yet", code=f"cleanse.{found.word}")
    after = found.apply(frame, args, checks)
    return keep_input(after) if found.regroups else after
