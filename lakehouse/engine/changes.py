"""Rows that come by a change feed (S75): what changed in an input, as rows that set their key or delete it.

Every row that an input had before a commit deletes its key, every one that it has after it sets its own. Both go
through the same rules, so a row whose key changed, or that `filter` no longer takes, deletes what it was. What a commit
says of one key both ways sets it; so the order of a key's rows is that of the commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.errors import OffsetError, StepError
from lakehouse.lake import increment
from lakehouse.lake.errors import causes
from lakehouse.lake.increment import CHANGE_TIME, CHANGE_TYPE, CHANGE_VERSION
from lakehouse.names import quoted
from lakehouse.planning.ranges import Range
from lakehouse.quality.checks import Checks
from lakehouse.quality.rows import COMMIT_VERSION, DELETE, WAS, types_of
from lakehouse.write.merge.sequence import HIDDEN, unordered, with_sequence

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.write.merge import Merge

INPUT_NAME = "__from"
"""Hidden column: the input's name, since versions of two tables are not in one order."""
_BEFORE = ("delete", "update_preimage")
_TOO_OLD = "DELTA_UNSUPPORTED_TIME_TRAVEL_BEYOND_DELETED_FILE_RETENTION_DURATION"


def read(session: SparkSession, item: Range) -> DataFrame:
    """What is read of an input that is followed by its feed; the first time that is the whole table at its pin.

    With `inserts` rows have `_commit_version`, with `changes` also the hidden columns `WAS` and `DELETE`; `all` gives
    Delta's own three columns, and the rows of the first time as inserts of the pinned version, its time unknown.
    """
    from pyspark.sql import functions as F

    whole = increment.pinned(session, item.path, item.version)
    if item.nothing or item.since is None:
        first = whole.where("false") if item.nothing else whole
        version = F.lit(item.version).cast("bigint")
        if item.feed == "all":
            time = F.lit(None).cast("timestamp")
            return first.withColumns({CHANGE_TYPE: F.lit("insert"), CHANGE_VERSION: version, CHANGE_TIME: time})
        marks = {COMMIT_VERSION: version}
        if item.feed == "changes":
            marks |= {WAS: F.lit(False), DELETE: F.lit(False), INPUT_NAME: F.lit(str(item.table))}
        return first.withColumns(marks)
    found = _feed(session, item, whole.columns)
    if item.feed == "all":
        return found
    if item.feed == "inserts":
        return found.where(F.col(CHANGE_TYPE) == "insert").drop(CHANGE_TYPE, CHANGE_TIME)
    was = F.col(CHANGE_TYPE).isin(*_BEFORE)
    marks = {WAS: was, DELETE: was, INPUT_NAME: F.lit(str(item.table))}
    return _without_equal(found.withColumns(marks).drop(CHANGE_TYPE, CHANGE_TIME))


def _feed(session: SparkSession, item: Range, columns: list[str]) -> DataFrame:
    assert item.since is not None, "an input without an offset is read whole"
    try:
        found = increment.changes(session, item.path, item.since["version"], item.version, item.without)
    except Exception as error:
        if any(_TOO_OLD in (cause.condition, *cause.message.split("]")[0].split("[")) for cause in causes(error)):
            raise OffsetError(
                f"what changed in {item.table} after version {item.since['version']} is older than its files are kept",
                code="offset.expired",
                fix="make its reader anew by `--full-refresh`; `vacuum.retain` says how long files are kept",
            ) from error
        raise
    return found.select(*(quoted(name) for name in (*columns, CHANGE_TYPE, CHANGE_VERSION, CHANGE_TIME)))


def _without_equal(frame: DataFrame) -> DataFrame:
    """Less what a commit took out and put in again as it was, as all of an overwrite that did not change."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    types = types_of(frame)
    if any("map<" in text or "variant" in text for text in types.values()):
        return frame  # which cannot be compared exactly; what did not change then says so once more
    values = [F.col(quoted(name)) for name in types if name not in (WAS, DELETE, INPUT_NAME)]
    same = Window.partitionBy(*values)
    place = F.row_number().over(Window.partitionBy(*values, WAS).orderBy(WAS))
    others = F.sum(F.when(F.col(WAS), -1).otherwise(1)).over(same)
    surplus = F.when(F.col(WAS), -F.col("__surplus")).otherwise(F.col("__surplus"))
    return (
        frame.withColumns({"__place": place, "__surplus": others})
        .where(F.col("__place") <= surplus)
        .drop("__place", "__surplus")
    )


def settled(frame: DataFrame, options: Merge, checks: Checks) -> DataFrame:
    """Rows that delete only where no row of the same commit sets their key, and where their key is known.

    Without `sequence_by` with the check `merge.order`: two rows of one commit that set the same key are in no order.
    Raises StepError where a rule has lost which rows delete.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if WAS not in frame.columns or COMMIT_VERSION not in frame.columns:
        raise StepError("a rule of `cleanse` has lost which rows delete their key", code="input.changes")
    frame = with_sequence(frame, options, checks.variables, checks.now)
    keys = options.keys
    line = Window.partitionBy(*(quoted(key) for key in keys), INPUT_NAME, COMMIT_VERSION)
    sets = ~F.col(WAS)
    frame = frame.withColumn("__set", F.max(sets).over(line))
    if options.sequence_by is None:
        frame = unordered(frame, options, line, sets, checks)
    beaten = F.col(WAS) & F.col("__set")
    folded = {key.casefold() for key in keys}
    for check in checks.all:
        if check.removes and (check.column or "").casefold() in folded:
            beaten = beaten | (F.col(WAS) & F.col(check.broken))  # as what it deletes was never stored
    no_key = F.lit(True)
    for key in keys:
        no_key = no_key & F.col(quoted(key)).isNull()
    beaten = beaten | (F.col(WAS) & no_key)
    return checks.tally.beat(frame, ~beaten).drop("__set")


def placed(frame: DataFrame, checks: Checks) -> DataFrame:
    """Less rows that delete and have no sequence: the row that they were had none either, and was never stored."""
    from pyspark.sql import functions as F

    return checks.tally.beat(frame, ~F.col(WAS) | F.col(HIDDEN).isNotNull())
