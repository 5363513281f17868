"""Examples of cleansing rules as the reference shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lakehouse.cleanse.examples import Example


def shown(example: Example) -> str:
    """The rule as it is written, then rows before and after it, a line each."""
    parts = [f"```yaml\n- {example.rule}\n```"]
    for name, text in example.files.items():
        parts.append(f"```python\n# {name}\n{text.strip()}\n```")
    lines: list[tuple[str, str]] = []
    for name, (columns, rows) in example.tables.items():
        lines += ((name, _row(row, columns)) for row in rows)
    lines += (("before", _row(row, example.columns)) for row in example.before)
    lines += (("after", _row(row)) for row in example.after)
    lines += (("rejected", f"{name}: {json.dumps(value)}") for name, value in example.rejected.items())
    width = max(len(word) for word, _ in lines)
    parts.append("```text\n" + "\n".join(f"{word:<{width}}  {text}" for word, text in lines) + "\n```")
    return "\n\n".join(parts)


def _row(row: Mapping[str, Any], columns: str = "") -> str:
    names = [*dict.fromkeys([*_names(columns), *row])]
    return "{" + ", ".join(f"{name}: {json.dumps(row.get(name), ensure_ascii=False)}" for name in names) + "}"


def _names(columns: str) -> Iterator[str]:
    """The names in a DDL, whose types may have commas of their own."""
    depth, start = 0, 0
    for index, sign in enumerate(f"{columns},"):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            if part := columns[start:index].strip():
                yield part.split()[0]
            start = index + 1
