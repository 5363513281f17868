"""A plan right before a run, held against what the run left in the Delta logs and the ledger.

Nothing here asks the library what happened: the logs' JSON files and the ledger's rows are read as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

import lakehouse as lh

SMALL, MANY = 32 << 20, 20
"""A small file, and how many of them make OPTIMIZE due, as the documentation says."""


@dataclass(frozen=True)
class Version:
    """One commit of a data table."""

    number: int
    operation: str
    mode: str
    signature: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.signature.get("kind"))


@dataclass(frozen=True)
class Planned:
    """What the plan said, and where the tables stood then."""

    root: Path
    steps: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, int]

    @classmethod
    def now(cls, project: lh.Project, select: str = "") -> Planned:
        steps = {step["step"]: step for step in lh.plan(project, select=select).to_dict()["steps"]}
        root = Path(project.environment.control_path).parent
        return cls(root, steps, {name: max((v.number for v in log(root, name)), default=-1) for name in steps})

    def differences(self, run: str) -> list[str]:
        """Everything in which the run with this id did not do what the plan said."""
        return [f"{name}: {text}" for name in self.steps for text in self._step(name, run)]

    def new(self, name: str) -> list[Version]:
        return [v for v in log(self.root, name) if v.number > self.versions[name]]

    def _step(self, name: str, run: str) -> Iterator[str]:
        said, new = self.steps[name], self.new(name)
        data = [v for v in new if v.kind == "data"]
        if foreign := [v for v in new if v.signature.get("run") != run]:
            yield f"commits that are not of this run: {foreign}"
        if said["condition"]:
            yield from self._conditional(said, data)
            return
        works = bool(said["batches"] or said["inputs"])
        if said["action"] in ("idle", "refuses") and new:
            yield f"the plan said {said['action']}, and there are {new}"
        if (said["action"] == "create") != any(v.kind == "create" for v in new):
            yield f"the plan said {said['action']}, and there are {[v.kind for v in new]}"
        if len(said["alters"]) != sum(v.kind == "alter" for v in new):
            yield f"the plan said {said['alters']}, and there are {[v.kind for v in new]}"
        if not works:
            if data:
                yield f"the plan saw nothing to do, and there are {data}"
            return
        yield from self._batches(name, said, data, run) if said["batches"] else self._inputs(name, said, data)
        yield from _way(said, data)
        yield from self._maintenance(name, said, new)

    def _conditional(self, said: Mapping[str, Any], data: list[Version]) -> Iterator[str]:
        """A step behind steps of this run: it ran when one of those that it names brought rows, else not."""
        named = re.findall(r"\b(?:bronze|silver|gold)\.\w+", said["condition"])
        brought = {table: [v for v in self.new(table) if v.kind == "data"] for table in named}
        if bool(data) != any(brought.values()) and not said["inputs"]:
            yield f"{said['condition']!r}: they committed {brought}, and it committed {data}"
        for table, versions in brought.items():
            seen = data[-1].signature["offsets"].get(table, {}).get("version", -1) if data else None
            if versions and seen is not None and seen < versions[-1].number:
                yield f"{table} was written as version {versions[-1].number} and read as version {seen}"

    def _batches(self, name: str, said: Mapping[str, Any], data: list[Version], run: str) -> Iterator[str]:
        wanted = {b["batch"]: sorted(b["files"]) for b in said["batches"]}
        rows = DeltaTable(str(self.root / "_lakehouse" / "files")).to_pyarrow_table().to_pylist()
        mine = [r for r in rows if r["table"] == name and r["run_id"] == run and r["kind"] == "planned"]
        found = {b: sorted(r["path"] for r in mine if r["batch"] == b) for b in {r["batch"] for r in mine}}
        if found != wanted:
            yield f"the plan said files {wanted}, the ledger has {found}"
        if [v.signature["sequence"] for v in data] != list(wanted):
            yield f"the plan said batches {list(wanted)}, committed are {[v.signature['sequence'] for v in data]}"

    def _inputs(self, name: str, said: Mapping[str, Any], data: list[Version]) -> Iterator[str]:
        if len(data) != 1:
            yield f"one commit was to be expected, there are {data}"
            return
        before = [v for v in log(self.root, name) if v.kind == "data" and v.number <= self.versions[name]]
        for item in said["inputs"]:
            read = data[0].signature["offsets"][item["table"]]
            if read["version"] != item["version"]:
                yield f"the plan said version {item['version']} of {item['table']}, read was {read['version']}"
            if item["since"] is not None:
                (key, place), *_ = item["since"].items()
                last = before[-1].signature["offsets"].get(item["table"], {}).get(key, 0) if before else 0
                if place != last:
                    yield f"the plan said after {key} {place} of {item['table']}, it was {last}"

    def _maintenance(self, name: str, said: Mapping[str, Any], new: list[Version]) -> Iterator[str]:
        due = {m["operation"]: m["due"] for m in said["maintenance"]}
        done = [v for v in new if v.operation == "OPTIMIZE"]
        if due.get("optimize") and not done:
            yield "OPTIMIZE was due already, and was not done"
        for version in done if not due.get("optimize") else ():
            files = live(self.root, name, version.number - 1)
            if sum(f["size"] < SMALL for f in files) < MANY and not any(f.get("deletionVector") for f in files):
                yield f"OPTIMIZE was not due, nor was it after the write: {len(files)} files"


def _way(said: Mapping[str, Any], data: list[Version]) -> Iterator[str]:
    for version in data:
        how = "MERGE" if version.operation == "MERGE" else version.mode
        wanted = {"merge": "MERGE", "append": "Append"}.get(said["writes"], "Overwrite")
        if said["writes"] == "replace_using":
            wanted = "MERGE"
        elif said["refresh"] == "full":
            wanted = "Overwrite"
        if wanted == "MERGE" and version.signature["sequence"] == 1:
            wanted = "Append"  # what comes into an empty table matches nothing
        if how != wanted:
            yield f"the plan said {said['writes']} ({said['refresh']}), it was {version.operation} {version.mode}"


def _actions(root: Path, name: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for path in sorted((root / name.replace(".", "/") / "_delta_log").glob("*.json")):
        yield int(path.stem), [json.loads(line) for line in path.read_text().splitlines()]


def log(root: Path, name: str) -> list[Version]:
    """The commits of a table, oldest first; none when there is no table."""
    found = []
    for number, actions in _actions(root, name):
        info = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
        mode = str(info.get("operationParameters", {}).get("mode", ""))
        signature = json.loads(info.get("userMetadata") or "{}")
        found.append(Version(number, info.get("operation", ""), mode, signature))
    return found


def live(root: Path, name: str, version: int) -> list[dict[str, Any]]:
    """The files of a table as of a version, as the log adds them; of logs that begin with version 0."""
    files: dict[str, dict[str, Any]] = {}
    for number, actions in _actions(root, name):
        if number > version:
            break
        for action in actions:
            if "remove" in action:
                files.pop(action["remove"]["path"], None)
        for action in actions:
            if "add" in action:
                files[action["add"]["path"]] = action["add"]
    return list(files.values())
