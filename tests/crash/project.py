"""The small lake on which crash tests run: a Bronze table with a broken file and a broken line, Silver tables with
quarantine, one merged and one appended to, and a Gold aggregate. About a hundred rows in two instalments."""

from __future__ import annotations

import os
import random
from pathlib import Path

import lakehouse

PIPELINE = """\
pipeline: crash
run: {max_parallel: 1}
bronze:
  orders:
    source: {format: csv, path: "${landing}/orders", options: {header: true}}
    auto_loader: {schema_hints: {id: int, amount: double}, max_files_per_trigger: 3}
silver:
  orders:
    from: bronze.orders
    cleanse: [{trim: [customer]}]
    schema:
      id: {type: int, nullable: false}
      customer: string
      amount: double
    expectations:
      positive: {expect: amount > 0, on_violation: quarantine}
    merge: {keys: id, sequence_by: _source_modified}
    maintenance: {optimize: {min_files: 2}, zorder_by: customer}
  log:
    from: bronze.orders
    schema: {id: int, amount: double}
    append: true
    expectations:
      small: {expect: amount < 90, on_violation: quarantine}
gold:
  by_customer:
    from: silver.orders
    aggregate:
      by: customer
      measures: {orders: count(*), total: sum(amount)}
"""

DATA_TABLES = (
    "bronze.orders",
    "bronze.orders_quarantine",
    "silver.orders",
    "silver.orders_quarantine",
    "silver.log",
    "silver.log_quarantine",
    "gold.by_customer",
)
BAD = "bad.csv.gz"
START = 1_700_000_000


def make(root: Path) -> Path:
    """The project's files and an empty landing zone; the lake lies beside it, so that it can be copied by itself."""
    (root / "pipelines").mkdir(parents=True)
    (root / "landing" / "orders").mkdir(parents=True)
    (root / "pipelines" / "crash.yaml").write_text(PIPELINE)
    return root


def load(root: Path, lake: Path) -> lakehouse.Project:
    """The project with its lake at another place."""
    (root / "configs").mkdir(exist_ok=True)
    name = lake.name.replace("-", "_")
    config = f"lake: {lake}\nspark: {{master: 'local[2]'}}\nvariables: {{landing: {root}/landing}}\n"
    (root / "configs" / f"{name}.yaml").write_text(config)
    return lakehouse.load(root / "pipelines", env=name)


def first_instalment(root: Path) -> None:
    """Two good files."""
    for day in (1, 2):
        _write(root, day, [(day * 20 + i, f"c{i % 4}", 10 + i) for i in range(20)])


def second_instalment(root: Path) -> None:
    """Four files, in two batches: a file that is no text, changed and new rows, broken lines, rows that break a rule."""
    dice = random.Random(7)
    for day in (3, 4, 5):
        rows = [(dice.randrange(20, 90), f" c{day}", dice.randrange(-5, 100)) for _ in range(15)]
        unique = {row[0]: row for row in rows}
        _write(root, day, list(unique.values()), broken=day == 4)
    bad = root / "landing" / "orders" / BAD
    bad.write_bytes(b"\x1f\x8b\x08\x00this is no gzip")
    os.utime(bad, (START + 2.5, START + 2.5))


def _write(root: Path, day: int, rows: list[tuple[int, str, int]], *, broken: bool = False) -> None:
    path = root / "landing" / "orders" / f"day{day}.csv"
    lines = ["id,customer,amount", *(f"{i},{c},{a}" for i, c, a in rows)]
    if broken:
        lines.insert(5, '7,"unclosed,too,many,fields,here')
        lines.insert(9, "1,2,3,4,5")
    path.write_text("\n".join(lines) + "\n")
    os.utime(path, (START + day, START + day))
