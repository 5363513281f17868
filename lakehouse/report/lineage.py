"""Column lineage, drawn for people."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from lakehouse.planning.lineage import Lineage, Node


def draw(console: Console, lineage: Lineage) -> None:
    """Draw the lineage as a tree."""
    console.print(_tree(lineage.tree))


def _tree(node: Node, above: Tree | None = None) -> Tree:
    line = Text(node.label, style="" if above else "bold")
    if node.kinds:
        is_direct = any(kind.is_direct for kind in node.kinds)
        line.append(f"  {', '.join(node.kinds)}", style="green" if is_direct else "yellow")
    if node.note:
        line.append(f"  ({node.note})", style="dim")
    tree = above.add(line) if above else Tree(line, guide_style="dim")
    for child in node.children:
        _tree(child, tree)
    return tree
