"""The row checks of one attempt: each is a hidden column on the frame, NULL where the row keeps the rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.names import TableName
from lakehouse.quality.check import IS_NULL, Check, Whole
from lakehouse.quality.core.base import CoreExpectation
from lakehouse.quality.models import Action, SchemaAction
from lakehouse.quality.rows import WAS, keep_input, types_of
from lakehouse.quality.tally import Tally
from lakehouse.quality.texts import value_text

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


__all__ = ["Checks", "keep_input"]


class Checks:
    """Collects the checks of an attempt while its frame is built, and what the rules need to know on the way."""

    def __init__(
        self,
        *,
        variables: Mapping[str, object] | None = None,
        now: datetime | None = None,
        on_schema_violation: SchemaAction = "quarantine",
        on_violation: Action = "warn",
        pii: Iterable[str] = (),
        rescued_column: str | None = "_rescued_data",
        tally: Tally | None = None,
        tables: Mapping[TableName, DataFrame] | None = None,
        root: Path | None = None,
    ) -> None:
        self.variables: Mapping[str, object] = dict(variables or {})
        self.now = now
        self.on_schema_violation: SchemaAction = on_schema_violation
        self.on_violation: Action = on_violation
        self.pii = frozenset(name.casefold() for name in pii)
        self.rescued_column = rescued_column
        self.tally = tally or Tally()
        self.tables: Mapping[TableName, DataFrame] = dict(tables or {})
        """The other tables that rules read, each whole at its pin."""
        self.follows = False
        """Rows come by a change feed: among them are some as they were before (`WAS`)."""
        self.root = root
        """The project's folder, in which a user's own code lies."""
        self.stored: frozenset[str] | None = None
        """Columns that the table will have, folded; None: all that the rows have."""
        self.not_stored: tuple[str, ...] = ()
        """Columns of the input that `schema` does not name (S33)."""
        self._all: list[Check] = []
        self.wholes: list[Whole] = []
        self.spared: Column | None = None
        """Where a row is not judged by the checks that are added from now on."""
        self._casts: dict[str, tuple[Check, ...]] = {}
        self._origins: dict[str, frozenset[str]] = {}

    def copy(self) -> Checks:
        """The same checks, to which others can be added without these knowing."""
        other = copy(self)
        other._all, other.wholes = list(self._all), list(self.wholes)
        other._casts, other._origins = dict(self._casts), dict(self._origins)
        return other

    @property
    def all(self) -> Sequence[Check]:
        """The checks of rows in the order of their rules."""
        return tuple(self._all)

    @property
    def wanted(self) -> bool:
        """Whether anything is to be counted."""
        return bool(self._all or self.wholes)

    def whole(self, name: str, rule: CoreExpectation, action: Action, columns: Mapping[str, str]) -> None:
        """Add a rule about many rows or the table."""
        named = {rule_column.casefold() for rule_column in columns.values()}
        named |= {origin for column in columns.values() for origin in self.origins(column)}
        secret = bool(named & self._secrets())
        self.wholes.append(Whole(len(self.wholes), name, rule, action, columns, secret, rule.mostly))

    def add(
        self,
        frame: DataFrame,
        *,
        name: str,
        column: str | None,
        violated: Column,
        value: Column | None,
        message: str | Column,
        action: Action,
        mostly: float | None = None,
        judged: Column | None = None,
    ) -> DataFrame:
        """Put a check on the frame: a row breaks it where it is judged and `violated` is true (not NULL).

        `value` is what is shown as text; of a column that is marked `pii` nothing is shown (S60).
        """
        hidden = self.register(
            name=name,
            column=column,
            violated=violated,
            value=value,
            message=message,
            action=action,
            mostly=mostly,
            judged=judged,
        )
        return frame.withColumns(hidden)

    def register(
        self,
        *,
        name: str,
        column: str | None,
        violated: Column,
        value: Column | None,
        message: str | Column,
        action: Action,
        mostly: float | None = None,
        judged: Column | None = None,
    ) -> dict[str, Column]:
        """As `add`, but gives the hidden columns, so that many checks go on the frame in one projection."""
        from pyspark.sql import functions as F

        if self.spared is not None:
            judged = ~self.spared if judged is None else ~self.spared & judged
        origins = self.origins(column) if column is not None else frozenset()
        check = Check(len(self._all), name, column, action, mostly, judged is not None, origins)
        self._all.append(check)
        shown = F.lit(None) if value is None or self.secret(check) else value
        finding = F.struct(
            F.lit(name).alias("name"),
            F.lit(column).cast("string").alias("column"),
            shown.cast("string").alias("value"),
            (F.lit(message) if isinstance(message, str) else message).alias("message"),
        )
        breaks = violated if judged is None else judged & violated
        hidden = {check.found: F.when(breaks, finding), check.broken: F.coalesce(breaks, F.lit(False))}
        return hidden if judged is None else {**hidden, check.judged: judged}

    def shown(self, frame: DataFrame, names: Iterable[str]) -> Column | None:
        """The values of these columns for a finding: one as text, several as JSON; columns marked `pii` left out."""
        from pyspark.sql import functions as F

        from lakehouse.names import quoted

        types = types_of(frame)
        open_names = [n for n in names if not (self.origins(n) | {n.casefold()}) & self._secrets()]
        if not open_names:
            return None
        if len(open_names) == 1:
            return value_text(F.col(quoted(open_names[0])), types[open_names[0]])
        whole = F.to_json(F.struct(*[F.col(quoted(n)) for n in open_names]), {"ignoreNullFields": "false"})
        return value_text(whole, "string")

    def mark_pii(self, names: Iterable[str]) -> None:
        """These columns must not be shown (S60)."""
        self.pii |= {name.casefold() for name in names}

    def secret(self, check: Check) -> bool:
        """Whether the check's value may not be shown, because its column, or one that it is made of, is `pii`."""
        own = set() if check.column is None else {check.column.casefold()}
        return bool((check.origins | own) & self._secrets())

    def _secrets(self) -> frozenset[str]:
        return self.pii.union(*(self.origins(name) for name in self.pii))

    # What happened to columns on the way: casts that may have failed (S28), Bronze columns they come from (S14).

    def cast_of(self, column: str) -> None:
        """The check added last is a cast of this column: rows that broke it are not blamed again for the column."""
        key = column.casefold()
        self._casts[key] = (*self._casts.get(key, ()), self._all[-1])

    def renamed(self, names: Mapping[str, str]) -> None:
        """Columns have got other names, old -> new, all at once."""
        pairs = [(old.casefold(), new.casefold()) for old, new in names.items()]
        origins = {new: self.origins(old) for old, new in pairs}
        casts = {new: self._casts.get(old, ()) for old, new in pairs}
        for old, _ in pairs:
            self._origins.pop(old, None)
            self._casts.pop(old, None)
        self._origins.update(origins)
        self._casts.update(casts)

    def derived(self, column: str, sources: Iterable[str]) -> None:
        """The column has been computed from these."""
        key = column.casefold()
        from_ = {source.casefold() for source in sources}
        rescued = (self.rescued_column or "").casefold()
        if rescued in from_:
            self._origins[key] = frozenset()  # the expression looks after rescued values itself
        else:
            self._origins[key] = frozenset().union(*(self.origins(source) for source in from_))
        if key not in from_:
            self._casts.pop(key, None)

    def origins(self, column: str) -> frozenset[str]:
        """The input's columns, folded, that this one is made of."""
        return self._origins.get(column.casefold(), frozenset({column.casefold()}))

    def failed_cast(self, columns: Iterable[str], *, removing_only: bool = False, spared: bool = True) -> Column | None:
        """Where a cast of one of these columns has failed in the row; None when none of them was cast.

        `removing_only` leaves out casts whose failures are stored as NULL; then, where they are `spared`, rows as they
        were before count too: no rule rejects them, they only delete their key.
        """
        from pyspark.sql import functions as F

        found = [check for name in columns for check in self._casts.get(name.casefold(), ())]
        if removing_only:
            found = [check for check in found if check.action != "warn"]
        failed = [F.coalesce(F.col(check.found)["message"] != IS_NULL, F.lit(False)) for check in found]
        failed += [F.col(WAS)] if removing_only and spared and self.follows else []
        return reduce(or_, failed) if failed else None

    def insist(self, frame: DataFrame) -> DataFrame:
        """The frame whose reading fails at a row that breaks a rule so far, without these rules.

        For what makes other rows of several, behind which a row cannot be told any more, nor set aside.
        """
        from pyspark.sql import functions as F

        if not self._all:
            return frame
        for check in self._all:
            if check.action != "warn":
                found = F.col(check.found)
                value = F.coalesce(F.concat(F.lit(" "), found["value"]), F.lit(""))
                told = F.concat(found["name"], F.lit(": for example"), value, F.lit(": "), found["message"])
                frame = frame.filter(F.when(found.isNotNull(), F.raise_error(told).cast("boolean")).otherwise(True))
        hidden = [name for check in self._all for name in (check.found, check.judged)]
        self._all, self._casts = [], {}
        return frame.drop(*hidden)

    def spare(self, frame: DataFrame, where: Column, but: Collection[str]) -> DataFrame:
        """The frame in which these rows break none of the rules so far, but for those about the columns in `but`."""
        from pyspark.sql import functions as F

        hidden: dict[str, Column] = {}
        for check in self._all:
            if check.column is None or check.column.casefold() not in but:
                hidden[check.found] = F.when(~where, F.col(check.found))
                hidden[check.broken] = F.col(check.broken) & ~where
        return frame.withColumns(hidden) if hidden else frame

    def doomed(self) -> Column | None:
        """Where the row breaks a rule, so far, that keeps it from being stored; None when no rule does that."""
        from pyspark.sql import functions as F

        broken = [F.col(check.broken) for check in self._all if check.action != "warn"]
        return reduce(or_, broken) if broken else None
