"""Spec -> Plan: references resolved, order found, everything that needs more than one table checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from lakehouse.cleanse import python
from lakehouse.cleanse.base import one_rule
from lakehouse.errors import Problem, SpecError, nearest
from lakehouse.names import COMPANIONS, LAYERS, TableName
from lakehouse.planning.circles import circles, told
from lakehouse.planning.cleaning import misplaced
from lakehouse.planning.columns import column_problems
from lakehouse.planning.feeds import feed_of, misread, unordered, way_of
from lakehouse.planning.known import MOST_SLIPS
from lakehouse.planning.queues import misplaced_queues
from lakehouse.planning.renames import misnamed
from lakehouse.planning.selection import select as match
from lakehouse.planning.shared import shared
from lakehouse.planning.steps import Feed, Plan, Read, Step, definition_of, ordered, tables_of
from lakehouse.quality.expressions import place_of
from lakehouse.quality.references import SqlError, references
from lakehouse.spec.late import is_secret_reference, references_in
from lakehouse.spec.leaves import WAYS
from lakehouse.spec.load import Project, Survey
from lakehouse.spec.models import Table
from lakehouse.spec.reading import WHOLE, Remainder

ORIGINS = ("source", "from", "sql")
"""Keys that say where the rows of a table come from."""


def compile(project: Project, select: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Plan:
    """Compile all tables of the project and choose those to run.

    Raises SpecError with every problem found over all tables, not only the selected ones.
    """
    found = _Compiled(project)
    if found.problems:
        raise SpecError(found.problems)
    steps = ordered(found.steps)
    return Plan(project, steps, _chosen(project, steps, select, exclude))


def problems_of(survey: Survey) -> list[Problem]:
    """What compiling finds in the files as far as they could be read, and nothing that follows from what is told.

    Beside `survey.problems` it makes a first look at broken files the only one.
    """
    tables = {name: table for name in survey.project.origins if (table := _readable(survey, name)) is not None}
    return _Compiled(replace(survey.project, tables=tables), survey.broken, survey.complete).problems


def _readable(survey: Survey, name: TableName) -> Table | None:
    rest = survey.broken.get(name)
    return survey.project.tables.get(name) if rest is None else rest.table


@dataclass
class _Compiled:
    """The steps of a project, and the problems met.

    `broken` has the tables with mistakes that are told already: nothing is said about the places where those stand.
    Where the tables are not `complete`, no name is unknown.
    """

    project: Project
    broken: Mapping[TableName, Remainder] = field(default_factory=dict)
    complete: bool = True
    steps: list[Step] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    slips: int = 0
    names: Mapping[str, TableName] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.names = {str(name): name for name in self.project.origins}
        for name, table in self.project.tables.items():
            self.steps.append(self.step(name, table))
        followed = {read.table for step in self.steps for read in step.reads if read.feed}
        self.steps = [replace(step, followed=step.name in followed) for step in self.steps]
        self.places_of_files()
        self.names_before()
        rings = list(circles(self.steps))
        self.problems += [told(self.project, ring) for ring in rings]
        # a table in a circle has no input that is known before it; each gets its turn nevertheless
        free = {name for ring in rings for name in ring}
        rest = [replace(step, after=frozenset()) if step.name in free else step for step in self.steps]
        self.problems += column_problems(self.project, ordered(rest), self.broken, complete=self.complete)
        self.problems = [problem.unquoted() for problem in self.problems]

    def hurt(self, name: TableName) -> frozenset[str]:
        """Keys of the table behind which a mistake stands that is told already."""
        return self.broken.get(name, WHOLE).keys

    def step(self, name: TableName, table: Table) -> Step:
        """One table compiled, as far as its references are right."""
        hurt = self.hurt(name)
        way = way_of(table)
        reads: list[Read] = []
        if table.sql is not None and "sql" not in hurt:
            reads += self.query(name, table.sql)
            if WAYS[way].INCREMENTAL and not self.unsure(name):
                self.later(name, way, message=f"`sql` with `{way}`")
        if "from" not in hurt:
            reads += self.inputs(name, table, way)
        if "cleanse" not in hurt:
            reads += self.lookups(name, table)
            self.functions(name, table)
        names = self.names
        compared: frozenset[TableName] = frozenset()
        for index, dependency in enumerate(table.depends_on or ()):
            if dependency not in names and "depends_on" not in hurt:
                self.unknown(dependency, name, "depends_on", index)
        definition, used = definition_of(table, self.project.variables_of(name), self.project.root)
        late = frozenset(self.project.late_references(name, used))
        self.secrets(name, used)
        for rule, expectation in table.expectations.items() if "expectations" not in hurt else ():
            other = getattr(expectation.core, "other", None)
            place = ("expectations", rule, expectation.word, "other_table_name")
            if other and self.known(name, TableName.parse(other), place):
                compared |= {TableName.parse(other)} - {name}
        after = compared | frozenset(r.table for r in reads) | {names[d] for d in table.depends_on or () if d in names}
        unique = tuple(dict.fromkeys(reads))
        if not hurt & {"source", "auto_loader"} and (why := misplaced(table, self.project.environment.root)):
            where = self.project.position(name, "auto_loader", "clean_source", "move_destination")
            fix = "move them to a folder beside the source's, in the same store"
            self.problems.append(Problem(where, "wrong-value", f"files cannot be moved there: {why}", fix))
        return Step(name, table, way, unique, after & self.project.tables.keys(), definition, used, late)

    def places_of_files(self) -> None:
        """No table takes away what another reads, and every queue of file events is one table's alone."""
        sound = {n: t for n, t in self.project.tables.items() if not self.hurt(n) & {"source", "auto_loader"}}
        root = self.project.environment.root
        for name, other in shared(sound, root):
            where = self.project.position(name, "auto_loader", "clean_source")
            why = f"{other} may read files of the same source, and would miss what is taken away here"
            fix = (
                f"read {name} in its place, or tell their files apart by folder, by the letters in which their names"
                " begin or end, or by `path_glob_filter`"
            )
            self.problems.append(Problem(where, "shared-source", why, fix))
        for name, why, fix in misplaced_queues(sound, root):
            where = self.project.position(name, "auto_loader", "use_notifications", "queue_url")
            self.problems.append(Problem(where, "wrong-value", f"events cannot be read there: {why}", fix))

    def names_before(self) -> None:
        """A table has its name from nobody else."""
        sound = {n: t for n, t in self.project.tables.items() if "renamed_from" not in self.hurt(n)}
        for name, why, fix in misnamed(sound):
            where = self.project.position(name, "renamed_from")
            self.problems.append(Problem(where, "wrong-value", f"{sound[name].renamed_from} {why}", fix))

    def query(self, name: TableName, sql: str) -> Iterator[Read]:
        """The tables that a query reads, those that are there."""
        try:
            found = references(sql)
        except SqlError as error:
            where = self.project.text_position(error.line, error.column, name, "sql")
            self.problems.append(Problem(where, "sql-syntax", f"the SQL does not parse: {error}"))
            return
        for reference in found:
            place = place_of(sql, reference.start)
            if reference.stream:
                self.later(name, "sql", message="STREAM() in `sql`", at=place)
            if self.known(name, reference.name, ("sql",), at=place):
                yield Read(reference.name, whole=True)

    def inputs(self, name: TableName, table: Table, way: str) -> Sequence[Read]:
        """The tables of `from` that are there, and how each is read."""
        reads: list[Read] = []
        for index, item in enumerate(table.from_ or ()):
            if not self.known(name, item.table, ("from", index)):
                continue
            at = item.version if item.timestamp is None else self.time(item.timestamp)
            whole = not WAYS[way].INCREMENTAL or item.whole or at is not None
            source = self.project.tables[item.table]
            feed: Feed = "" if whole else feed_of(item, source, way_of(source), way)
            reads.append(Read(item.table, whole, at=at, feed=feed))
            if not self.unsure(name) and not self.unsure(item.table):
                self.problems += misread(self.project, name, item, index, reads[-1], way)
        if len(reads) == len(table.from_ or ()) and not self.unsure(name):
            self.problems += unordered(self.project, name, reads)
        return reads

    def lookups(self, name: TableName, table: Table) -> Iterator[Read]:
        """The other tables that cleansing rules read, those that are there."""
        for loc, wanted in tables_of(table):
            if self.known(name, wanted, loc):
                yield Read(wanted, whole=True, lookup=True)

    def functions(self, name: TableName, table: Table) -> None:
        """Functions of one's own are there, as far as that can be told without running anything."""
        for index, written in enumerate(table.cleanse):
            for text in one_rule(written)[1].functions():
                if why := python.missing(text, self.project.root):
                    where = self.project.position(name, "cleanse", index, "python")
                    self.problems.append(Problem(where, "wrong-value", *why.split("; ", 1)))

    def known(
        self, name: TableName, wanted: TableName, keys: tuple[str | int, ...], at: tuple[int, int] | None = None
    ) -> bool:
        """Whether the table is there; told where it is not."""
        if wanted in self.project.tables:
            return True
        if any(wanted.table.endswith(c) for c in COMPANIONS):
            self.later(name, *keys, message=f"reading the companion table {wanted}", at=at)
        elif wanted not in self.project.origins or wanted.layer == "tasks":
            self.unknown(str(wanted), name, *keys, at=at)
        return False

    def time(self, text: str) -> datetime:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(self.project.environment.time_zone))

    def secrets(self, name: TableName, used: Mapping[str, object]) -> None:
        """A value in an expression is part of a query, and Spark writes queries down."""
        for variable, value in used.items():
            if any(is_secret_reference(reference) for reference in references_in(value)):
                message = f"the variable {variable!r} is a secret and cannot stand in SQL, which Spark writes down"
                fix = "hand it to a connector by its `options`"
                where = self.project.position(name, *self.project.place_of_text(name, rf":{variable}\b"))
                self.problems.append(Problem(where, "late-reference", message, fix))

    def unsure(self, name: TableName) -> bool:
        """Whether a mistake may hide what the table reads or how it is written."""
        hurt = self.hurt(name)
        table = self.project.tables[name]
        unknown = hurt - {field.alias or key for key, field in type(table).model_fields.items()}
        return bool(unknown or hurt & {*WAYS, *ORIGINS})

    def later(self, name: TableName, *keys: str | int, message: str, at: tuple[int, int] | None = None) -> None:
        where = self.project.text_position(*at, name, *keys) if at else self.project.position(name, *keys)
        self.problems.append(Problem(where, "not-available-yet", f"{message} is not available yet"))

    def unknown(self, wanted: str, name: TableName, *keys: str | int, at: tuple[int, int] | None = None) -> None:
        if not self.complete:
            return
        self.slips += 1
        names = [n for n in self.project.origins if n != name] if self.slips < MOST_SLIPS else []
        near = _nearest(wanted, names, tasks=keys[0] == "depends_on")
        where = self.project.text_position(*at, name, *keys) if at else self.project.position(name, *keys)
        fix = f"did you mean '{near}'?" if near else "write `layer.table`, of a table in these files"
        self.problems.append(Problem(where, "unknown-table", f"there is no table {wanted}", fix))


def _nearest(wanted: str, names: list[TableName], *, tasks: bool) -> TableName | None:
    """The table that was probably meant: near in the same layer, of the same name in another, near there."""
    layer, _, table = wanted.rpartition(".")
    names = [n for n in names if n.layer in LAYERS or (tasks and layer == n.layer)]
    for among in ([n for n in names if n.layer == layer], [n for n in names if n.table == table], names):
        by_table = {n.table: n for n in among}
        if near := nearest(table, by_table):
            return by_table[near]
    return None


def _chosen(
    project: Project, steps: tuple[Step, ...], select: tuple[str, ...], exclude: tuple[str, ...]
) -> frozenset[TableName]:
    def path_of(name: TableName) -> str:
        return project.position(name).file

    def state_of(word: str) -> frozenset[TableName]:
        from lakehouse.planning.states import in_state

        return in_state(project.environment, steps, word)

    chosen = match(steps, select, path_of=path_of, state_of=state_of) if select else project.selected
    if exclude:
        chosen -= match(steps, exclude, option="--exclude", path_of=path_of, state_of=state_of)
    return frozenset(s.name for s in steps if s.name in chosen and s.spec.enabled is not False)
