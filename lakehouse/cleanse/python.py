"""A function of one's own over the rows so far."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.cleanse.base import BareArguments, Known, rule
from lakehouse.cleanse.sql import made
from lakehouse.errors import LakehouseError, StepError, suggestion
from lakehouse.model import Function
from lakehouse.names import quoted
from lakehouse.quality.flow import Flow
from lakehouse.quality.rows import is_hidden

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.quality.checks import Checks

_IMPORTING = threading.Lock()


class Python(BareArguments):
    """A function of one's own that gets and gives a DataFrame: `package.module:function`."""

    root: Function
    """From the project's folder or an installed package. It gets the rows so far and, where it takes a second argument,
    a context: `context.spark`, `context.variables`, `context.now` (when the run began). It plans and does not act: what
    it gives is computed when the step writes, more than once, and it is called again at every retry."""

    def functions(self) -> Iterator[str]:
        yield self.root

    def flow(self) -> Sequence[Flow] | None:
        return None


@dataclass(frozen=True)
class Context:
    """What a function of one's own may want to know."""

    spark: SparkSession
    """The step's own session."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The variables of the pipeline."""
    now: datetime | None = None
    """When the run began; the same at every retry."""


def _unknown(known: dict[str, str | None], args: Any) -> Known:
    return None


@rule(Python, _unknown, regroups=True, opaque=True)
def python(frame: DataFrame, args: Python, checks: Checks) -> DataFrame:
    """A function of one's own: DataFrame in, DataFrame out.

    Rules that check rows stand behind it: what they found before it would be lost.
    """
    from pyspark.sql import DataFrame as Frame

    function = _loaded(args.root, checks.root)
    given = frame.select(*[quoted(name) for name in frame.columns if not is_hidden(name)])
    context = Context(frame.sparkSession, dict(checks.variables), checks.now)
    try:
        found = function(given, context) if _takes_two(function) else function(given)
    except LakehouseError:
        raise
    except Exception as error:
        where = _line(error, function)
        message = f"python: {args.root} ({where}) raised {type(error).__name__}: {error}"
        raise StepError(message, code="cleanse.python") from error
    if not isinstance(found, Frame):
        raise StepError(
            f"python: {args.root} ({_file(function)}) gave {type(found).__name__}, not a DataFrame",
            code="cleanse.python",
            fix="return the DataFrame",
        )
    return made("python", found)


def file_of(text: str, root: Path | None) -> Path | None:
    """The file of the function's module in the project's folder; None when it is not there."""
    parts = text.partition(":")[0].split(".")
    for path in (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py")):
        if root is not None and (root / path).is_file():
            return root / path
    return None


def source_of(text: str, root: Path | None) -> str:
    """The text of the function's module in the project's folder; empty when it is not there."""
    path = file_of(text, root)
    return "" if path is None else path.read_text(encoding="utf-8", errors="replace")


def missing(text: str, root: Path | None) -> str:
    """Why there is no such function, as far as that can be told without running anything; empty when there may be."""
    module, _, name = text.partition(":")
    path = file_of(text, root)
    if path is None:
        top = module.partition(".")[0]
        ours = root is not None and ((root / top).is_dir() or (root / f"{top}.py").is_file())
        if not ours and _is_installed(top):
            return ""
        file = f"{module.replace('.', '/')}.py"
        return f"there is no module {module}; write it as {file} in the project's folder, or install its package"
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        return f"{path.name}:{error.lineno or 1} does not parse: {error.msg}"
    except ValueError as error:
        return f"{path.name} does not parse: {error}"
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    others = [ast.unparse(node) for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if name in names or any(name in text for text in others):
        return ""
    return f"there is no function {name!r} in {path.name}; {suggestion(name, names) or 'define it there'}"


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module that is loaded and does not say from where
        return True


def _loaded(text: str, root: Path | None) -> Callable[..., Any]:
    module, _, name = text.partition(":")
    path = file_of(text, root)
    with _IMPORTING:
        if path is not None:
            assert root is not None
            # as the file is now: another project may have a module of that name, and a process may live long
            _forget(module)
            sys.path.insert(0, str(root))
        written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            importlib.invalidate_caches()
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, SyntaxError) as error:
            where = f" ({path})" if path is not None else ""
            message = f"python: {text}{where} cannot be loaded: {error}"
            raise StepError(message, code="cleanse.python", fix="write it as `package.module:function`") from error
        finally:
            sys.dont_write_bytecode = written
            if path is not None:
                sys.path.remove(str(root))
    if not callable(found):
        raise StepError(f"python: {text} is no function", code="cleanse.python")
    function: Callable[..., Any] = found
    return function


def _forget(module: str) -> None:
    top = module.partition(".")[0]
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]


def _takes_two(function: Callable[..., Any]) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    return len(taken) > 1 and taken[1].default is inspect.Parameter.empty


def _file(function: Callable[..., Any]) -> str:
    return inspect.getsourcefile(function) or "?"


def _line(error: BaseException, function: Callable[..., Any]) -> str:
    """The file and line of the user's own code that was reached last."""
    file, found = _file(function), ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            found = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{file}{found}"
