"""Where values may stand that are known only when a step starts: secrets, and what differs from run to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel

from lakehouse.errors import Problem
from lakehouse.spec.choices import step
from lakehouse.spec.leaves import SOURCES
from lakehouse.spec.nodes import ListNode, MapNode, Node, Scalar, position, short
from lakehouse.spec.translate import Loc
from lakehouse.spec.variables import late_references, resolve_late

V = TypeVar("V")
Fits = Callable[[str, Loc], bool]
"""Whether a reference, as `run.date`, may stand at a place."""

_EXPRESSIONS = frozenset({"sql", "cleanse", "expectations", "aggregate", "replace_where", "condition", "wait_for"})
_CONDITIONS = frozenset({("merge", "apply_as_deletes"), ("merge", "apply_as_truncates"), ("copy_into", "select")})
_FILES = frozenset(
    {("source", "path"), ("source", "path_glob_filter"), ("copy_into", "files"), ("copy_into", "pattern")}
)
_STARTS = ("spark.jars", "spark.submit.", "spark.driver.", "spark.repositories")


def is_secret_reference(reference: str) -> bool:
    """Whether the reference stands for a secret: of a provider, or an environment variable that is named like one."""
    return reference.startswith(("secret:", "env:"))


def fits_table(node: Node) -> Fits:
    """What may stand in this table."""
    source = step(node, "source")
    format_ = step(source, "format") if source is not None else None
    leaf = SOURCES.get(format_.text) if isinstance(format_, Scalar) else None
    # a reader that lists what it knows has no option for a password, and Spark shows a value that it does not like
    open_ = leaf is None or leaf.Options.spark_options is None

    def fits(reference: str, keys: Loc) -> bool:
        if keys[:2] == ("source", "options"):
            return open_ or not is_secret_reference(reference)
        if keys[:2] in _FILES:
            return reference == "run.date"  # `plan` looks for the files, and knows no id
        return _is_sql(keys) and not is_secret_reference(reference)

    return fits


def fits_task(reference: str, keys: Loc) -> bool:
    """What may stand in a task: anything that it is handed."""
    return keys[:1] == ("parameters",)


def fits_config(reference: str, keys: Loc) -> bool:
    """What may stand in a config: secrets, in what is handed on as it is."""
    if not is_secret_reference(reference):
        return False
    if keys[:2] == ("spark", "conf"):
        return not is_for_launch(str(keys[-1]))
    return keys[:1] in (("storage",), ("notifications",))


def fits_nowhere(reference: str, keys: Loc) -> bool:
    """For what is read before any run."""
    return False


def is_for_launch(setting: str) -> bool:
    """Whether a setting of Spark is needed to start Java, so that it stands on a command line that others can see."""
    return setting.startswith(_STARTS) or setting.endswith("JavaOptions")


def _is_sql(keys: Loc) -> bool:
    return (bool(keys) and keys[0] in _EXPRESSIONS) or keys[:2] in _CONDITIONS


def misplaced(node: Node, fits: Fits, keys: Loc = ()) -> Iterator[Problem]:
    """Every late value where none can stand; it counts as broken then, so that nothing else is said about it."""
    if not node.live:
        return
    if isinstance(node, MapNode):
        for key, item in node.items.items():
            yield from misplaced(item, fits, (*keys, key))
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from misplaced(item, fits, (*keys, index))
    elif not node.broken:
        for reference in late_references(node.text):
            if not fits(reference, keys):
                node.broken = True
                yield _problem(node, reference, keys)


def _problem(node: Scalar, reference: str, keys: Loc) -> Problem:
    name = next((f" in `{key}`" for key in reversed(keys) if isinstance(key, str)), "")
    shown = f"`${{{short(reference)}}}`"
    if not is_secret_reference(reference):
        message = f"{shown} is known only when a run starts and cannot stand{name}"
        fix = "it can stand in SQL, in `path` (the date), in a source's `options` and a task's `parameters`"
    else:
        message = f"{shown} is a secret and cannot stand{name}"
        fix = "secrets stand in `storage`, in `spark: {conf: …}` and in the `options` of a connector"
        if keys[:2] == ("spark", "conf"):
            message += ", which everybody on the machine can see"
        elif _is_sql(keys):
            message += ": Spark writes down every query"
    where = node.place_of(node.text.index(f"${{{reference}}}"))
    return Problem(position(where), "late-reference", message, fix)


def references_in(value: object) -> Iterator[str]:
    """Every late reference in the texts of a node, or of plain values; one that is escaped begins with `$`."""
    if isinstance(value, str):
        yield from late_references(value, escaped=True)
    elif isinstance(value, Scalar):
        yield from late_references(value.text, escaped=True)
    elif isinstance(value, MapNode | ListNode):
        # most have none, and know it
        for item in (value.items.values() if isinstance(value, MapNode) else value.items) if value.live else ():
            yield from references_in(item)
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from references_in(item)


def filled(value: V, value_of: Callable[[str], str]) -> V:
    """The value, whatever its form, with late references in its texts replaced; the same object if there are none."""
    return _filled(value, value_of)  # type: ignore[no-any-return]


def _filled(value: Any, value_of: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return resolve_late(value, value_of) if "${" in value else value
    if isinstance(value, RootModel):
        root = _filled(value.root, value_of)
        return value if root is value.root else value.model_copy(update={"root": root})
    if isinstance(value, BaseModel):
        old = {name: getattr(value, name) for name in type(value).model_fields}
        new = {name: _filled(item, value_of) for name, item in old.items()}
        changed = {name: item for name, item in new.items() if item is not old[name]}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, Mapping):
        found = {key: _filled(item, value_of) for key, item in value.items()}
        return found if any(found[key] is not item for key, item in value.items()) else value
    if isinstance(value, list | tuple):
        items = [_filled(item, value_of) for item in value]
        same = all(one is other for one, other in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value
