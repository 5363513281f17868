"""What cleansing rules, and queries, name that is not there, and what they make of the columns that are known."""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse.cleanse.base import AnyArguments, Rule, one_rule
from lakehouse.names import TableName
from lakehouse.planning.known import WRONG, Columns, Keys, Known, folded, right
from lakehouse.quality import expressions, queries
from lakehouse.quality.partial import needs_all
from lakehouse.quality.references import SqlError

Stored = Mapping[TableName, Columns | None]
_VIEW = "input"
"""What a query of a rule calls the rows before it."""


def cleansed(table: Known, stored: Stored) -> None:
    """Go through the rules: tell what cannot be, and know the columns after the last."""
    sound = table.broken.sound("cleanse")
    before = ""
    for index, written in enumerate(table.step.spec.cleanse[:sound]):
        rule, args = one_rule(written)
        keys: Keys = ("cleanse", index, rule.word)
        _named(table, args, keys, stored)
        _partial(table, rule, args, keys)
        if rule.opaque and before:
            message = f"what `{before}` finds before `{rule.word}` would be lost"
            table.say("conflicting-keys", message, f"put `{rule.word}` in front of it", *keys)
        before = before or next((name for name, _ in args.checks(rule.word)), "")
        if table.known is not None:
            try:
                table.known = rule.effect(table.there(), args, stored)
            except ValueError as problem:
                if not table.meant:
                    table.say("wrong-value", str(problem), "", *keys)
                table.known = None
    if sound is not None:
        table.known = None


def _partial(table: Known, rule: Rule, args: AnyArguments, keys: Keys) -> None:
    """What needs all rows at once is not for a step that sees only what is new (S41)."""
    if not table.step.partial:
        return
    if rule.whole:
        message = f"`{rule.word}` needs all rows at once, this step sees only what is new"
        table.say("not-incremental", message, "use `sql`, or `aggregate`", *keys)
    elif "changes" in table.step.feeds and (rule.opaque or rule.word == "deduplicate"):
        message = f"behind `{rule.word}` nobody can tell which key a row was deleted of, and changes bring such rows"
        table.say("not-incremental", message, "leave it to the table that is read", *keys)
    for loc, text in args.queries():
        if found := needs_all(text, _VIEW):
            message = f"{found} needs all rows at once, this step sees only what is new"
            fix = "use the table's own `sql`, or `from: {table: …, whole: true}`"
            table.say("not-incremental", message, fix, *keys, *loc)


def _named(table: Known, args: AnyArguments, keys: Keys, stored: Stored) -> None:
    """The columns and variables that a rule names, in its rows and in other tables."""
    texts = dict(args.expressions())
    for loc, text in texts.items():
        read = {column for at, column in args.reads() if at == loc}  # not what the rule itself made before
        for column, start in expressions.columns_at(text):
            if column in read:
                table.needs(column, (*keys, *loc), kept=True, at=(text, start))
        table.variables(text, expressions.variables_of(text), (*keys, *loc))
    for loc, column in args.reads():
        if loc not in texts:
            table.needs(column, (*keys, *loc), kept=True, of_key=bool(loc) and loc[-1] == column)
    for loc, other, column in args.wants():
        there = stored.get(other)
        if table.meant.get(column) == WRONG and loc[0] == "using":
            continue  # it is not here either, which is told
        if there is not None and column.casefold() not in folded(there):
            table.missing(column, right(there), (*keys, *loc), kept=False, of=other)
    for loc, text in args.queries():
        views = {_VIEW: None if table.known is None else table.there()}
        queried(table, text, stored, (*keys, *loc), views=views)


def queried(
    table: Known,
    sql: str,
    stored: Stored,
    keys: Keys,
    *,
    views: queries.Views | None = None,
    named: bool = True,
) -> queries.Names | None:
    """The columns that a query gives, None where that is open; names that cannot be are told.

    `named`: each of its columns must have a name that can be stored.
    """

    def columns_of(name: TableName) -> Columns | None:
        if name in stored:
            return stored[name]
        folded_name = str(name).casefold()
        return next((columns for other, columns in stored.items() if str(other).casefold() == folded_name), None)

    try:
        found = queries.look(sql, columns_of, views)
    except SqlError:
        return None  # told where the tables are looked for
    known = stored.values() if found.missing else ()
    wrong = {name.casefold() for columns in known for name, kind in (columns or {}).items() if kind == WRONG}
    for item in found.missing:
        near = [name for name in item.near if name.casefold() not in wrong]
        if item.name.casefold() not in folded(table.meant):
            table.missing(item.name, near, keys, kept=True, at=(sql, item.start))
    for name, start in found.twice:
        message = f"the query gives two columns called {name!r}"
        table.say("duplicate-column", message, "give one of them another name", *keys, at=(sql, start))
    for name, start in found.bare:
        full = [str(other) for other in table.project.origins if other.table.casefold() == name.casefold()]
        if full:  # else it may be a table of the caller's own
            fix = f"did you mean {full[0]!r}?"
            table.say("unknown-table", f"there is no table {name}", fix, *keys, at=(sql, start))
    for text, start in found.nameless if named else ():
        message, fix = f"a column of the result has no name: {text}", f"write `{text} AS …`"
        table.say("unnamed-column", message, fix, *keys, at=(sql, start))
    table.variables(sql, found.variables, keys)
    return found.columns
