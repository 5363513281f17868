"""What a file says beside what was made of it: everything written must be found again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lakehouse.lake.types import canonical
from lakehouse.model import parse_duration
from lakehouse.names import LAYERS
from lakehouse.sources.auto_loader import parse_bytes
from lakehouse.spec.load import Project
from lakehouse.spec.nodes import plain, read
from lakehouse.spec.project import TASKS

APART = (*LAYERS, TASKS, "defaults", "variables")


def lost(written: Any, project: Project) -> list[str]:
    """Places of a file's keys and values that `to_yaml` of the project does not have again."""
    (text,) = project.to_yaml().values()
    node, problems = read(text, "again")
    assert node is not None
    assert not problems, (problems, text)
    again = plain(node)
    header = {k: v for k, v in written.items() if k not in APART and "${" not in str(v)}
    found = [*_missing(header, again, "")]
    found += [f"variables.{name}" for name in written.get("variables") or {} if name not in again.get("variables", {})]
    for layer in LAYERS:
        for name, table in (written.get(layer) or {}).items():
            if "${" not in name and not (isinstance(table, dict) and "for_each" in table):
                found += [] if name in again.get(layer, {}) else [f"{layer}.{name}"]
    for name, origin in project.origins.items():
        there = again.get(name.layer, {}).get(name.table)
        # what stands there after variables, `for_each` and `defaults`
        found += [f"{name}"] if there is None else _missing(plain(origin.node), there, str(name))
    return found


def _missing(written: Any, again: Any, path: str) -> Iterator[str]:
    if isinstance(again, list) and len(again) == 1 and not isinstance(written, list):
        again = again[0]  # one where a list would do
    if isinstance(written, list) and len(written) == 1 and not isinstance(again, list | dict):
        written = written[0]
    if isinstance(written, dict) and written.keys() == {"table"} and isinstance(again, str):
        written = written["table"]  # an input of which nothing else is said
    if isinstance(written, dict):
        yield from _missing_keys(written, again, path)
    elif isinstance(written, list):
        yield from _missing_items(written, again, path)
    elif isinstance(again, dict):  # a short form
        if not (written is True and not again) and not any(_same(written, other) for other in _leaves(again)):
            yield path
    elif not _same(written, again):
        yield path


def _missing_keys(written: dict[str, Any], again: Any, path: str) -> Iterator[str]:
    if isinstance(again, dict):  # the `$${` of a key may have been read already
        again |= {_undollared(key): item for key, item in again.items()}
    for key, item in written.items():
        inner = f"{path}.{key}"
        if item is None or item in ({}, []):
            continue  # says nothing
        if not isinstance(again, dict) or key not in again:
            yield inner
        else:
            yield from _missing(item, again[key], inner)


def _missing_items(written: list[Any], again: Any, path: str) -> Iterator[str]:
    if isinstance(again, dict):  # groups: names, or {name: expression}
        names = [name for item in written for name in (item if isinstance(item, dict) else [item])]
        yield from (f"{path}.{name}" for name in names if name not in again)
    elif not isinstance(again, list) or len(again) != len(written):
        yield path
    else:
        for index, (item, other) in enumerate(zip(written, again, strict=True)):
            yield from _missing(item, other, f"{path}[{index}]")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


def _same(written: Any, again: Any) -> bool:
    """Whether both say the same, however it is written."""
    if isinstance(written, float) and isinstance(again, float) and math.isnan(written):
        return math.isnan(again)
    if written is None or written == again or str(written) == str(again) or str(written).lower() == str(again):
        return True
    if isinstance(again, str) and written == _undollared(again):
        return True  # `$${` was read already
    for reading in (parse_duration, canonical, parse_bytes, _struct, _instant, _undollared):
        try:
            if reading(written) == reading(again):
                return True
        except (ValueError, TypeError, AttributeError, OverflowError):
            continue
    return False


def _struct(text: str) -> str:
    return canonical(text if text.startswith("struct<") else f"struct<{text}>")


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _undollared(text: str) -> str:
    return text.replace("$${", "${")
