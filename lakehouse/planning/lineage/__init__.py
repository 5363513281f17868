"""Column lineage, told from the files alone: for every column of every table the columns that it comes from."""

from lakehouse.planning.lineage.answer import Lineage, lineage_of
from lakehouse.planning.lineage.graph import Graph, Use
from lakehouse.planning.lineage.tree import Node

__all__ = ["Graph", "Lineage", "Node", "Use", "lineage_of"]
