"""What the shell offers when Tab is pressed: names from the project's files as they are now, mistakes in them or not.

Nothing is imported before somebody asks, and nothing is ever raised: a shell has no place for an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lakehouse.spec.load import Project

Offer = Callable[[typer.Context, str], Iterable[str]]

_BEFORE = re.compile(r"(?:.*,)?(?:\d*\+)?")
"""What stands before the name in a selector: other selectors and how far upstream to go."""


def _quiet(offer: Offer) -> Callable[[typer.Context, str], list[str]]:
    @wraps(offer)
    def offered(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return list(offer(ctx, incomplete))
        except Exception:
            return []

    return offered


@_quiet
def tables(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Every table of the project."""
    return map(str, _project(ctx).tables)


@_quiet
def bronze_tables(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The tables that have a ledger of files."""
    return [str(name) for name, table in _project(ctx).tables.items() if table.source is not None]


@_quiet
def columns(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Tables; of the one that is written out, with the dot behind it, the declared columns."""
    found = _project(ctx).tables
    for name, table in found.items():
        if incomplete.startswith(f"{name}."):
            aggregate = table.aggregate
            own = table.schema_ or ([*aggregate.by, *aggregate.measures] if aggregate is not None else ())
            return [f"{name}.{column}" for column in own]
    return map(str, found)


@_quiet
def selectors(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Tables, tasks, layers, tags, files and states, behind whatever part of a selector is there already."""
    project = _project(ctx)
    before = _BEFORE.match(incomplete)
    start = before.group() if before else ""
    steps = {**project.tables, **project.tasks}
    layers = dict.fromkeys(f"layer:{name.layer}" for name in project.tables)
    tags = sorted({f"tag:{tag}" for step in project.tables.values() for tag in step.tags or ()})
    files = sorted({f"path:{Path(project.position(name).file).name}" for name in steps})
    return [start + word for word in (*map(str, steps), *layers, *tags, *files, "state:changed", "state:failed")]


@_quiet
def environments(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """`local`, and every file of `configs` but the base of all."""
    from lakehouse.spec.files import SUFFIXES, find

    folder = find(_paths(ctx), None, []).shown_root / "configs"
    return sorted({"local"} | {path.stem for path in folder.glob("*") if path.suffix in SUFFIXES} - {"base"})


def _project(ctx: typer.Context) -> Project:
    """As much of the project as can be read."""
    from lakehouse.spec.load import survey

    return survey(_paths(ctx), ctx.params.get("env") or "local").project


def _paths(ctx: typer.Context) -> Iterable[str | Path]:
    """The PATHS of the line; before an option's value is there they are still among what was not looked at."""
    return ctx.params.get("paths") or (ctx.args if "paths" in ctx.params else ())
