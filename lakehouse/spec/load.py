"""Files -> Project, or every mistake in them at once. No Spark, no Java."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lakehouse.errors import Problem, SpecError, suggestion
from lakehouse.names import LAYERS, TableName
from lakehouse.spec.configs import Settings, read_settings
from lakehouse.spec.environment import Environment
from lakehouse.spec.expand import Made, defaults_of, name_problem, tables_of
from lakehouse.spec.files import Layout, find
from lakehouse.spec.messages import wrong_type
from lakehouse.spec.models import Pipeline, Table, Task
from lakehouse.spec.nodes import MapNode, Mark, Node, Scalar, lines_of, node_of, plain, position, read, short
from lakehouse.spec.project import TASKS, Origin, Project
from lakehouse.spec.rules import not_built, table_problems
from lakehouse.spec.secrets import plain_secrets
from lakehouse.spec.translate import step
from lakehouse.spec.validate import judge, validated
from lakehouse.spec.variables import Variables

__all__ = ["Project", "Survey", "load", "project_of", "survey"]

Path_ = str | os.PathLike[str]
_PARTIAL = frozenset({"missing-key"})
"""What a default alone may lack: the table brings it."""


@dataclass(frozen=True)
class Survey:
    """All that could be read, and all that is wrong."""

    project: Project
    """Tables without mistakes of their own."""
    problems: tuple[Problem, ...]
    """Sorted by place."""
    broken: frozenset[TableName]
    """Tables and tasks that are written but could not be read."""


def load(
    paths: Path_ | Iterable[Path_] = (),
    env: str = "local",
    variables: Mapping[str, Any] | None = None,
    root: Path_ | None = None,
) -> Project:
    """Read a project's folder under an environment; only the tables of `paths` are selected.

    `paths` are files or folders, `pipelines/` by default; `variables` win over configs. Raises SpecError with all
    problems of all files.
    """
    return _whole(survey(paths, env, variables, root))


def survey(
    paths: Path_ | Iterable[Path_] = (),
    env: str = "local",
    variables: Mapping[str, Any] | None = None,
    root: Path_ | None = None,
) -> Survey:
    """As `load`, but gives what could be read beside the problems, so that more can be looked for."""
    problems: list[Problem] = []
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    layout = find(given, root, problems)
    settings = read_settings(layout, env, variables or {}, problems)
    files = list(_files(layout, settings, problems))
    return _survey(layout.root, settings, files, layout.chosen, problems)


def project_of(*pipelines: Pipeline, environment: Environment | None = None) -> Project:
    """The project of pipelines written as typed classes; raises SpecError as `load` does."""
    environment = environment or Environment().at(Path.cwd(), "local")
    values = node_of(environment.variables, ("environment", 1, 1))
    settings = Settings(environment, values.items if isinstance(values, MapNode) else {}, {}, {})
    files = []
    for pipeline in pipelines:
        written = pipeline.model_dump(mode="json", by_alias=True, exclude_unset=True)
        files.append((f"Pipeline({pipeline.pipeline!r})", node_of(written, (f"Pipeline({pipeline.pipeline!r})", 1, 1))))
    return _whole(_survey(environment.root, settings, files, frozenset(f for f, _ in files), []))


def _whole(found: Survey) -> Project:
    if found.problems:
        raise SpecError(found.problems)
    return found.project


def _files(layout: Layout, settings: Settings, problems: list[Problem]) -> Iterator[tuple[str, Node]]:
    for path in layout.files:
        shown = str(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            message = f"the file cannot be read: {error.strerror or error}"
            problems.append(Problem(position((shown, 1, 1)), "unreadable-file", message))
            continue
        node, found = read(data, shown)
        settings.sources[shown] = lines_of(data.decode("utf-8-sig", "replace"))
        problems += found
        if node is not None:
            yield shown, node
        elif not found:
            message, fix = "the file is empty", "begin with `pipeline: <name>`, or delete it"
            problems.append(Problem(position((shown, 1, 1)), "empty-file", message, fix))


def _survey(
    root: Path,
    settings: Settings,
    files: Iterable[tuple[str, Node]],
    chosen: frozenset[str],
    problems: list[Problem],
) -> Survey:
    reading = _Reading(settings, problems)
    for file, node in files:
        reading.file(file, node, file in chosen)
    reading.unused_arguments()
    project = Project(
        root,
        settings.environment,
        tuple(reading.pipelines.values()),
        reading.tables,
        reading.tasks,
        frozenset(reading.selected),
        reading.origins,
        settings.sources,
    )
    hinted = {_with_hint(problem, project) for problem in problems}
    return Survey(project, tuple(sorted(hinted)), frozenset(reading.broken))


def _with_hint(problem: Problem, project: Project) -> Problem:
    """SQL that was cut off where YAML saw a comment."""
    line = project.source_line(problem.position)
    if problem.code != "sql-syntax" or problem.fix or " #" not in line[problem.position.column - 1 :]:
        return problem
    return replace(problem, fix="put the whole expression in quotes, because YAML takes ` #` as a comment")


class _Reading:
    """What the files read so far have brought."""

    def __init__(self, settings: Settings, problems: list[Problem]) -> None:
        self.settings = settings
        self.problems = problems
        self.pipelines: dict[str, Pipeline] = {}
        self.tables: dict[TableName, Table] = {}
        self.tasks: dict[TableName, Task] = {}
        self.origins: dict[TableName, Origin] = {}
        self.selected: set[TableName] = set()
        self.broken: set[TableName] = set()
        self.names: dict[str, Mark] = {}
        self.declared: set[str] = set(settings.variables)

    def file(self, file: str, node: Node, chosen: bool) -> None:
        if not isinstance(node, MapNode):
            self.problems.append(wrong_type("a map", node, node.mark))
            return
        variables, values = self._variables(node)
        self.problems += plain_secrets(node)
        name = self._header(node, variables, values)
        defaults = defaults_of(node.items.get("defaults"), variables)
        for layer in LAYERS:
            made = tables_of(layer, node.items[layer], defaults.get(layer), variables) if layer in node.items else {}
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

    def _variables(self, node: MapNode) -> tuple[Variables, dict[str, Any]]:
        declared = node.items.get("variables")
        own = dict(declared.items) if isinstance(declared, MapNode) else {}
        self.declared |= own.keys()
        variables = Variables({**own, **self.settings.over}, self.settings.environ, self.problems)
        return variables, {name: plain(variables.resolved(name)) for name in variables.values}

    def _header(self, node: MapNode, variables: Variables, values: dict[str, Any]) -> str:
        """Everything but tables and tasks; gives the pipeline's name."""
        apart = (*LAYERS, TASKS, "defaults", "variables")
        rest = MapNode({k: v for k, v in node.items.items() if k not in apart}, node.keys, node.mark)
        if "variables" in node.items:
            rest = MapNode({"variables": _names_only(node.items["variables"]), **rest.items}, node.keys, node.mark)
        header, name = self._named(variables.replaced(rest))
        judged = judge(Pipeline, header, node.mark, self.problems)
        pipeline = judged.value
        if pipeline is None:
            return name
        self.problems += not_built(pipeline, judged.node, node.mark)
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
        known = self.names.get(str(name).casefold())
        if known is not None:
            message = f"{name} is written twice, first in {position(known)}"
            problem = Problem(position(made.mark), "duplicate-table", message, "names ignore case; rename one of them")
            self.problems.append(problem)
            return
        self.names[str(name).casefold()] = made.mark
        if wrong := name_problem(name.table, made.mark):
            self.problems.append(wrong)
        self.origins[name] = Origin(made.node, made.mark, pipeline, values, frozenset(made.values))
        kind = Task if name.layer == TASKS else Table
        judged = judge(kind, made.node, made.mark, self.problems)
        value = judged.value
        if value is not None:
            self.problems += not_built(value, judged.node, made.mark)
        if isinstance(value, Table):
            self.problems += table_problems(name.layer, value, made.node, made.mark, judged.taken)
            self.tables[name] = value
        elif isinstance(value, Task):
            self.tasks[name] = value
        if len(self.problems) > before or not judged.whole:
            self.broken.add(name)
            self.tables.pop(name, None)
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


def _names_only(node: Node) -> Node:
    """The variables with nothing in them: their values are judged where they are used."""
    if not isinstance(node, MapNode):
        return node
    return MapNode({k: Scalar(None, "", v.mark) for k, v in node.items.items()}, node.keys, node.mark)
