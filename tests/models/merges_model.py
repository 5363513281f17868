"""What a merge must make of its rows (S61 to S72), in the fewest lines: no batches that are applied, no tombstones.

The input is every row that was ever delivered, in any order, each told which batch and file of Bronze it came by; the
output is the table. So whatever a merge does with late rows, repeats and retries, it must come to this.
"""

from itertools import groupby, permutations, product
from typing import Any, NamedTuple

UPSERT, DELETE, TRUNCATE = "upsert", "delete", "truncate"


class Row(NamedTuple):
    key: tuple
    sequence: Any
    columns: tuple = ()
    operation: str = UPSERT
    batch: int = 0
    file: tuple = (0, "")  # modification time and path


def valid(row):
    """Rows without a sequence, or with all keys NULL, are rejected before the merge (S61, S62)."""
    return row.sequence is not None and (row.operation == TRUNCATE or any(part is not None for part in row.key))


def place(row):
    """All that orders the rows of a key but the hash of their content (S64)."""
    return row.sequence, row.batch, row.file, row.operation == DELETE


def in_order(rows, content):
    return sorted(filter(valid, rows), key=lambda row: (*place(row), content(row)))


def scd1(rows, content=repr, fill=()):
    """Key -> (columns, sequence); in the columns of `fill` a NULL changes nothing (S65 to S68, S70)."""
    table, floors = {}, [row.sequence for row in rows if row.operation == TRUNCATE and valid(row)]
    for row in in_order(rows, content):
        if row.operation == TRUNCATE or any(row.sequence < floor for floor in floors):
            continue
        old, _ = table.pop(row.key, (row.columns, None))
        if row.operation == UPSERT:
            pairs = enumerate(zip(old, row.columns, strict=True))
            table[row.key] = tuple(o if n is None and i in fill else n for i, (o, n) in pairs), row.sequence
    return table


def scd2(rows, content=repr, untracked=(), fill=()):
    """Key -> versions as (columns, valid_from, valid_to, is_current, sequence) (S67, S69, S70)."""
    table = {}
    for key, history in groupby(sorted(in_order(rows, content), key=lambda row: repr(row.key)), lambda row: row.key):
        versions, lives = [], False
        for sequence, row in {row.sequence: row for row in history}.items():  # of a sequence the last row counts
            if lives and row.operation == UPSERT:
                pairs = enumerate(zip(versions[-1][0], row.columns, strict=True))
                row = row._replace(columns=tuple(o if n is None and i in fill else n for i, (o, n) in pairs))
            now = [value for i, value in enumerate(row.columns) if i not in untracked]
            if lives and (row.operation == DELETE or now != tracked):
                versions[-1][2:4] = sequence, False
            if row.operation == DELETE:
                lives = False
            elif lives and now == tracked:
                versions[-1][0], versions[-1][4] = row.columns, sequence
            else:
                lives, tracked = True, now
                versions.append([row.columns, sequence, None, True, sequence])
        if versions:
            table[key] = [tuple(version) for version in versions]
    return table


def from_snapshots(rows):
    """The rows of whole snapshots, each at its value, and a delete of every key that is missing in one (S72)."""
    known, found = set(), list(rows)
    for value, whole in groupby(sorted(rows, key=lambda row: row.sequence), lambda row: row.sequence):
        keys = {row.key for row in whole}
        found += [Row(key, value, operation=DELETE) for key in known - keys]
        known = keys
    return found


def orders(rows):
    """Every order of content there can be: the hash is nobody's promise, only that it is always the same (S64)."""
    ties = {}
    for row in rows:
        if row.operation == UPSERT and valid(row):
            ties.setdefault((row.key, place(row)), set()).add(row.columns)
    ties = {tie: found for tie, found in ties.items() if len(found) > 1}
    for chosen in product(*(permutations(found) for found in ties.values())):
        ranks = {(tie, columns): n for tie, order in zip(ties, chosen, strict=True) for n, columns in enumerate(order)}
        yield lambda row, ranks=ranks: ranks.get(((row.key, place(row)), row.columns), 0)


def possible(model, rows, **options):
    """What the model says, once for each order of content."""
    return [model(rows, content, **options) for content in orders(rows)]


def broken_intervals(versions):
    """What is wrong with the versions of one key, or nothing."""
    line = sorted(versions, key=lambda version: version[1])
    if any(to is not None and not start < to for _, start, to, _, _ in line):
        return "a version of no length"
    if any(one[2] is None or one[2] > other[1] for one, other in zip(line, line[1:], strict=False)):
        return "versions overlap"
    if any((to is None) != current for _, _, to, current, _ in line):
        return "is_current is not valid_to IS NULL"
    if any(not start <= at or (to is not None and at >= to) for _, start, to, _, at in line):
        return "a sequence that is not in its version"
    return None
