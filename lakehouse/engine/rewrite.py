"""`maintain --rewrite`: a table is laid out anew from itself, in one commit of the kind `rewrite` (S92).

Readers see the rows that they saw before; those that read on pass over the commit (S74). The files of the old layout
stay until VACUUM.
"""

from __future__ import annotations

from lakehouse.engine import attempt as attempts
from lakehouse.engine import numbered
from lakehouse.engine.attempt import Attempt
from lakehouse.engine.points import point
from lakehouse.errors import StepError
from lakehouse.lake import commit, increment
from lakehouse.names import quoted
from lakehouse.state.observe import State
from lakehouse.write.base import all_written


def _refuse_empty(attempt: Attempt) -> None:
    """Raise StepError where Delta would change rows: in a partition column it stores an empty text as NULL."""
    log = attempt.log
    texts = [name for name in attempt.step.spec.partitioned_by or () if log.columns.get(name) == "string"]
    if not texts:
        return
    rows = increment.pinned(attempt.session, log.path, log.version)
    if not rows.where(" OR ".join(f"{quoted(name)} = ''" for name in texts)).isEmpty():
        raise StepError(
            f"{attempt.step.name}: there are empty texts in {', '.join(texts)}, which Delta stores as NULL in a"
            " partition column",
            code="table.rewrite",
            fix="UPDATE these rows to what they should say, or partition by another column",
        )


def rewrite(attempt: Attempt, state: State) -> bool:
    """Replace the table's files by files of the layout that its definition asks for; False: decide again.

    Raises StepError when somebody else committed meanwhile: what they wrote is in the version before.
    """
    log, step = attempt.log, attempt.step
    _refuse_empty(attempt)
    if not numbered.planned(attempt, state):
        return False
    # as it is: Delta replaces what is there when it commits, so an older version would take back what came since
    rows = attempt.session.read.format("delta").load(log.path)
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    if step.spec.partitioned_by:
        writer = writer.partitionBy(*step.spec.partitioned_by)
    with point("data", step.name), commit.signed(attempt.session, attempt.signature):
        writer.save(log.path)
    done = attempts.confirm(attempt, all_written)
    if done is not None and done.version != attempt.work.base + 1:
        raise StepError(
            f"{step.name}: somebody else wrote the table while it was rewritten, and the rows may be lost",
            code="table.rewrite",
            fix=f"RESTORE it to version {done.version - 1}, and rewrite it while nothing else writes it",
        )
    return numbered.done(attempt, state, done)
