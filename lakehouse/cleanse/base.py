"""What a cleansing rule is, and the registry of all of them by their word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel

from lakehouse.errors import StepError, suggestion
from lakehouse.model import Model, Root
from lakehouse.names import TableName
from lakehouse.quality.flow import Flow, changed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.quality.checks import Checks

Loc = tuple[str | int, ...]
"""Keys from the rule's arguments down to a value, to find its place in the file."""

Known = dict[str, str | None] | None
"""Columns at some point: name -> type text (None: type unknown), in order; None altogether: columns unknown."""

Others = Mapping[TableName, Known]
"""The stored columns of other tables."""


class _Says:
    """What the arguments of a rule say about it, without Spark."""

    def reads(self) -> Iterator[tuple[Loc, str]]:
        """The columns that the arguments name, each with its place."""
        yield from ()

    def expressions(self) -> Iterator[tuple[Loc, str]]:
        """The SQL expressions in the arguments, each with its place."""
        yield from ()

    def queries(self) -> Iterator[tuple[Loc, str]]:
        """Queries over `input`, the rows before the rule, each with its place."""
        yield from ()

    def functions(self) -> Iterator[str]:
        """Functions of the user's own, as `package.module:function`."""
        yield from ()

    def tables(self) -> Iterator[tuple[Loc, TableName]]:
        """The other tables that the arguments name, each with its place."""
        yield from ()

    def wants(self) -> Iterator[tuple[Loc, TableName, str]]:
        """The columns of other tables that the arguments name, each with its place."""
        yield from ()

    def checks(self, word: str) -> Iterator[tuple[str, str | None]]:
        """Checks that the rule makes itself, as `cast.price`, and their action; None: the table's for its schema."""
        yield from ()

    def flow(self) -> Sequence[Flow] | None:
        """Which columns the rule makes of which, one thing done after the other; None when that cannot be told.

        By default it changes the columns that it reads, in place.
        """
        return _in_place(self.reads())


class Arguments(_Says, Model):
    """Arguments of a rule written as a map."""


class BareArguments(_Says, Root):
    """Arguments of a rule written as a list, a text, or a map of the user's own names."""


def _in_place(reads: Iterable[tuple[Loc, str]]) -> Sequence[Flow]:
    return [Flow({name: changed(name) for _, name in reads})]


AnyArguments = Arguments | BareArguments
Apply = Callable[["DataFrame", Any, "Checks"], "DataFrame"]
Effect = Callable[[dict[str, str | None], Any], Known]
EffectOfOthers = Callable[[dict[str, str | None], Any, Others], Known]


@dataclass(frozen=True)
class Rule:
    """One word of `cleanse`.

    `effect` says what the rule makes of known columns, without Spark. `regroups`: rows after the rule are not the
    rows before it, so a rejected row is kept as it was after the rule (S55). `whole`: the rule needs all rows at once
    and is refused in an incremental step (S41). `opaque`: nobody can tell which row becomes which, so that what rules
    before it found would be lost.
    """

    word: str
    args: type[AnyArguments]
    apply: Apply
    effect: EffectOfOthers
    summary: str
    available: bool = True
    regroups: bool = False
    whole: bool = False
    opaque: bool = False

    def columns(self, known: Known, args: AnyArguments, others: Others | None = None) -> Known:
        """The columns after the rule; raises ValueError for a column that is not there, with the nearest name.

        `others` has the columns of other tables, as far as they are known.
        """
        if known is None:
            return None
        for _, name in args.reads():
            look_up(name, known)
        return self.effect(dict(known), args, others or {})


RULES: dict[str, Rule] = {}


def same_columns(known: dict[str, str | None], args: Any) -> Known:
    """The effect of a rule that changes values only."""
    return known


def rule(
    args: type[AnyArguments],
    effect: Effect = same_columns,
    *,
    joins: EffectOfOthers | None = None,
    regroups: bool = False,
    whole: bool = False,
    opaque: bool = False,
) -> Callable[[Apply], Apply]:
    """Register a function as the cleansing rule of its name; its docstring's first line is the rule's summary.

    `joins` is the effect of a rule that also needs the columns of other tables.
    """

    def of_others(known: dict[str, str | None], arguments: Any, others: Others) -> Known:
        return effect(known, arguments) if joins is None else joins(known, arguments, others)

    def register(function: Apply) -> Apply:
        name: str = function.__name__.rstrip("_")
        summary = (function.__doc__ or "").strip().split("\n")[0]
        RULES[name] = Rule(name, args, function, of_others, summary, args.available, regroups, whole, opaque)
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


def behind_last_regrouping(rules: Sequence[Any]) -> Sequence[Any]:
    """The rules that a rejected row has not seen yet that is kept as it was `cleansed`."""
    last = max((i for i, r in enumerate(rules) if one_rule(r)[0].regroups), default=-1)
    return rules[last + 1 :]


def changes_rows(value: Any) -> bool:
    """Whether rows may come or go by the rule; one that cannot tell what it does may do that."""
    found, args = one_rule(value)
    flow = args.flow()
    return found.regroups or found.whole or flow is None or any(part.rows for part in flow)


def apply(value: Any, frame: DataFrame, checks: Checks) -> DataFrame:
    """Apply one rule, with what it finds added to the checks. After a rule that regroups, rejected rows start anew."""
    from lakehouse.quality.rows import keep_input

    found, args = one_rule(value)
    if not found.available:
        raise StepError(f"the cleansing rule {found.word!r} is not available yet", code=f"cleanse.{found.word}")
    if found.opaque and checks.all:
        raise StepError(
            f"{found.word}: what the rule {checks.all[0].name} found before it would be lost",
            code=f"cleanse.{found.word}",
            fix=f"put `{found.word}` in front of it",
        )
    after = found.apply(frame, args, checks)
    return keep_input(after) if found.regroups else after
