"""What the caller of a run asks for beside what the files say."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lakehouse.names import TableName
from lakehouse.state.known import NOT_AGAIN, Again


@dataclass(frozen=True)
class Asked:
    """Wishes of one run, for every table that it writes."""

    again: Again = NOT_AGAIN
    """Bronze: files that are taken although they are known."""
    take_over: bool = False
    """Tables of another project become this one's (S96)."""
    full_refresh: frozenset[TableName] = frozenset()
    """Tables that are made anew from their whole inputs."""
    allow_data_loss: bool = False
    """A full refresh may leave out rows that only the table has."""

    def once(self, sequence: int) -> Asked:
        """The same for the rest of a run whose first commit to the table has this sequence."""
        return replace(self, again=self.again.once(sequence), full_refresh=frozenset())

    def of_auto_loader(self) -> Asked:
        """The same for a table whose loaded files are never loaded again."""
        return replace(self, again=replace(self.again, loaded=False))


NOTHING_ASKED = Asked()
"""Only what is new is read."""
