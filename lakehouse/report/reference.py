"""The reference of the language as Markdown pages, made from the models: nothing is written beside them."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, RootModel, ValidationError
from pydantic.fields import FieldInfo

from lakehouse.cleanse.base import RULES, Rule
from lakehouse.cleanse.examples import EXAMPLES
from lakehouse.maintenance import Maintenance
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.quality.core.base import CoreExpectation
from lakehouse.quality.models import Expectation
from lakehouse.report.examples import shown
from lakehouse.report.kinds import choices, default_of, kind_of, models_in, written_as
from lakehouse.sources.auto_loader import AutoLoader
from lakehouse.sources.base import FileSource, Source
from lakehouse.sources.copy_into import CopyInto
from lakehouse.spec.environment import Environment
from lakehouse.spec.leaves import PROVIDERS
from lakehouse.spec.models import KINDS, SOURCES, WAYS, Pipeline, StepKeys, Table, Task
from lakehouse.spec.words import descriptions, keys_of

LATER = "not available yet"


@dataclass(frozen=True)
class Section:
    """Keys that stand together: those of a model, under a heading."""

    title: str
    text: str
    rows: Sequence[tuple[str, str, str, str]] = ()
    """Key, type, default, description."""
    later: bool = False
    example: str = ""
    """Shown behind the keys."""

    def markdown(self, level: int = 2) -> str:
        """The section with its heading."""
        parts = [f"{'#' * level} {self.title}"]
        text = f"{self.text} *{LATER.capitalize()}.*" if self.later else self.text
        parts += [text.strip()] if text.strip() else []
        if self.rows:
            lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
            lines += [f"| {' | '.join(_cell(part) for part in row)} |" for row in self.rows]
            parts.append("\n".join(lines))
        parts += [self.example] if self.example else []
        return "\n\n".join(parts)


def pages() -> dict[str, str]:
    """Name of the file -> the page."""
    found = {
        "pipeline": _page("A pipeline file", _pipeline()),
        "table": _page("The keys of a table", _table()),
        "sources": _page("Sources", _sources()),
        "auto_loader": _page("auto_loader", models(AutoLoader)),
        "copy_into": _page("copy_into", models(CopyInto)),
        "cleanse": _page("Cleansing rules", map(_rule, sorted(RULES.values(), key=lambda rule: rule.word))),
        "expectations": _page("Expectations", _expectations()),
        "writing": _page("Ways to write", _ways()),
        "maintenance": _page("Maintenance", models(Maintenance)),
        "tasks": _page("Tasks", _tasks()),
        "environment": _page("Environments", models(Environment, stop=_VAULTS)),
        "secrets": _page("Secrets", _secrets()),
    }
    return {"README.md": _index(found), **{f"{name}.md": text for name, text in found.items()}}


_INTRO = {
    "pipeline": "One file is one pipeline; the files of a folder are one project, in which names resolve.",
    "table": "What stands under `bronze`, `silver` and `gold`. A table that several files share keys with gets them by "
    "`defaults`; `for_each: {name: [a, b]}` makes one table of each value.",
    "sources": "What stands under `source` of a Bronze table. `format` says which source it is.",
    "auto_loader": "Every new file once, found by listing. The default way in: `auto_loader: {}` says the same.",
    "copy_into": "Named files, or those of a pattern, each once. Keys of `copy_into` of a Bronze table.",
    "cleanse": "Entries of `cleanse`, run in order. Each is a map of one key: `- trim: [carrier, origin]`. The "
    "examples have the rows before and after the rule; what is *rejected* breaks a check of the rule, and its row goes "
    "to the quarantine table.",
    "expectations": "Entries of `expectations`: a name, and one of the rules below, or a condition in SQL.",
    "writing": "How rows get into a table; at most one of these keys. Without one, rows that are read by `source` or "
    "`from` are appended, and a `sql` overwrites.",
    "maintenance": "Keys of `maintenance` of a table; every one has a default.",
    "tasks": "Steps that are not tables, under `tasks`, addressed `tasks.<name>`.",
    "environment": "What differs between machines: `configs/base.yaml` under `configs/<env>.yaml`. The default "
    "environment is `local`.",
    "secrets": "What stands under `secrets` of an environment: where `${secret:scope/key}` comes from. `provider` says "
    "which place it is; without the key it is `environment`. [Environments and secrets](../environments.md) has more.",
}
_NOTE = "<!-- made from the models by scripts/reference.py; a test fails when it differs -->"


def _page(title: str, sections: Iterable[Section]) -> str:
    name = next(key for key, heading in _TITLES.items() if heading == title)
    parts = [f"# {title}", _NOTE, _INTRO[name]]
    for section in sections:
        text = section.markdown()
        parts.append(text.partition("\n\n")[2] if section.title == "" else text)
    return "\n\n".join(parts) + "\n"


_TITLES = {
    "pipeline": "A pipeline file", "table": "The keys of a table", "sources": "Sources", "auto_loader": "auto_loader",
    "copy_into": "copy_into", "cleanse": "Cleansing rules", "expectations": "Expectations",
    "writing": "Ways to write", "maintenance": "Maintenance", "tasks": "Tasks", "environment": "Environments",
    "secrets": "Secrets",
}  # fmt: skip


def _index(found: dict[str, str]) -> str:
    lines = ["# Reference", _NOTE, "Every key of the language: its type, its default, what it does."]
    lines.append("\n".join(f"- [{_TITLES[name]}]({name}.md)" for name in found))
    lines.append(
        f"A key or value marked *{LATER}* belongs to the language and is refused by name until it is built. A *name* "
        "is letters, digits and `_`. A *duration* is written with its unit: `90 seconds`, `1 hour 30 minutes`, `7d`; a "
        "*size* as `10g`, `64m` or a number of bytes. Where a list of names is expected, one name will do. "
        "A number as S41 is a row of [the semantics](../semantics.md)."
    )
    return "\n\n".join(lines) + "\n"


# --- pages --------------------------------------------------------------------------------------------------------


def _pipeline() -> Iterator[Section]:
    yield from models(Pipeline, "", stop=(Table, Task))


def _table() -> Iterator[Section]:
    elsewhere = {**dict.fromkeys(WAYS, "writing"), "source": "sources", "auto_loader": "auto_loader",
                 "copy_into": "copy_into", "cleanse": "cleanse", "expectations": "expectations",
                 "maintenance": "maintenance"}  # fmt: skip
    shared = set(keys_of(StepKeys))
    rows = {row[0].strip("`"): row for row in rows_of(Table)}
    for key, page in elsewhere.items():
        name, _, default, text = rows[key]
        rows[key] = (name, f"[{_TITLES[page]}]({page}.md)", default, text)
    yield Section("Keys of a table", "", [row for key, row in rows.items() if key not in shared])
    yield Section("Keys of every step", "Tables and tasks have them.", [rows[key] for key in keys_of(StepKeys)])
    yield from _below(Table, "", {Table, *_LEAVES})


def _sources() -> Iterator[Section]:
    yield section(FileSource, "Keys of every source of files")
    shared = {*keys_of(FileSource), "format"}
    for word, leaf in SOURCES.items():
        rows = [row for row in rows_of(leaf.Options) if row[0].strip("`") not in shared]
        is_files = issubclass(leaf.Options, FileSource)
        text = " ".join((leaf.__doc__ or "").split())
        if not is_files:
            rows = [row for row in rows_of(leaf.Options) if row[0] != "`format`"]
        known = leaf.Options.spark_options
        if known and not _is_later(leaf.Options):
            text += f" Options: {', '.join(f'`{name}`' for name in sorted(known))}."
        yield Section(f"format: {word}", text, rows, later=_is_later(leaf.Options))


def _rule(rule: Rule) -> Section:
    made = section(rule.args, rule.word, text=rule.summary)
    notes = " Not in a step that reads only what is new." if rule.whole else ""
    later = not rule.available or made.later
    return Section(rule.word, made.text + notes, made.rows, later, shown(EXAMPLES[rule.word]))


def _expectations() -> Iterator[Section]:
    rows = {row[0].strip("`"): row for row in rows_of(Expectation)}
    beside = [row for key, row in rows.items() if key not in EXPECTATIONS]
    yield Section("Keys of an expectation", "`name: condition` is short for `name: {expect: condition}`.", beside)
    words = "The words and their meaning are those of Great Expectations."
    yield Section("Keys of every expect_… rule", words, rows_of(CoreExpectation))
    shared = set(keys_of(CoreExpectation))
    for name, kind in sorted(EXPECTATIONS.items(), key=lambda item: (not item[1].available, item[0])):
        own = [row for row in rows_of(kind) if row[0].strip("`") not in shared]
        yield Section(name, f"{_doc(kind)} {kind.about}", own, later=not kind.available)


def _ways() -> Iterator[Section]:
    for word, leaf in WAYS.items():
        yield from models(leaf.Options, word, text=" ".join((leaf.__doc__ or "").split()))


def _tasks() -> Iterator[Section]:
    shared = set(keys_of(StepKeys))
    rows = [row for row in rows_of(Task) if row[0].strip("`") not in shared]
    yield Section("Keys of a task", "Exactly one of the kinds, and [the keys of every step](table.md).", rows)
    for word, leaf in KINDS.items():
        yield section(leaf.Options, word, text=" ".join((leaf.__doc__ or "").split()))


def _secrets() -> Iterator[Section]:
    for word, leaf in sorted(PROVIDERS.items(), key=lambda item: _is_later(item[1].Options)):
        text = descriptions(leaf.Options)["provider"]
        inner = next(models_in(leaf.Options.model_fields["options"].annotation), None)
        rows = [(f"`options.{row[0].strip('`')}`", *row[1:]) for row in rows_of(inner)] if inner else []
        yield Section(f"provider: {word}", text, rows, later=_is_later(leaf.Options))


# --- models -------------------------------------------------------------------------------------------------------

_VAULTS = tuple(leaf.Options for leaf in PROVIDERS.values())
_LEAVES: tuple[type[BaseModel], ...] = (
    AutoLoader, CopyInto, Maintenance, Expectation, Source, *(leaf.Options for leaf in (*WAYS.values(),)),
    *(leaf.Options for leaf in SOURCES.values()), *(rule.args for rule in RULES.values()),
)  # fmt: skip
"""Models with a page of their own."""


def models(
    model: type[BaseModel], title: str = "", *, text: str = "", stop: Sequence[type[BaseModel]] = ()
) -> Iterator[Section]:
    """The section of a model, then those of the models inside it."""
    yield section(model, title, text=text)
    yield from _below(model, title, {model, *stop})


def _below(model: type[BaseModel], path: str, seen: set[type[BaseModel]]) -> Iterator[Section]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        for inner in models_in(field.annotation):
            if inner in seen or inner.__name__ == "CleanseRule":
                continue
            seen.add(inner)
            where = f"{path}.{key}" if path else key
            yield section(inner, where)
            yield from _below(inner, where, seen)


def section(model: type[BaseModel], title: str, *, text: str = "") -> Section:
    """The keys of a model under a heading; of one that is a bare list, map or text what it is."""
    text, written, later = text or _doc(model), written_as(model), _is_later(model)
    if issubclass(model, RootModel):
        told = [text, descriptions(model).get("root", ""), f"Written as {written}."]
        return Section(title, " ".join(part for part in told if part), later=later)
    form = "" if written == "map" else f" Written as {written}."
    return Section(title, text + form, rows_of(model), later)


def rows_of(model: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """Key, type, default and description of every key; raises LookupError for a key without a description."""
    told, rows = descriptions(model), []
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in told:
            raise LookupError(f"{model.__module__}.{model.__name__}: the key {key!r} has no description")
        text = told[key] + ("" if told[key].endswith((".", "`")) else ".")
        if _is_field_later(field):
            text += f" *{LATER.capitalize()}.*"
        elif words := _words_later(model, name, field):
            text += f" *{LATER.capitalize()}:* {', '.join(f'`{w}`' for w in words)}."
        rows.append((f"`{key}`", kind_of(field), default_of(field), text))
    return rows


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _is_later(model: type[BaseModel]) -> bool:
    return not getattr(model, "available", True)


def _is_field_later(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("available") is False:
        return True
    inner = list(models_in(field.annotation))
    return bool(inner) and all(_is_later(model) for model in inner) and str not in typing.get_args(field.annotation)


def _words_later(model: type[BaseModel], name: str, field: FieldInfo) -> list[str]:
    """Words of a choice that the model itself refuses as not available yet."""
    key, found = field.alias or name, []
    for word in choices(field.annotation):
        try:
            model.model_validate({key: word})
        except ValidationError as error:
            said = (item["msg"] for item in error.errors() if item["loc"] and item["loc"][0] == key)
            found += [str(word)] if any(LATER in text for text in said) else []
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
