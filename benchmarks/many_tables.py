"""A project of 500 tables in 50 files, and the lake that three runs of it would have left, made without Spark.

Each file is one domain: four Bronze, four Silver and two Gold tables, whose shapes are those of `pipelines/`. Every
table has real commits, signed and confirmed; their files hold one row each, because a plan reads none.

    python -m benchmarks.many_tables FOLDER
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from lakehouse import api
from lakehouse.control.store import Control
from lakehouse.control.upkeep import upkeep
from lakehouse.lake.log import ID
from lakehouse.lake.signature import Signature, app_id
from lakehouse.lake.table import MANAGED
from lakehouse.planning.definition import definition
from lakehouse.planning.steps import Plan, Step

DOMAINS = 50
RUNS = 3
FILES_PER_RUN = 10
"""Files of each Bronze table in each run."""
NEW_IN = 5
"""In every so many domains there is a new file for each Bronze table, so that a plan has both kinds of steps."""
START = datetime(2024, 1, 1, tzinfo=UTC)

PIPELINE = Path(__file__).with_suffix(".yaml")
BASE = "time_zone: UTC\nhistory: {retain: 1 year}\n"
LOCAL = "lake: ./lake\nvariables: {landing: ./landing}\n"


def write_project(root: Path) -> None:
    """50 files with 10 tables each."""
    for folder in ("pipelines", "configs"):
        (root / folder).mkdir(parents=True)
    (root / "configs" / "base.yaml").write_text(BASE)
    (root / "configs" / "local.yaml").write_text(LOCAL)
    text = PIPELINE.read_text()
    for domain in range(DOMAINS):
        (root / "pipelines" / f"shop_{domain:02}.yaml").write_text(text.replace("@", f"{domain:02}"))


def write_state(root: Path) -> None:
    """The landing zone, every table with a commit for each run, and the control plane."""
    plan = api.compiled(api.load(root=root))
    control = Control(plan.project.environment.control_path)
    _land(root, plan)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda step: _make(plan, step), plan.steps))
    for run in range(1, RUNS + 1):
        steps = [(step, *_rows(plan, step, run)) for step in plan.steps]
        # what was compacted before, and as many commits since as there are before it is done again
        chunks = 1 if run < RUNS else 15
        for chunk in range(chunks):
            part = steps[chunk::chunks]
            control.append("files", [row for _, ledger, _ in part for row in ledger])
            control.append("commits", [row for _, _, commits in part for row in commits])
        if run < RUNS:
            upkeep(control, force=True)
    for domain in range(0, DOMAINS, NEW_IN):
        for name in ("orders", "customers", "products", "visits"):
            _file(root / "landing" / f"{name}_{domain:02}", RUNS * FILES_PER_RUN, name)


def _land(root: Path, plan: Plan) -> None:
    for step in plan.steps:
        if step.is_bronze:
            folder = root / "landing" / step.name.table
            folder.mkdir(parents=True)
            for number in range(RUNS * FILES_PER_RUN):
                _file(folder, number, step.name.table)


def _file(folder: Path, number: int, name: str) -> None:
    path = folder / f"{number:05}.{'json' if name.startswith('products') else 'csv'}"
    path.write_text("id\n1\n")
    at = _modified(number).timestamp()
    os.utime(path, (at, at))


def _modified(number: int) -> datetime:
    return START + timedelta(hours=number)


def _types(step: Step) -> Mapping[str, str]:
    """The columns of the table's rows -> their types, as far as the file does not declare them."""
    if step.is_bronze:
        own = {"_source_file": "string", "_source_modified": "timestamp", "_ingested_at": "timestamp"}
        read = dict.fromkeys((f"column_{number}" for number in range(10)), "string")
        return {**read, **own, "_batch": "bigint", "_rescued_data": "string"}
    if step.spec.schema_ is not None:
        return {name: column.type for name, column in step.spec.schema_.items()}
    if step.spec.aggregate is not None:
        return dict.fromkeys([*step.spec.aggregate.by, *step.spec.aggregate.measures], "string")
    return dict.fromkeys(("category", "product", "city", "orders", "revenue"), "string")


_ARROW = {
    "bigint": pa.int64(), "int": pa.int32(), "double": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}  # fmt: skip


def _arrow(text: str) -> pa.DataType:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", text)
    return pa.decimal128(int(decimal[1]), int(decimal[2])) if decimal else _ARROW.get(text, pa.string())


def _make(plan: Plan, step: Step) -> None:
    wanted = definition(step, _types(step))
    path = plan.project.environment.table_path(step.name)
    schema = pa.schema(
        [
            pa.field(name, _arrow(c.type), c.nullable, {"comment": c.comment} if c.comment else None)
            for name, c in wanted.columns.items()
        ]
    )
    table = DeltaTable.create(
        path,
        schema,
        description=wanted.comment or None,
        configuration={**wanted.properties, ID: _id(step), MANAGED: ",".join(sorted(wanted.properties))},
        raise_if_key_not_exists=False,
        commit_properties=CommitProperties({"userMetadata": _signature(step, 0).to_json()}),
    )
    for run in range(1, RUNS + 1):
        signature = _signature(step, run)
        write_deltalake(
            table,
            pa.table({f.name: pa.array([_value(f)], f.type) for f in schema}, schema),
            mode="append" if step.incremental or step.is_bronze else "overwrite",
            commit_properties=CommitProperties(
                {"userMetadata": signature.to_json()}, app_transactions=[Transaction(app_id(_id(step)), run)]
            ),
        )
    if wanted.cluster_by:
        _cluster(path, wanted.cluster_by)


def _value(field: pa.Field) -> Any:
    if field.nullable:
        return None
    if pa.types.is_temporal(field.type):
        return START
    return "1" if pa.types.is_string(field.type) else 1


def _cluster(path: str, columns: Sequence[str]) -> None:
    """What `CLUSTER BY` writes, which deltalake can read and not make."""
    first = Path(path, "_delta_log", f"{0:020}.json")
    actions = [json.loads(line) for line in first.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            features = action["protocol"].get("writerFeatures", [])
            action["protocol"] |= {"minWriterVersion": 7, "writerFeatures": [*features, "clustering", "domainMetadata"]}
    configuration = json.dumps({"clusteringColumns": [[column] for column in columns]})
    domain = {"domain": "delta.clustering", "configuration": configuration, "removed": False}
    first.write_text("".join(f"{json.dumps(action)}\n" for action in (*actions, {"domainMetadata": domain})))


def _id(step: Step) -> str:
    return f"id-{step.name}"


def _signature(step: Step, run: int) -> Signature:
    offsets: dict[str, Any] = {"files": {"batch": run}} if step.is_bronze else {}
    for read in step.reads:
        offsets[str(read.table)] = {"id": f"id-{read.table}", "version": run}
        if read.table.layer == "bronze":
            offsets[str(read.table)]["batch"] = run
    kind = "data" if run else "create"
    return Signature(_id(step), f"run-{run}", f"{step.name}-{run}", kind, run, run - 1, step.definition, offsets)


def _rows(plan: Plan, step: Step, run: int) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """Rows of the ledger and of `commits`, as one run writes them."""
    signature = _signature(step, run)
    common = {
        "table_id": _id(step), "table": str(step.name), "attempt": signature.attempt, "run_id": signature.run,
    }  # fmt: skip
    ledger = list(_ledger(plan, step, run, common)) if step.is_bronze else []
    place = {**common, "sequence": run}
    return ledger, [
        {**place, "kind": "planned", "work": "data"},
        {**place, "kind": "confirmed", "version": run, "offsets": signature.offsets},
    ]


def _ledger(plan: Plan, step: Step, run: int, common: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    folder = plan.project.environment.root / "landing" / step.name.table
    for number in range((run - 1) * FILES_PER_RUN, run * FILES_PER_RUN):
        path = folder / f"{number:05}.{'json' if step.name.table.startswith('products') else 'csv'}"
        file = {"path": str(path), "size": path.stat().st_size, "modified": _modified(number)}
        yield {**common, **file, "kind": "planned", "batch": run, "work": "data", "version": run - 1}
    yield {**common, "kind": "result", "batch": run, "version": run, "rows": FILES_PER_RUN}


if __name__ == "__main__":
    write_project(Path(sys.argv[1]))
    write_state(Path(sys.argv[1]))
