"""Nodes -> tables, tasks and pipelines: what each file brings, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lakehouse.errors import Problem, nearest, suggestion
from lakehouse.names import LAYERS, TableName
from lakehouse.spec.choices import step
from lakehouse.spec.configs import Settings
from lakehouse.spec.expand import Made, defaults_of, name_problem, tables_of
from lakehouse.spec.late import fits_nowhere, fits_table, fits_task, misplaced
from lakehouse.spec.messages import wrong_type
from lakehouse.spec.models import Pipeline, Table, Task
from lakehouse.spec.nodes import (
    ListNode,
    MapNode,
    Mark,
    Node,
    Scalar,
    damaged,
    is_whole,
    plain,
    position,
    short,
)
from lakehouse.spec.project import TASKS, Origin
from lakehouse.spec.rules import not_built, table_problems
from lakehouse.spec.secrets import plain_secrets
from lakehouse.spec.suites import with_suites
from lakehouse.spec.translate import Loc
from lakehouse.spec.validate import judge, validated
from lakehouse.spec.variables import Variables
from lakehouse.spec.words import keys_of

_PARTIAL = frozenset({"missing-key"})
"""What a default alone may lack: the table brings it."""
_TOP = frozenset(keys_of(Pipeline))
_APART = frozenset({*LAYERS, TASKS, "defaults", "variables"})
"""Keys of a file that are looked at one by one, not with the header."""


@dataclass(frozen=True)
class Remainder:
    """A table or task with mistakes, as far as it could be read."""

    table: Table | None
    """What is left without the mistakes; None for a task, and where nothing is."""
    taken: frozenset[Loc] = frozenset()
    """Places of mistakes, as keys from the table down: what stands there is not all that was meant."""

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the table under which there is a mistake."""
        return frozenset(str(loc[0]) for loc in self.taken if loc)

    def sound(self, key: str) -> int | None:
        """How many entries of a list come before the first with a mistake; None when all are right."""
        found = [loc[1] if len(loc) > 1 and isinstance(loc[1], int) else 0 for loc in self.taken if loc[:1] == (key,)]
        return min(found, default=None)


LOST = "<<"
"""Stands for keys of a table that could not be kept."""
WHOLE = Remainder(None)
"""No mistake."""


class Reading:
    """What the files read so far have brought."""

    def __init__(self, settings: Settings, problems: list[Problem]) -> None:
        self.settings = settings
        self.problems = problems
        self.pipelines: dict[str, Pipeline] = {}
        self.tables: dict[TableName, Table] = {}
        self.tasks: dict[TableName, Task] = {}
        self.origins: dict[TableName, Origin] = {}
        self.selected: set[TableName] = set()
        self.broken: dict[TableName, Remainder] = {}
        self.complete = True
        self.names: dict[str, Mark] = {}
        self.declared: set[str] = set(settings.variables)

    def file(self, file: str, node: Node, chosen: bool) -> None:
        if not isinstance(node, MapNode):
            self.problems.append(wrong_type("a map", node, node.mark))
            self.complete = False
            return
        self.complete = self.complete and not node.lost
        node = self._meant(node)
        variables, values = self._variables(node)
        self.problems += plain_secrets(node)
        name = self._header(node, variables, values)
        defaults = defaults_of(node.items.get("defaults"), variables)
        for layer in LAYERS:
            made: dict[str, Made] = {}
            if layer in node.items:
                made, complete = tables_of(layer, node.items[layer], defaults.get(layer), variables)
                self.complete = self.complete and complete
            for table, written in made.items():
                self._add(TableName(layer, table), written, name, {**values, **written.values}, chosen)
            if layer in defaults and not made:
                found: list[Problem] = []
                validated(Table, defaults[layer], defaults[layer].mark, found)
                self.problems += [p for p in found if p.code not in _PARTIAL]
        tasks = variables.replaced(node.items[TASKS]) if TASKS in node.items else None
        if isinstance(tasks, MapNode):
            for task, written_task in tasks.items.items():
                self._add(TableName(TASKS, task), Made(written_task, tasks.keys[task]), name, values, chosen)
        elif tasks is not None and not tasks.broken:
            self.problems.append(wrong_type("a map", tasks, tasks.mark))

    def _meant(self, node: MapNode) -> MapNode:
        """The file with a misspelt layer under its right name, which is told, so that its tables are looked at too."""
        keys = dict(node.keys)
        items = dict(node.items)
        for key in node.items:
            near = nearest(key, _TOP)
            if key in _TOP or near not in _APART or near in node.items or not isinstance(node.items[key], MapNode):
                continue
            message = f"unknown key `{short(key)}`"
            self.problems.append(Problem(position(keys[key]), "unknown-key", message, f"did you mean {near!r}?"))
            items[near], keys[near] = items.pop(key), keys.pop(key)
        return MapNode(items, keys, node.mark, node.lost)

    def _variables(self, node: MapNode) -> tuple[Variables, dict[str, Any]]:
        declared = node.items.get("variables")
        own = declared if isinstance(declared, MapNode) else None
        self.declared |= own.items.keys() if own is not None else set()
        complete = self.settings.complete and not node.lost and is_whole(declared)
        self.complete = self.complete and complete
        values = self.settings.over(own)
        variables = Variables(values, self.settings.environ, self.problems, complete=complete)
        found = {name: variables.resolved(name) for name in variables.values}
        self.problems += plain_secrets(MapNode(found, {}, node.mark), inside=True)
        return variables, {name: plain(value) for name, value in found.items()}

    def _header(self, node: MapNode, variables: Variables, values: dict[str, Any]) -> str:
        """Everything but tables and tasks; gives the pipeline's name."""
        self.complete = self.complete and node.items.keys() <= _TOP
        rest = node.holding({k: v for k, v in node.items.items() if k not in _APART})
        if "variables" in node.items:
            rest = node.holding({"variables": _names_only(node.items["variables"]), **rest.items})
        header, name = self._named(variables.replaced(rest))
        self.problems += misplaced(header, fits_nowhere)
        judged = judge(Pipeline, header, node.mark, self.problems)
        pipeline = judged.value
        if pipeline is None:
            return name
        self.problems += not_built(judged, node.mark)
        if pipeline.pipeline in self.pipelines:
            where = position(node.items["pipeline"].mark)
            message = f"another file calls its pipeline {short(pipeline.pipeline)!r} too"
            self.problems.append(Problem(where, "duplicate-pipeline", message, "give each file a name of its own"))
        self.pipelines.setdefault(pipeline.pipeline, pipeline.model_copy(update={"variables": values}))
        return name

    def _named(self, header: Node) -> tuple[Node, str]:
        """The header with the pipeline's name, which is judged first: without one nothing else could be."""
        written = step(header, "pipeline")
        if isinstance(written, Scalar) and (written.broken or (isinstance(written.value, str) and written.text)):
            return header, written.text
        if written is None:
            message, fix = "`pipeline` is missing", "begin with `pipeline: <name>`"
            self.problems.append(Problem(position(header.mark), "missing-key", message, fix))
        elif isinstance(written, Scalar) and written.value == "":
            self.problems.append(Problem(position(written.mark), "wrong-value", "the pipeline has no name"))
        else:
            self.problems.append(wrong_type("a text", written, written.mark))
        if not isinstance(header, MapNode):
            return header, ""
        # a name that cannot be written, so that it is nobody's
        name = f"{header.mark[0]}:"
        keys = {"pipeline": header.mark, **header.keys}
        return MapNode({**header.items, "pipeline": Scalar(name, name, header.mark)}, keys, header.mark), name

    def _add(self, name: TableName, made: Made, pipeline: str, values: Mapping[str, Any], chosen: bool) -> None:
        before = len(self.problems)
        # where keys are written twice, two tables may have become one
        self.complete = self.complete and not (isinstance(made.node, MapNode) and made.node.lost)
        known = self.names.get(str(name).casefold())
        if known is not None:
            message = f"{name} is written twice, first in {position(known)}"
            problem = Problem(position(made.mark), "duplicate-table", message, "names ignore case; rename one of them")
            self.problems.append(problem)
            return
        self.names[str(name).casefold()] = made.mark
        if wrong := name_problem(name.table, made.mark, "task" if name.layer == TASKS else "table"):
            self.problems.append(wrong)
        if name.layer != TASKS:
            root = self.settings.environment.root
            made = replace(made, node=with_suites(made.node, root, self.problems, self.settings.sources, values))
        self.origins[name] = Origin(made.node, made.mark, pipeline, values, frozenset(made.values))
        kind = Task if name.layer == TASKS else Table
        self.problems += plain_secrets(made.node)
        self.problems += misplaced(made.node, fits_task if kind is Task else fits_table(made.node))
        judged = judge(kind, made.node, made.mark, self.problems)
        value = judged.value
        self.problems += not_built(judged, made.mark)
        unsure: set[Loc] = set()
        if isinstance(value, Table):
            for key, problem in table_problems(name.layer, value, made.node, made.mark, judged.gone):
                self.problems.append(problem)
                unsure |= {(key,)} if problem.code in ("misplaced-key", "conflicting-keys") else set()
            self.tables[name] = value
        elif isinstance(value, Task):
            self.tasks[name] = value
        if len(self.problems) > before or not judged.whole or (self.problems and damaged(made.node)):
            self.broken[name] = Remainder(self.tables.pop(name, None), judged.gone.union(unsure, _damaged(made.node)))
            self.tasks.pop(name, None)
        elif chosen:
            self.selected.add(name)

    def unused_arguments(self) -> None:
        """`--var` names that nothing declares or uses."""
        for name, node in self.settings.arguments.items():
            if name not in self.declared and name not in self.settings.used:
                message = f"no pipeline and no config has the variable {short(name)!r}"
                fix = suggestion(name, self.declared)
                self.problems.append(Problem(position(node.mark), "unknown-variable", message, fix))


def _damaged(node: Node) -> Iterator[Loc]:
    """Places of problems that were told before the node was judged, two keys down at most."""
    if isinstance(node, MapNode) and node.lost:
        yield (LOST,)
    for key, item in node.items.items() if isinstance(node, MapNode) else ():
        if isinstance(item, ListNode):
            yield from ((key, index) for index, entry in enumerate(item.items) if damaged(entry))
        elif damaged(item):
            yield (key,)


def _names_only(node: Node) -> Node:
    """The variables with nothing in them: their values are judged where they are used."""
    if not isinstance(node, MapNode):
        return node
    return node.holding({k: Scalar(None, "", v.mark) for k, v in node.items.items()})
