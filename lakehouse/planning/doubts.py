"""What of a step looks like a mistake and is none to a run: `plan` warns of it."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.cleanse.base import one_rule
from lakehouse.planning.steps import Plan, Step
from lakehouse.planning.work import Idle, Work
from lakehouse.quality import expressions
from lakehouse.quality.core.unique import UniqueExpectation
from lakehouse.quality.references import moving_parts


def doubts(plan: Plan, step: Step, decision: Work | Idle | None) -> Iterator[str]:
    """Warnings about a step's definition."""
    yield from _changed(step, decision)
    yield from _floating(plan, step)
    yield from _always_true(step)
    yield from _without_repeats(step)
    yield from _another_value(step)
    yield from _numbered(plan, step)


def _changed(step: Step, decision: Work | Idle | None) -> Iterator[str]:
    """S89: rows that are stored were made by another definition, and stay as they are."""
    before = decision.place.definition if decision is not None else ""
    if step.keeps and before not in ("", step.definition):
        yield (
            "its definition changed since rows were last written: the new one counts from now on, stored rows stay;"
            f" `lakehouse run --full-refresh {step.name}` makes all of them anew"
        )


def _without_repeats(step: Step) -> Iterator[str]:
    """S40: what one run sees once, another may bring again."""
    words = [one_rule(written)[0].word for written in step.spec.cleanse]
    if step.way == "append" and "deduplicate" in words and not getattr(step.options, "keys", None):
        yield (
            "`deduplicate` sees the rows of one run, and `append` takes those of the next as well; write"
            " `append: {keys: …}` or `merge` where a row may come again"
        )


def _another_value(step: Step) -> Iterator[str]:
    """S36: where it is not refused, as in conditions, or told as the reason to run again, as in a query."""
    texts = [text for written in step.spec.cleanse for _, text in one_rule(written)[1].expressions()]
    texts += step.spec.aggregate.measures.values() if step.spec.aggregate else ()
    names = {name for text in texts for name in expressions.nondeterministic(text)}
    queries = [text for written in step.spec.cleanse for _, text in one_rule(written)[1].queries()]
    calls = {part.partition("(")[0].lower() for text in queries for part in moving_parts(text)}
    for name in sorted(names | {call for call in calls if expressions.is_nondeterministic(call)}):
        yield f"{name}() gives another value each time: a repeated attempt writes others than the one before it"


def _numbered(plan: Plan, step: Step) -> Iterator[str]:
    """S46: Delta numbers rows when they are inserted, and otherwise where they are made anew."""
    texts = [text for written in step.spec.cleanse for _, text in one_rule(written)[1].expressions()]
    texts += [*step.spec.aggregate.by.values(), *step.spec.aggregate.measures.values()] if step.spec.aggregate else []
    named = {name.casefold() for written in step.spec.cleanse for _, name in one_rule(written)[1].reads()}
    named |= {name.casefold() for text in texts for name in expressions.columns_of(text)}
    named |= {name.casefold() for name in (*(step.spec.schema_ or {}), *(getattr(step.options, "keys", None) or ()))}
    for read in step.reads:
        for name, column in (plan.project.tables[read.table].schema_ or {}).items():
            if column.identity is not None and name.casefold() in named:
                yield (
                    f"{name} of {read.table} is an identity: its values change when that table is made anew; a `hash`"
                    " of its key does not"
                )


def _floating(plan: Plan, step: Step) -> Iterator[str]:
    """S44: where a column is known, by a `schema`, to hold floating-point numbers that rows are told apart by."""
    specs = [*(plan.project.tables[read.table] for read in step.reads), step.spec]
    types = {name.casefold(): column.type for spec in specs for name, column in (spec.schema_ or {}).items()}
    hashed = [name for written in step.spec.cleanse for name in getattr(_hash(written), "columns", ())]
    groups = step.spec.aggregate.by.values() if step.spec.aggregate else ()
    for what, names in (
        (f"`{step.way}` by", getattr(step.options, "keys", None) or ()),
        ("`by`", [name for text in groups if (name := expressions.bare_column(text))]),
        ("`hash` of", hashed),
    ):
        for name in names:
            kind = types.get(name.casefold())
            if kind in ("float", "double"):
                yield f"{what} {name}, a {kind}: numbers that look the same may differ in the last digit"


def _hash(written: object) -> object:
    rule, args = one_rule(written)
    return args if rule.word == "hash" else None


def _always_true(step: Step) -> Iterator[str]:
    """S50: uniqueness of what the way to write keeps unique itself."""
    keys = {key.casefold() for key in getattr(step.options, "keys", None) or ()}
    for name, rule in step.spec.expectations.items():
        if keys and isinstance(rule.core, UniqueExpectation) and keys <= {n.casefold() for n in rule.core.columns()}:
            yield f"{name} always holds: `{step.way}` keeps one row of each {', '.join(step.options.keys)}"
