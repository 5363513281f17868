"""Files -> Project, or every mistake in them at once. No Spark, no Java."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lakehouse import redaction
from lakehouse.errors import Problem, SpecError
from lakehouse.names import TableName
from lakehouse.spec.configs import Settings, read_settings
from lakehouse.spec.environment import Environment
from lakehouse.spec.files import Layout, find
from lakehouse.spec.models import Pipeline
from lakehouse.spec.nodes import (
    MapNode,
    Node,
    lines_of,
    node_of,
    position,
    read,
)
from lakehouse.spec.project import TASKS, Project
from lakehouse.spec.reading import Reading, Remainder

__all__ = ["Project", "Survey", "load", "project_of", "survey"]

Path_ = str | os.PathLike[str]


@dataclass(frozen=True)
class Survey:
    """All that could be read, and all that is wrong."""

    project: Project
    """Tables without mistakes of their own."""
    problems: tuple[Problem, ...]
    """Sorted by place."""
    broken: Mapping[TableName, Remainder]
    """Tables and tasks with mistakes."""
    complete: bool
    """Every table that is written is known by its name: no mistake stands where others may be written."""


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
    redaction.reading_begins()
    problems: list[Problem] = []
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    layout = find(given, root, problems)
    settings = read_settings(layout, env, variables or {}, problems)
    files = list(_files(layout, settings, problems))
    return _survey(layout.root, settings, files, layout.chosen, problems)


def project_of(*pipelines: Pipeline, environment: Environment | None = None) -> Project:
    """The project of pipelines written as typed classes; raises SpecError as `load` does."""
    return _whole(survey_of(*pipelines, environment=environment))


def survey_of(*pipelines: Pipeline, environment: Environment | None = None) -> Survey:
    """As `project_of`, but gives what is right beside the problems."""
    redaction.reading_begins()
    environment = environment or Environment().at(Path.cwd(), "local")
    values = node_of(environment.variables, ("environment", 1, 1))
    settings = Settings(environment, values.items if isinstance(values, MapNode) else {}, {}, os.environ)
    files = []
    for pipeline in pipelines:
        written = pipeline.model_dump(mode="json", by_alias=True, exclude_unset=True)
        files.append((f"Pipeline({pipeline.pipeline!r})", node_of(written, (f"Pipeline({pipeline.pipeline!r})", 1, 1))))
    return _survey(environment.root, settings, files, frozenset(f for f, _ in files), [])


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
    reading = Reading(settings, problems)
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
    hinted = {_with_hint(problem, project).unquoted() for problem in problems}
    return Survey(project, tuple(sorted(hinted)), reading.broken, reading.complete)


def _with_hint(problem: Problem, project: Project) -> Problem:
    """SQL that was cut off where YAML saw a comment; a table without its layer."""
    if bare := re.fullmatch(r"'(\w+)' is not a table name of the form layer.table", problem.message):
        full = next((n for n in project.origins if n.table == bare[1] and n.layer != TASKS), None)
        return replace(problem, fix=f"did you mean '{full}'?") if full else problem
    line = project.source_line(problem.position)
    if problem.code != "sql-syntax" or problem.fix or " #" not in line[problem.position.column - 1 :]:
        return problem
    return replace(problem, fix="put the whole expression in quotes, because YAML takes ` #` as a comment")
