"""Problems for people: place, code, what is wrong, the line with a caret, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from lakehouse.errors import Position, Problem
from lakehouse.redaction import redacted
from lakehouse.spec.nodes import lines_of

WIDEST = 160
"""Columns of a line that are shown; a longer one is cut around the caret."""


def render(problems: Iterable[Problem], source_line: Callable[[Position], str] | None = None) -> str:
    """All problems as text, a blank line between them; lines are read from the files unless they are given."""
    line_of, found = source_line or _Files().line, list(problems)
    secrets: dict[tuple[str, int], int] = {}
    for problem in found:
        if problem.code == "plain-secret":
            at = problem.position
            secrets[at.file, at.line] = min(at.column, secrets.get((at.file, at.line), at.column))

    def shown(place: Position) -> str:
        """The line; from where a secret begins in it nothing more."""
        column = secrets.get((place.file, place.line))
        if column is None:
            return redacted(line_of(place))
        line = line_of(place)
        return f"{line[: column - 1]}***" if line and place.column <= column else ""

    return "\n\n".join(render_one(problem, shown(problem.position)) for problem in found)


def render_one(problem: Problem, line: str) -> str:
    """One problem; without the line where it is empty."""
    parts = [f"{problem.position}: {problem.code}: {problem.message}"]
    if line.strip():
        column = min(problem.position.column, len(line) + 1)
        start = max(0, column - WIDEST // 2) if len(line) > WIDEST else 0
        shown = line[start : start + WIDEST]
        # tabs stay tabs, so that the caret stands below its sign
        indent = "".join("\t" if sign == "\t" else " " for sign in line[start : column - 1])
        parts += [f"    {shown}", f"    {indent}^"]
    if problem.fix:
        parts.append(f"  fix: {problem.fix}")
    return "\n".join(parts)


class _Files:
    """Lines of files, each read once."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def line(self, place: Position) -> str:
        if place.file not in self.lines:
            try:
                self.lines[place.file] = lines_of(Path(place.file).read_bytes().decode("utf-8-sig", "replace"))
            except OSError:
                self.lines[place.file] = []
        lines = self.lines[place.file]
        return lines[place.line - 1] if 0 < place.line <= len(lines) else ""
