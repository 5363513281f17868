"""Golden problems: a broken project in one file, and the lines that it prints.

The file begins with `pipelines/p.yaml`; `# --- file: <path>` begins another file, `# --- call: {…}` has arguments of
`load` as YAML, and what follows `# --- problems` is printed, each line behind `# `.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from lakehouse.planning.compile import problems_of
from lakehouse.spec.load import survey
from lakehouse.spec.render import render

FOLDER = Path(__file__).parents[1] / "golden" / "problems"
_MARKER = re.compile(r"^# --- (file|call|problems)(?:: (.*))?\n", re.MULTILINE)


def written(path: Path) -> tuple[dict[str, str], dict[str, Any], str]:
    """The files of a golden case, the arguments of its call, and what it is to print."""
    first, *rest = _MARKER.split(path.read_text(encoding="utf-8"))
    files, call, expected = {"pipelines/p.yaml": first}, {}, ""
    for kind, value, body in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        if kind == "file":
            files[value] = body
        elif kind == "call":
            call = yaml.safe_load(value)
        else:
            expected = "".join(line.removeprefix("# ").removeprefix("#") for line in body.splitlines(keepends=True))
    return files, call, expected


def printed(files: dict[str, str], call: dict[str, Any], folder: Path) -> str:
    """What loading these files prints, from inside their folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        found = survey(**({"paths": "pipelines"} | call))
        return render(sorted({*found.problems, *problems_of(found)})) + "\n"
    finally:
        os.chdir(before)


def rewrite(path: Path, text: str) -> None:
    """Put what is printed now into the golden file."""
    body = path.read_text(encoding="utf-8").split("# --- problems\n")[0]
    lines = "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
    path.write_text(f"{body.rstrip()}\n# --- problems\n{lines}", encoding="utf-8")
