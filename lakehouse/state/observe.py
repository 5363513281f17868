"""One look at the world for one step: its table's log, the control plane's rows, files, inputs. No Java."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from lakehouse.lake.log import Log
from lakehouse.lake.storage import is_local
from lakehouse.names import TableName
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.spec.environment import Environment
from lakehouse.spec.table import Table
from lakehouse.state.asked import NOTHING_ASKED, Asked
from lakehouse.state.ledger import Standing, stand
from lakehouse.state.listing import list_files
from lakehouse.state.place import Commits

THREADS = {True: 2, False: 16}
"""Logs that are opened side by side, of a local lake or not: there it is work, elsewhere mostly waiting."""


@dataclass(frozen=True)
class State:
    """What a step is decided on."""

    log: Log | None
    """None: the table does not exist."""
    commits: Commits = field(default_factory=Commits)
    ledger: Ledger | None = None
    """Bronze: the opened ledger, through which a plan is appended, so that two planners conflict."""
    standing: Standing | None = None
    """Bronze: what ledger and log say together."""
    files: Sequence[SourceFile] = ()
    """Bronze: the source's files, by (modification time, path)."""
    before: TableName | None = None
    """The name under which the table still lies, where that is the one before: all else is seen there."""
    inputs: Mapping[TableName, Log | None] = field(default_factory=dict)
    """The tables that are read, at their pins."""
    asked: Asked = NOTHING_ASKED
    """What the caller of the run asks for."""
    how: str = ""
    """Bronze: how the files were found, in words behind their number; empty where they are listed in every run."""
    warnings: tuple[str, ...] = ()
    """Bronze: what was met on the way to them."""


def listed(environment: Environment, table: Table) -> Sequence[SourceFile]:
    """The files that the table's source has now; raises StepError when its path does not exist."""
    source: object = table.source
    if not isinstance(source, FileSource):
        return ()
    return list_files(source, environment.root, environment.storage, table.copy_into)


def observe(
    environment: Environment,
    control: Control,
    name: TableName,
    table: Table,
    *,
    files: Sequence[SourceFile] = (),
    inputs: Mapping[TableName, Log | None] | None = None,
    looked: tuple[Log | None] | None = None,
    run: str = "",
    asked: Asked = NOTHING_ASKED,
) -> State:
    """Look at the table, its rows in the control plane and, of a Bronze table, its ledger.

    `looked` has the table itself where it was opened a moment ago. Raises OffsetError when the ledger and the log
    cannot both be right.
    """
    log = looked[0] if looked else Log.open(environment.table_path(name), environment.storage)
    before = None
    if log is None and (log := renamed(environment, table)) is not None:
        before = table.renamed_from
    if log is None:
        standing = Standing(0, {}, frozenset()) if table.source is not None else None
        return State(None, standing=standing, files=files, inputs=inputs or {}, asked=asked)
    table_id = log.table_id or ""
    rows = Commits.read(control, table_id)
    if table.source is None:
        return State(log, rows, before=before, inputs=inputs or {}, asked=asked)
    ledger = Ledger.open(control, table_id, table=str(name), run=run)
    standing = stand(ledger, log, rows)
    return State(log, rows, ledger, standing, files, before=before, asked=asked)


def renamed(environment: Environment, table: Table) -> Log | None:
    """A table of ours that still lies under the name before, which is where one that is not there yet comes from."""
    if table.renamed_from is None:
        return None
    found = Log.open(environment.table_path(table.renamed_from), environment.storage)
    return found if found is not None and found.table_id is not None else None


def opened(environment: Environment, names: Iterable[TableName]) -> dict[TableName, Log | None]:
    """The tables as they are now."""

    def one(name: TableName) -> Log | None:
        log = Log.open(environment.table_path(name), environment.storage)
        if log is not None:
            log.sequence  # noqa: B018 - everybody asks for it, and it is another way to the store
        return log

    wanted = list(names)
    if len(wanted) < 2:
        return {name: one(name) for name in wanted}
    with ThreadPoolExecutor(THREADS[is_local(environment.lake_path)]) as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))
