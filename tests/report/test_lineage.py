"""The tree as a terminal shows it."""

from __future__ import annotations

from lakehouse.names import TableName
from lakehouse.planning.lineage import Lineage, Node
from lakehouse.quality.flow import Kind
from lakehouse.report.lineage import draw
from tests.report.consoles import pipe, terminal, text

TREE = Node(
    "silver.s.x",
    children=(
        Node(
            "comes from",
            children=(
                Node("bronze.a.[x]", (Kind.TRANSFORMATION,), children=(Node("in:[x]", (Kind.IDENTITY,)),)),
                Node("bronze.a.y", (Kind.CONDITIONAL,), "as above"),
            ),
        ),
    ),
)
LINEAGE = Lineage(TableName("silver", "s"), "x", TREE, (), ())


def test_every_line_is_drawn_with_how_it_goes_in_and_brackets_are_text() -> None:
    console = pipe(80)
    draw(console, LINEAGE)
    assert [line.rstrip() for line in text(console).splitlines()] == [
        "silver.s.x",
        "└── comes from",
        "    ├── bronze.a.[x]  transformation",
        "    │   └── in:[x]  identity",
        "    └── bronze.a.y  conditional  (as above)",
    ]


def test_values_and_conditions_differ_in_colour() -> None:
    console = terminal()
    draw(console, LINEAGE)
    assert "\x1b[32m  transformation" in text(console)
    assert "\x1b[33m  conditional" in text(console)
