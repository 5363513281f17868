"""Projects from a text, and what compiling them says; small real Delta tables, written without Spark."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from lakehouse.control import commits
from lakehouse.control.store import Control
from lakehouse.errors import Problem, SpecError
from lakehouse.lake.log import ID, Log
from lakehouse.lake.signature import Signature, app_id
from lakehouse.lake.table import MANAGED
from lakehouse.names import TableName
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.definition import definition
from lakehouse.planning.steps import Plan, Step
from lakehouse.spec.load import Project, load
from lakehouse.state.observe import State, listed, observe, opened
from lakehouse.state.place import Confirmation


def project(folder: Path, text: str, **arguments: Any) -> Project:
    """The project of one pipeline file `pipelines/p.yaml`."""
    path = folder / "pipelines" / "p.yaml"
    path.parent.mkdir(exist_ok=True)
    body = textwrap.dedent(text)
    path.write_text(body if body.lstrip().startswith("pipeline:") else f"pipeline: p\n{body.lstrip()}")
    return load(path, **arguments)


def plan(folder: Path, text: str, **arguments: Any) -> Plan:
    return compile_(project(folder, text), **arguments)


def problems(folder: Path, text: str) -> list[Problem]:
    """What compiling finds; reading the file must find nothing."""
    found = project(folder, text)
    with pytest.raises(SpecError) as error:
        compile_(found)
    return list(error.value.problems)


def marked(folder: Path, problem: Problem) -> str:
    """The text of the file from the problem's place to the end of its line."""
    lines = (folder / "pipelines" / "p.yaml").read_text().splitlines()
    return lines[problem.position.line - 1][problem.position.column - 1 :]


class Lake:
    """Tables of a project as the engine would have left them, made by `deltalake`."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.environment = project.environment
        self.control = Control(self.environment.control_path)
        self.plan = compile_(project)

    def path(self, name: str) -> str:
        return self.environment.table_path(TableName.parse(name))

    def log(self, name: str) -> Log:
        return Log.require(self.path(name))

    def create(self, name: str, columns: Mapping[str, str], *, like: Step | None = None, **properties: str) -> None:
        """The empty table, as its definition wants it."""
        wanted = definition(like or self.plan[name], columns)
        types = {"bigint": pa.int64(), "int": pa.int32(), "timestamp": pa.timestamp("us", "UTC")}
        schema = pa.schema(
            [pa.field(n, types.get(c.type, pa.string()), nullable=c.nullable) for n, c in wanted.columns.items()]
        )
        configuration = {
            **wanted.properties, ID: f"id-{name}", MANAGED: ",".join(sorted(wanted.properties)), **properties,
        }  # fmt: skip
        DeltaTable.create(
            self.path(name), schema, configuration=dict(configuration), description=wanted.comment or None,
            partition_by=list(wanted.partitioned_by), raise_if_key_not_exists=False,
        )  # fmt: skip

    def signature(self, name: str, sequence: int, offsets: Mapping[str, Any], **changes: Any) -> Signature:
        values = {
            "table_id": f"id-{name}", "run": "run-1", "attempt": f"a{sequence}", "kind": "data", "sequence": sequence,
            "base": self.log(name).version, "definition": self.plan[name].definition, "offsets": offsets,
        }  # fmt: skip
        return Signature(**(values | changes))

    def write(
        self, name: str, sequence: int, offsets: Mapping[str, Any], *, mode: str = "append", confirmed: bool = True,
        **changes: Any,
    ) -> Signature:  # fmt: skip
        """One signed commit of one row, planned and (unless told) confirmed in the control plane."""
        signature = self.signature(name, sequence, offsets, **changes)
        commits.plan(self.control, signature, table=name)
        transaction = [Transaction(app_id(signature.table_id), sequence)] if signature.has_txn else None
        self._append(name, mode, CommitProperties({"userMetadata": signature.to_json()}, app_transactions=transaction))
        if confirmed:
            self.confirm(name, signature)
        return signature

    def confirm(self, name: str, signature: Signature) -> None:
        seen = Confirmation(signature.sequence, signature.attempt, self.log(name).version, signature.offsets)
        commits.confirm(self.control, signature.table_id, [seen], table=name, run=signature.run)

    def foreign(self, name: str, mode: str = "append") -> None:
        """A commit of somebody else, of one row."""
        self._append(name, mode, CommitProperties())

    def _append(self, name: str, mode: str, properties: CommitProperties) -> None:
        schema = pa.schema(DeltaTable(self.path(name)).schema())
        data = {f.name: [1 if pa.types.is_integer(f.type) else None] for f in schema}
        data = {n: v if schema.field(n).nullable or v != [None] else ["x"] for n, v in data.items()}
        write_deltalake(self.path(name), pa.table(data, schema), mode=mode, commit_properties=properties)  # type: ignore[call-overload]

    def state(self, name: str, **arguments: Any) -> State:
        step = self.plan[name]
        return observe(
            self.environment, self.control, step.name, step.spec,
            files=listed(self.environment, step.spec),
            inputs=opened(self.environment, [r.table for r in step.reads]), **arguments,
        )  # fmt: skip
