"""Which loaded files `clean_source` is to take away: the same look for `plan`, and for the engine after a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lakehouse.maintenance import Decision
from lakehouse.model import duration_text
from lakehouse.planning.batches import counted
from lakehouse.planning.steps import Step
from lakehouse.sources.auto_loader import CleanSource
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.cleaning import is_apart, target
from lakehouse.sources.filesystem import absolute, is_below, store_of
from lakehouse.spec.models import Table
from lakehouse.state.ledger import Standing
from lakehouse.state.listing import folder_of

OPERATION = "clean_source"


@dataclass(frozen=True)
class Due:
    """A file that is to go: as it was loaded, the batch that loaded it, and where it goes (None: it is deleted)."""

    file: SourceFile
    batch: int
    move_to: str | None


@dataclass(frozen=True)
class Cleaning:
    """What is due of one table now."""

    rule: CleanSource
    root: str
    """The folder that stands before the first sign of a glob in the source's path."""
    destination: str | None
    files: pa.Table
    """path, size, modified, batch; the oldest batch first."""

    @property
    def decision(self) -> Decision:
        """As maintenance decides, in figures."""
        number, kept = self.files.num_rows, self.rule.retention_duration
        ago = f" more than {duration_text(kept)} ago" if kept else ""
        if not number:
            return Decision(OPERATION, due=False, reason=f"no file that is still there was loaded{ago}")
        what = f"moved to {self.destination}" if self.destination else "deleted"
        be = "was loaded{} and is" if number == 1 else "were loaded{} and are"
        return Decision(OPERATION, due=True, reason=f"{counted(number, 'file')} {be.format(ago)} {what}")

    def due(self, start: int, count: int) -> list[Due]:
        """So many of the files, from the one at this place on."""
        return [
            Due(
                SourceFile(r["path"], r["size"], r["modified"]),
                r["batch"],
                None if self.destination is None else target(r["path"], self.root, self.destination),
            )
            for r in self.files.slice(start, count).to_pylist()
        ]


def cleaning(step: Step, standing: Standing | None, base: Path, now: datetime) -> Cleaning | None:
    """What is due of the table; None where its source is not cleaned.

    `step` is as it was compiled, with the run's own values not put in: what was loaded on other days is its too.
    """
    rule = step.spec.auto_loader.clean_source if step.spec.auto_loader else None
    source: object = step.spec.source
    if rule is None or standing is None or not isinstance(source, FileSource):
        return None
    root, destination = _places(source, rule, base)
    files = standing.known.to_clean(standing.loaded_before(now - rule.retention_duration))
    # what was loaded from another place, before `path` was changed, is not ours to clean
    mine = pa.array([is_below(path, root) for path in files["path"].to_pylist()], pa.bool_())
    return Cleaning(rule, root, destination, files.filter(mine))


def misplaced(table: Table, base: Path) -> str:
    """Why files cannot be moved where the table says, in words; empty when they can."""
    rule = table.auto_loader.clean_source if table.auto_loader else None
    source: object = table.source
    if rule is None or rule.move_destination is None or not isinstance(source, FileSource):
        return ""
    root, destination = _places(source, rule, base)
    if store_of(root) != store_of(destination or ""):
        return f"{rule.move_destination} is not in the same store as the source, {source.path}"
    if not is_apart(root, destination or ""):
        return f"{rule.move_destination} and the folder of the source, {source.path}, lie in one another"
    return ""


def _places(source: FileSource, rule: CleanSource, base: Path) -> tuple[str, str | None]:
    root = folder_of(absolute(source.path, str(base)))
    return root, absolute(rule.move_destination, str(base)) if rule.move_destination else None
