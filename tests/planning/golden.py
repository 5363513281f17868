"""Golden plans: a pipeline in one file, and the plan that it prints before anything was run.

The file begins with the pipeline, or with `# of: <path>` for one that lies in the repository; `# --- landing: <path>`
puts a file of three lines there, and what follows `# --- plan` is printed, each line behind `# `.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.explain import explain
from lakehouse.planning.steps import Plan
from lakehouse.spec.load import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "golden" / "plans"
_LANDING = re.compile(r"^# --- landing: (.*)\n", re.MULTILINE)
_OF = re.compile(r"\A# of: (.*)\n")
_PLAN = "# --- plan\n"


def written(path: Path) -> tuple[str, str]:
    """What is before the plan, and the plan."""
    before, _, plan = path.read_text(encoding="utf-8").partition(_PLAN)
    return before, "".join(line.removeprefix("# ").removeprefix("#") for line in plan.splitlines(keepends=True))


def source_of(path: Path) -> Path | None:
    """The file of the repository that the golden plan is of."""
    found = _OF.match(path.read_text(encoding="utf-8"))
    return ROOT / found[1] if found else None


def compiled(path: Path, folder: Path) -> Plan:
    """The plan of a golden case, its project and landing files in the folder."""
    before, _ = written(path)
    source = source_of(path)
    pipeline = folder / "pipelines" / (source.name if source else "p.yaml")
    pipeline.parent.mkdir(parents=True)
    pipeline.write_text(source.read_text(encoding="utf-8") if source else before, encoding="utf-8")
    if source is not None and (source.parents[1] / "configs").is_dir():
        shutil.copytree(source.parents[1] / "configs", folder / "configs")
    for name in _LANDING.findall(before):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    return compile_(load(pipeline))


def printed(path: Path, folder: Path) -> str:
    """Each step with its way, what it waits for, and what `plan` says about it; without the machine's own paths."""
    explained = explain(compiled(path, folder))
    lines = []
    for item in explained.steps:
        step = item.step
        after = ", ".join(sorted(map(str, step.after))) or "nothing"
        lines.append(f"{step.name}: {step.describe()}; after {after}; definition {step.definition}")
    lines += ["", *explained.lines()]
    return "\n".join(lines).replace(str(folder), "<project>") + "\n"


def rewrite(path: Path, text: str) -> None:
    """Put what is printed now into the golden file."""
    before, _ = written(path)
    lines = "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
    path.write_text(before + _PLAN + lines, encoding="utf-8")
