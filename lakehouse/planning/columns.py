"""Columns that cannot be there, found without Spark as far as the files declare what there is.

A table's columns are known when they are declared: by `schema`, by the groups and measures of `aggregate`, or by what
the rules make of a known input. A Bronze table without `schema` takes what comes, so nothing is said about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lakehouse.cleanse.base import one_rule
from lakehouse.errors import Problem, suggestion
from lakehouse.names import TableName
from lakehouse.planning.steps import Step
from lakehouse.quality import expressions
from lakehouse.spec.load import Project
from lakehouse.write import merge

BRONZE = {
    "_source_file": "string",
    "_source_modified": "timestamp",
    "_ingested_at": "timestamp",
    "_batch": "bigint",
    "_rescued_data": "string",
}
"""Columns that Bronze adds; rules carry them along, tables store them only where they are named."""

Keys = tuple[str | int, ...]
Columns = Mapping[str, str | None]


@dataclass
class _Table:
    """One step under scrutiny: what is known of its columns at the point reached."""

    project: Project
    step: Step
    known: dict[str, str | None] | None
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> TableName:
        return self.step.name

    def there(self) -> Columns:
        return {**BRONZE, **(self.known or {})}

    def say(self, code: str, message: str, fix: str, *keys: str | int, of_key: bool = False) -> None:
        where = (self.project.key_position if of_key else self.project.position)(self.name, *keys)
        # a rule tells a column once by itself and once within its expression, with other words to suggest
        if not any((p.position, p.code, p.message) == (where, code, message) for p in self.problems):
            self.problems.append(Problem(where, code, message, fix))

    def needs(self, column: str, keys: Keys, extra: Iterable[str] = (), of_key: bool = False) -> None:
        """The column must be known, if any are."""
        if self.known is None:
            return
        names = [*self.there(), *extra]
        if column.casefold() not in {n.casefold() for n in names} and not column.startswith("__"):
            # Bronze's own columns are always there and seldom what was meant
            those = [n for n in self.known if not n.startswith("_")]
            fix = suggestion(column, names) or (f"there are {_few(those)}" if those else "")
            self.say("unknown-column", f"there is no column {column!r} here", fix, *keys, of_key=of_key)

    def expression(self, text: str, keys: Keys, extra: Iterable[str] = ()) -> None:
        """The text's columns and variables must be known."""
        for column in sorted(expressions.columns_of(text)):
            self.needs(column, keys, extra)
        variables = self.project.variables_of(self.name)
        for variable in sorted(expressions.variables_of(text) - set(variables)):
            message = f"`:{variable}` is not a variable of this pipeline"
            self.say("unknown-variable", message, suggestion(variable, variables), *keys)

    def determined(self, text: str, keys: Keys) -> None:
        """The text must give the same value at every retry (S36)."""
        for call in expressions.nondeterministic(text):
            self.say(
                "not-repeatable",
                f"{call}() gives another value at each retry",
                "use `hash`, or compute it upstream",
                *keys,
            )


def _few(names: Sequence[str], most: int = 12) -> str:
    """The names, or the first of them and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def column_problems(project: Project, steps: Sequence[Step]) -> list[Problem]:
    """Every column, variable and function of the project that cannot work, in any order."""
    outputs: dict[TableName, dict[str, str | None] | None] = {}
    problems: list[Problem] = []
    for step in steps:
        table = _Table(project, step, _input(step, outputs))
        _rules(table)
        _schema(table)
        _checks(table)
        if step.spec.aggregate is not None:
            _aggregate(table)
        outputs[step.name] = _stored(table)
        _layout(table, outputs[step.name])
        problems += table.problems
    return problems


def _input(step: Step, outputs: Mapping[TableName, dict[str, str | None] | None]) -> dict[str, str | None] | None:
    spec = step.spec
    if spec.source is not None:
        if spec.schema_ is None or (spec.auto_loader and spec.auto_loader.mode(True) == "add_new_columns"):
            return None
        return dict(_declared(step))
    if spec.sql is not None:
        return None
    merged: dict[str, str | None] = {}
    for read in step.reads:
        columns = outputs.get(read.table)
        if columns is None:
            return None
        merged |= columns
    return merged


def _rules(table: _Table) -> None:
    for index, written in enumerate(table.step.spec.cleanse):
        rule, args = one_rule(written)
        keys: Keys = ("cleanse", index, rule.word)
        before = len(table.problems)
        try:
            after = None if table.known is None else rule.effect(dict(table.known), args)
        except ValueError:
            after = None  # said below, at the place of the column itself
        for loc, column in args.reads():
            table.needs(column, (*keys, *loc))
        for loc, text in args.expressions():
            table.expression(text, (*keys, *loc), extra=after or ())
            if rule.word == "filter":
                table.determined(text, (*keys, *loc))
        if rule.whole and table.step.incremental:
            message = f"`{rule.word}` needs all rows at once, this step sees only what is new"
            table.say("not-incremental", message, "use `sql`, or `aggregate`", *keys)
        table.known = after if len(table.problems) == before else None


def _schema(table: _Table) -> None:
    schema = table.step.spec.schema_
    if schema is None or table.step.is_bronze:
        return
    for name, column in schema.items():
        if column.default is None:
            table.needs(name, ("schema", name), of_key=True)
    # what `merge` names may stay beside what is stored
    table.known = {**(table.known or {}), **_declared(table.step)}


def _declared(step: Step) -> dict[str, str]:
    return {name: column.type for name, column in (step.spec.schema_ or {}).items()}


def _checks(table: _Table) -> None:
    spec = table.step.spec
    for name, rule in spec.expectations.items():
        for column in sorted(rule.columns()):
            if spec.aggregate is None:
                table.needs(column, ("expectations", name))
    if spec.merge is None:
        return
    for index, key in enumerate(spec.merge.keys):
        table.needs(key, ("merge", "keys", index))
    for index, text in enumerate(spec.merge.sequence_by or ()):
        keys: Keys = ("merge", "sequence_by", index)
        table.expression(text, keys)
        table.determined(text, keys)
        bare = expressions.bare_column(text)
        types: dict[str, str | None] = {n.casefold(): t for n, t in table.there().items()}
        if bare and types.get(bare.casefold()) == "string":
            message = f"{bare} is text, and as text 9 comes after 10"
            table.say("text-sequence", message, f"write a cast, as `cast({bare} AS timestamp)`", *keys)


def _aggregate(table: _Table) -> None:
    options = table.step.spec.aggregate
    assert options is not None
    for part in ("by", "measures"):
        for name, text in getattr(options, part).items():
            if table.project.written(table.name, "aggregate", part, name):
                table.expression(text, ("aggregate", part, name))
            else:
                table.expression(text, ("aggregate", part))
    if options.window is not None:
        table.expression(options.window.column, ("aggregate", "window", "column"))
    if options.where is not None:
        table.expression(options.where, ("aggregate", "where"))
    if options.having is not None:
        table.expression(options.having, ("aggregate", "having"), extra=(*options.by, *options.measures))


def _stored(table: _Table) -> dict[str, str | None] | None:
    """The columns of the table itself, as its readers find them; None when more may come."""
    spec = table.step.spec
    if spec.source is not None:
        return None if table.known is None else {**table.known, **BRONZE}
    if spec.aggregate is not None:
        windows = {"window_start": None, "window_end": None} if spec.aggregate.window else {}
        return {**dict.fromkeys(spec.aggregate.by), **windows, **dict.fromkeys(spec.aggregate.measures)}
    if spec.schema_ is None or spec.schema_evolution == "add_new_columns":
        return None
    declared = _declared(table.step)
    if spec.merge is None:
        return dict(declared)
    sequence = merge.sequence_type(spec.merge, {**BRONZE, **(table.known or {})})
    stored: dict[str, str | None] = dict(merge.stored_columns(declared, spec.merge, sequence or ""))
    return {name: text or None for name, text in stored.items()}


def _layout(table: _Table, stored: Mapping[str, str | None] | None) -> None:
    if stored is None:
        return
    there = {name.casefold() for name in stored}
    for keys, column in _layout_columns(table.step):
        if column.split(".")[0].casefold() not in there:
            message = f"the table has no column {column!r}"
            table.say("unknown-column", message, suggestion(column, stored), *keys)


def _layout_columns(step: Step) -> Iterator[tuple[Keys, str]]:
    spec = step.spec
    for key in ("partitioned_by", "cluster_by"):
        for index, column in enumerate(getattr(spec, key) or ()):
            yield (key, index), column
    if spec.maintenance is None:
        return
    for key in ("zorder_by", "statistics"):
        for index, column in enumerate(getattr(spec.maintenance, key, None) or ()):
            yield ("maintenance", key, index), column
    for column in getattr(spec.maintenance, "bloom_filter", None) or ():
        yield ("maintenance", "bloom_filter", column), column
