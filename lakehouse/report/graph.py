"""The graph of a plan in Mermaid, which GitHub, GitLab and most editors draw."""

from __future__ import annotations

from lakehouse.names import TableName
from lakehouse.planning.explain import Explained, Explanation
from lakehouse.report.explanation import STYLES

_FILLS = {
    "create": "#d7f0dd,stroke:#2e7d4f",
    "run": "#d7f0dd,stroke:#2e7d4f",
    "settle": "#fff3cd,stroke:#b8860b",
    "alter": "#fff3cd,stroke:#b8860b",
    "idle": "#f2f2f2,stroke:#9e9e9e",
    "refuses": "#fbd5d5,stroke:#b3261e",
}


def mermaid(explanation: Explanation) -> str:
    """A flow chart: a box per layer, a node per table with what a run would do, an arrow per input."""
    lines = ["flowchart LR"]
    layers = dict.fromkeys(item.step.name.layer for item in explanation.steps)
    for layer in layers:
        lines.append(f"  subgraph {layer}")
        lines += [f"    {_node(item)}" for item in explanation.steps if item.step.name.layer == layer]
        lines.append("  end")
    shown = {item.step.name for item in explanation.steps}
    outside = dict.fromkeys(r.table for item in explanation.steps for r in item.step.reads if r.table not in shown)
    lines += [f'  {_id(name)}["{name}"]' for name in outside]
    for item in explanation.steps:
        reads = {read.table for read in item.step.reads}
        ways = [(name, "-->") for name in dict.fromkeys(read.table for read in item.step.reads)]
        ways += [(name, "-.->") for name in sorted(item.step.after - reads) if name in shown]
        lines += [f"  {_id(name)} {arrow} {_id(item.step.name)}" for name, arrow in ways]
    used = dict.fromkeys(item.action for item in explanation.steps)
    lines += [f"  classDef {action} fill:{_FILLS[action]},color:#1a1a1a" for action in STYLES if action in used]
    return "\n".join(lines)


def _node(item: Explained) -> str:
    return f'{_id(item.step.name)}["{item.step.name.table}<br/>{item.action}"]:::{item.action}'


def _id(name: TableName) -> str:
    return f"{name.layer}_{name.table}"
