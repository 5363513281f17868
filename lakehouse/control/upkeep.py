"""Keeps the control tables small: compaction, VACUUM, checkpoints, and the end of rows that have aged.

Every append is a small file and a commit, so all of it is due after so many commits, and free of cost until then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from pyarrow import fs

from lakehouse.control.store import NO_HOOKS, Control
from lakehouse.control.tables import TABLES, ControlTable
from lakehouse.lake.checkpoint import newest_checkpoint
from lakehouse.lake.history import LogFiles
from lakehouse.lake.storage import filesystem

DUE = 32
"""Commits since the last checkpoint at which a table is kept up."""
TARGET = 16 << 20
"""Bytes: files of this size are left alone, so that a big ledger is not rewritten over and over."""


def upkeep(
    control: Control, *, retain: timedelta | None = None, force: bool = False, now: datetime | None = None
) -> list[str]:
    """Keep up every control table that is due; tells what was done. Never changes what the ledger says.

    `retain` ages the rows of runs, steps, expectations, maintenance and errors. Gives way to other processes.
    """
    done: list[str] = []
    cutoff = None if retain is None else (now or datetime.now(UTC)) - retain
    for spec in TABLES.values():
        if not force and _commits_since_checkpoint(control, spec.name) < DUE:
            continue
        table = control.open(spec.name)
        if table is not None:
            done += _keep(table, spec, cutoff)
    return done


def _keep(table: DeltaTable, spec: ControlTable, cutoff: datetime | None) -> Iterable[str]:
    try:
        if spec.ages and cutoff is not None:
            when = f"arrow_cast('{cutoff.astimezone(UTC).isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
            gone = table.delete(f"at < {when}", post_commithook_properties=NO_HOOKS)["num_deleted_rows"]
            if gone:
                yield f"{spec.name}: {gone} rows older than {cutoff:%Y-%m-%d} removed"
        merged = table.optimize.compact(
            target_size=TARGET,
            commit_properties=CommitProperties(max_commit_retries=20),
            post_commithook_properties=NO_HOOKS,
        )["numFilesRemoved"]
        if merged:
            yield f"{spec.name}: {merged} files compacted"
        table.vacuum(dry_run=False, full=True, post_commithook_properties=NO_HOOKS)
    except (CommitFailedError, DeltaError, OSError) as error:
        yield f"{spec.name}: left for the next time ({error})"
    try:
        table.update_incremental()
        table.create_checkpoint()
        table.cleanup_metadata()
    except (DeltaError, OSError) as error:
        yield f"{spec.name}: no checkpoint ({error})"


def _commits_since_checkpoint(control: Control, name: str) -> int:
    files, folder = filesystem(control.path(name), control.storage)
    log = LogFiles(files, f"{folder}/_delta_log")
    names = (i.base_name for i in files.get_file_info(fs.FileSelector(log.folder, allow_not_found=True)))
    versions = [int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdigit()]
    if len(versions) < DUE:
        return 0
    found = newest_checkpoint(files, log, max(versions))
    return max(versions) - (found[0] if found else -1)
