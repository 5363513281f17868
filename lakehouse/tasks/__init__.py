"""Kinds of tasks: one module per kind, found by the name of its file."""
