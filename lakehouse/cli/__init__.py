"""The command line. Each module of commands adds its own to the program; listing it here is all it needs."""

from lakehouse.cli import lineage, maintenance, pipelines, project, rejected, tables
from lakehouse.cli.program import app, main

__all__ = ["app", "lineage", "main", "maintenance", "pipelines", "project", "rejected", "tables"]
