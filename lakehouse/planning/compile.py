"""Spec -> Plan: references resolved, order found, everything that needs more than one table checked."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from lakehouse.errors import Problem, SpecError, suggestion
from lakehouse.names import COMPANIONS, TableName
from lakehouse.planning.columns import column_problems
from lakehouse.planning.references import SqlError, references
from lakehouse.planning.selection import select as match
from lakehouse.planning.steps import Plan, Read, Step, definition_of, ordered
from lakehouse.spec.leaves import WAYS
from lakehouse.spec.load import Project
from lakehouse.spec.models import Table


def compile(
    project: Project, select: tuple[str, ...] = (), exclude: tuple[str, ...] = (), *, check_columns: bool = True
) -> Plan:
    """Compile all tables of the project and choose those to run.

    Raises SpecError with every problem found over all tables, not only the selected ones.
    """
    problems: list[Problem] = []
    steps = []
    for name, table in project.tables.items():
        step = _step(project, name, table, problems)
        if step is not None:
            steps.append(step)
    problems += _cycles(project, steps)
    if problems:
        raise SpecError(problems)
    in_order = ordered(steps)
    if check_columns:
        problems += column_problems(project, in_order)
        if problems:
            raise SpecError(problems)
    return Plan(project, in_order, _chosen(project, in_order, select, exclude))


def way_of(table: Table) -> str:
    """The way to write that is named; by default a query overwrites, and what is read from a table is appended."""
    named = next((word for word in WAYS if getattr(table, word) is not None), None)
    return named or ("overwrite" if table.sql is not None else "append")


def _step(project: Project, name: TableName, table: Table, problems: list[Problem]) -> Step | None:
    before = len(problems)
    way = way_of(table)
    reads: list[Read] = []
    if table.sql is not None:
        try:
            for reference in references(table.sql):
                if reference.stream:
                    problems.append(_later(project, name, "sql", message="STREAM() in `sql`"))
                reads.append(Read(reference.name, whole=True))
        except SqlError as error:
            where = project.text_position(error.line, error.column, name, "sql")
            problems.append(Problem(where, "sql-syntax", f"the SQL does not parse: {error}"))
        if way != "overwrite":
            problems.append(_later(project, name, way, message=f"`sql` with `{way}`"))
    reads += [Read(item.table, whole=not WAYS[way].INCREMENTAL) for item in table.from_ or ()]
    for index, read in enumerate(reads):
        key = ("sql",) if table.sql is not None else ("from", index)
        problems += _reference_problems(project, name, read, way, key)
    known = {str(n): n for n in (*project.tables, *project.tasks)}
    for index, dependency in enumerate(table.depends_on or ()):
        if dependency not in known:
            problems.append(_unknown(project, dependency, name, ("depends_on", index)))
    if len(problems) > before:
        return None
    definition, used = definition_of(table, project.variables_of(name))
    after = frozenset(r.table for r in reads) | frozenset(known[d] for d in table.depends_on or ())
    unique = tuple(dict.fromkeys(reads))
    return Step(name, table, way, unique, after & set(project.tables), definition, used)


def _reference_problems(
    project: Project, name: TableName, read: Read, way: str, key: tuple[str | int, ...]
) -> Iterator[Problem]:
    if read.table not in project.tables:
        if any(read.table.table.endswith(c) for c in COMPANIONS):
            yield _later(project, name, *key, message=f"reading the companion table {read.table}")
        else:
            yield _unknown(project, read.table, name, key)
    elif read.table != name and not read.whole and way_of(project.tables[read.table]) != "append":
        how = way_of(project.tables[read.table])
        message = f"reading what changed in {read.table}, which is written by `{how}`, into `{way}`"
        yield _later(project, name, *key, message=message)
    elif read.table != name and not read.whole and project.tables[read.table].source is None:
        yield _later(project, name, *key, message=f"reading what is new in {read.table}, which is not a Bronze table,")


def _later(project: Project, name: TableName, *keys: str | int, message: str) -> Problem:
    return Problem(project.position(name, *keys), "not-available-yet", f"{message} is not available yet")


def _unknown(project: Project, wanted: TableName | str, name: TableName, key: tuple[str | int, ...]) -> Problem:
    near = suggestion(str(wanted), [str(t) for t in project.tables]) or "write `layer.table`, of a table in these files"
    return Problem(project.position(name, *key), "unknown-table", f"there is no table {wanted}", near)


def _cycles(project: Project, steps: list[Step]) -> Iterator[Problem]:
    """Every cycle, one after the other, each told where its first table waits."""
    graph = {s.name: sorted(s.after) for s in sorted(steps, key=lambda s: s.name)}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            names: list[TableName] = error.args[1]
        else:
            return
        # each of the names waits for the one before it; the first one is told last too
        first = names.index(min(names))
        ring = [*names[first:-1], *names[:first]]
        way_round = " -> ".join(str(n) for n in [*ring, ring[0]])
        where = project.position(ring[0], *_place_of(project.tables[ring[0]], ring[-1]))
        yield Problem(where, "cycle", f"these tables wait for each other: {way_round}", "take one of these steps away")
        graph = {name: after for name, after in graph.items() if name not in ring}


def _place_of(table: Table, dependency: TableName) -> tuple[str | int, ...]:
    """Where the table says that it waits for another."""
    for index, item in enumerate(table.from_ or ()):
        if item.table == dependency:
            return "from", index
    if str(dependency) in (table.depends_on or ()):
        return "depends_on", (table.depends_on or ()).index(str(dependency))
    return ("sql",)


def _chosen(
    project: Project, steps: tuple[Step, ...], select: tuple[str, ...], exclude: tuple[str, ...]
) -> frozenset[TableName]:
    def path_of(name: TableName) -> str:
        return project.position(name).file

    chosen = match(steps, select, path_of=path_of) if select else project.selected
    if exclude:
        chosen -= match(steps, exclude, option="--exclude", path_of=path_of)
    return frozenset(s.name for s in steps if s.name in chosen and s.spec.enabled is not False)
