"""`configs/base.yaml` under `configs/<env>.yaml`, `--var` over all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakehouse.errors import Position, Problem, nearest, suggestion
from lakehouse.names import is_identifier
from lakehouse.spec.environment import Environment
from lakehouse.spec.files import SUFFIXES, Layout
from lakehouse.spec.late import fits_config, misplaced
from lakehouse.spec.messages import wrong_type
from lakehouse.spec.nodes import MapNode, Node, Scalar, is_whole, lines_of, merged, node_of, position, read, short
from lakehouse.spec.rules import not_built
from lakehouse.spec.secrets import plain_secrets
from lakehouse.spec.validate import judge
from lakehouse.spec.variables import RESERVED, Variables

DEFAULT = "local"
"""The environment that needs no file."""


@dataclass(frozen=True)
class Settings:
    """An environment, and the variables it brings."""

    environment: Environment
    variables: Mapping[str, Node]
    """Those of configs."""
    arguments: Mapping[str, Node]
    """Those of `--var`."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """The process's environment variables."""
    sources: dict[str, list[str]] = field(default_factory=dict)
    """File -> its lines."""
    used: set[str] = field(default_factory=set)
    """Names that configs use themselves."""
    complete: bool = True
    """All variables of the configs could be read."""

    def over(self, own: MapNode | None) -> dict[str, Node]:
        """A pipeline's variables: those of configs merged over its own, maps key by key; `--var` replaces."""
        configs = MapNode(self.variables, {name: node.mark for name, node in self.variables.items()}, ("", 1, 1))
        both = merged(own, configs)
        assert isinstance(both, MapNode)
        return {**both.items, **self.arguments}


def parse_argument(text: str) -> tuple[str, Any]:
    """`name=value` of `--var`; the value is read as YAML is, so `20` is a number. Raises ValueError with the reason."""
    name, equals, value = text.partition("=")
    if not equals or not is_identifier(name.strip()):
        raise ValueError(f"{text!r} is not of the form name=value")
    from lakehouse.spec.nodes import plain

    node, problems = read(value, "--var")
    if problems:
        raise ValueError(f"the value of {name.strip()!r} cannot be read: {problems[0].message}")
    return name.strip(), "" if node is None else plain(node)


def read_settings(layout: Layout, env: str, given: Mapping[str, Any], problems: list[Problem]) -> Settings:
    """The environment `env` of a project; mistakes are added to the problems, and defaults take their place."""
    sources: dict[str, list[str]] = {}
    node = _merged(layout, env, sources, problems)
    arguments = _arguments(given, problems)
    declared = node.items.get("variables")
    own = dict(declared.items) if isinstance(declared, MapNode) else {}
    misspelt = "variables" not in node.items and any(nearest(key, ("variables",)) for key in node.items)
    complete = not node.lost and not misspelt and is_whole(declared)
    words = frozenset({"layer"})
    variables = Variables({**own, **arguments}, os.environ, problems, late=words, complete=complete)
    problems += plain_secrets(node)
    rest = {key: item for key, item in node.items.items() if key != "variables"}
    replaced = variables.replaced(node.holding(rest))
    problems += [*plain_secrets(replaced), *misplaced(replaced, fits_config)]
    if isinstance(replaced, MapNode) and declared is not None:
        items, keys = {**replaced.items, "variables": declared}, {**node.keys, **replaced.keys}
        replaced = MapNode(items, keys, node.mark, replaced.lost)
    judged = judge(Environment, replaced, node.mark, problems)
    problems += not_built(judged, node.mark)
    placed = (judged.value or Environment()).at(layout.root, env)
    return Settings(placed, own, arguments, os.environ, sources, variables.used, complete)


def _merged(layout: Layout, env: str, sources: dict[str, list[str]], problems: list[Problem]) -> MapNode:
    folder = layout.shown_root / "configs"
    node: Node = MapNode({}, {}, (str(folder / f"{env}.yaml"), 1, 1))
    for name in ("base", env) if env != "base" else ("base",):
        path = next((p for s in SUFFIXES if (p := folder / f"{name}{s}").is_file()), None)
        if path is not None:
            found = _read(path, sources, problems)
            node = merged(node, found)
        elif name not in ("base", DEFAULT):
            known = sorted({p.stem for p in folder.glob("*") if p.suffix in SUFFIXES} - {"base"} | {DEFAULT})
            fix = suggestion(env, known) or f"known are {', '.join(known)}"
            message = f"there is no environment {short(env)!r}: no file {folder / f'{name}.yaml'}"
            problems.append(Problem(Position(str(folder / f"{name}.yaml"), 1, 1), "unknown-environment", message, fix))
            node = merged(node, MapNode({}, {}, node.mark, lost=True))
    assert isinstance(node, MapNode)
    return node


def _read(path: Path, sources: dict[str, list[str]], problems: list[Problem]) -> MapNode:
    """The file's map; where there is none to be read, an empty one that has lost what stands there."""
    shown = str(path)
    nothing = MapNode({}, {}, (shown, 1, 1), lost=True)
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        problems.append(Problem(Position(shown, 1, 1), "unreadable-file", message))
        return nothing
    node, found = read(data, shown)
    sources[shown] = lines_of(data.decode("utf-8-sig", "replace"))
    problems += found
    if node is not None and not isinstance(node, MapNode):
        problems.append(wrong_type("a map", node, node.mark))
    if node is None and not found:
        return MapNode({}, {}, (shown, 1, 1))
    return node if isinstance(node, MapNode) else nothing


def _arguments(given: Mapping[str, Any], problems: list[Problem]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for name, value in given.items():
        mark = (f"--var {name}", 1, 1)
        if not is_identifier(name) or name in RESERVED:
            message = f"{short(name)!r} cannot be the name of a variable"
            problems.append(Problem(position(mark), "bad-name", message, "use letters, digits and `_`"))
        else:
            found[name] = _quoted(node_of(value, mark))
    return found


def _quoted(node: Node) -> Node:
    """Values given from outside are data: a `${` in them is not looked at."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and "${" in node.text:
        text = node.text.replace("${", "$${")
        return Scalar(text, text, node.mark)
    return node
