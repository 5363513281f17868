"""A plan, drawn for people."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lakehouse.planning.explain import Explained, Explanation

STYLES = {
    "run": "green",
    "create": "green",
    "settle": "yellow",
    "alter": "yellow",
    "idle": "dim",
    "refuses": "bold red",
}


def show(console: Console, explanation: Explanation) -> None:
    """Print what a run would do, a paragraph per step, layers in order."""
    layer = ""
    for item in explanation.steps:
        if item.step.name.layer != layer:
            layer = item.step.name.layer
            console.print(Text(f"\n{layer}", style="bold"))
        _step(console, item)
    if explanation.gone:
        console.print(Text(f"\n{explanation.told_gone}", style="yellow"))
    busy = sum(item.action not in ("idle", "refuses") for item in explanation.steps)
    then = sum(item.action == "idle" and bool(item.condition) for item in explanation.steps)
    more = f", {then} more if those bring rows" if then else ""
    console.print(f"\n{busy} of {len(explanation.steps)} steps have something to do{more}; nothing was run")


def _step(console: Console, item: Explained) -> None:
    line = Text("  ")
    line.append(f"{item.action:<8}", style=STYLES.get(item.action, ""))
    line.append(f"{item.step.name!s:<26}", style="bold")
    line.append(f"{item.condition}: " if item.condition else "")
    line.append(item.reason)
    console.print(line)
    for word, text in item.lines():
        console.print(Text(f"          {word:<6} {text}", style="" if word == "fix" else "dim"))
