"""Python equals YAML: what is built is what is read, however it is written, and it comes back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from lakehouse.cleanse.base import RULES
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.spec.dump import escaped
from lakehouse.spec.leaves import SOURCES, WAYS, OneKey
from lakehouse.spec.load import Project, load, project_of
from lakehouse.spec.models import CleanseRule, Defaults, Pipeline, Table, Task
from tests.spec import generated
from tests.spec.generated import documents, fields_of, leaf, made, models_in
from tests.spec.styles import styled

EACH = settings(deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(EACH, max_examples=max(10, settings.default.max_examples // 4))
"""Documents are large, and each is read twice."""
FOLDER: list[Path] = []


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    FOLDER[:] = [tmp_path_factory.mktemp("trip")]
    (FOLDER[0] / "pipelines").mkdir()


def loaded(text: str) -> Project:
    path = FOLDER[0] / "pipelines" / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def built(document: dict[str, Any]) -> Project:
    """The same from the typed classes."""
    return project_of(Pipeline.model_validate(escaped(document), by_alias=True, by_name=False))


def content(project: Project) -> dict[str, Any]:
    """What a project says, in no order."""
    (pipeline,) = project.pipelines
    header = pipeline.model_dump(exclude={"bronze", "silver", "gold", "tasks", "defaults"})
    return {
        "header": header,
        "tables": dict(project.tables),
        "tasks": dict(project.tasks),
        "variables": {name: project.variables_of(name) for name in project.tables},
    }


@SOME
@given(documents())
def test_to_yaml_and_back_is_the_identity(document: dict[str, Any]) -> None:
    one = built(document)
    (text,) = one.to_yaml().values()
    two = loaded(text)
    assert content(two) == content(one), text
    assert two.to_yaml() == one.to_yaml()


@SOME
@given(documents(), st.data())
def test_however_it_is_written_it_says_what_the_classes_say(document: dict[str, Any], data: st.DataObject) -> None:
    text = data.draw(styled(escaped(document)))
    assert content(loaded(text)) == content(built(document)), text


@SOME
@given(documents(), st.data())
def test_the_order_of_tables_does_not_matter(document: dict[str, Any], data: st.DataObject) -> None:
    def shuffled(tree: dict[str, Any]) -> dict[str, Any]:
        return dict(data.draw(st.permutations(list(tree.items()))))

    other = {key: shuffled(item) if key in ("bronze", "silver", "gold") else item for key, item in document.items()}
    assert content(built(shuffled(other))) == content(built(document))


# --- all of the language is in these documents --------------------------------------------------------------------


def models_of(model: type[BaseModel], seen: dict[type[BaseModel], None]) -> dict[type[BaseModel], None]:
    """Every model that is built and that a file can hold, from the top."""
    if model not in seen:
        seen[model] = None
        for field in fields_of(model).values():
            for inner in models_in(field.annotation):
                if getattr(inner, "available", True):
                    models_of(inner, seen)
    return seen


LEFT_OUT = (Pipeline, Table, Defaults, Task)
SHAPES = [m for m in models_of(Pipeline, {}) if not issubclass(m, RootModel | OneKey) and m not in LEFT_OUT]
"""Everything but the outermost, which the documents above are made of, and tasks, of which no kind is built."""


def test_the_walk_finds_every_leaf() -> None:
    leaves = {WAYS[word].Options for word in WAYS} | {SOURCES[word].Options for word in SOURCES}
    leaves |= {rule.args for rule in RULES.values()} | set(EXPECTATIONS.values())
    found = set(models_of(Pipeline, {}))
    assert {m for m in leaves if m.available} - found == set()


class Met(Exception):
    """Everything was seen: no further example is needed."""


def meets(strategy: st.SearchStrategy[Any], wanted: set[str]) -> None:
    """Draw until every wanted key was seen; fails when thousands of examples do not have them all."""
    missing = set(wanted)

    @settings(EACH, max_examples=5000, database=None, phases=[Phase.generate])
    @given(strategy)
    def look(value: Any) -> None:
        missing.difference_update(value if isinstance(value, dict) else ["expect"])
        if not missing:
            raise Met

    try:
        look()
    except Met:
        return
    assert not missing


@pytest.mark.parametrize("model", SHAPES, ids=lambda model: f"{model.__module__.rpartition('.')[2]}.{model.__name__}")
def test_every_field_is_generated(model: type[BaseModel]) -> None:
    wanted = {key for key, field in fields_of(model).items() if leaf(field)} - {"format"}
    if getattr(model, "spark_options", None) == frozenset():
        wanted -= {"options"}  # its reader knows none
    meets(generated.source(model) if model.__name__ == "Options" else made(model), wanted)


def test_every_rule_and_every_key_of_a_table_is_generated() -> None:
    meets(made(CleanseRule), {word for word, rule in RULES.items() if rule.available})
    tables = generated.one_of([generated.tables(layer) for layer in ("bronze", "silver", "gold")])
    meets(tables, {key for key, field in fields_of(Table).items() if leaf(field)})
