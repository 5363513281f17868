"""`to_yaml` and back is the identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.spec import variables as variables_module
from lakehouse.spec.dump import to_yaml
from lakehouse.spec.load import load, project_of
from lakehouse.spec.models import Pipeline, Table
from lakehouse.spec.nodes import plain, read
from tests.spec.test_load import FLIGHTS, put

SHIPPED = sorted((Path(__file__).parents[2] / "pipelines").glob("*.yaml"))


def test_a_loaded_project_comes_back(tmp_path: Path) -> None:
    one = load(put(tmp_path, FLIGHTS))
    texts = one.to_yaml()
    (tmp_path / "again").mkdir()
    two = load(put(tmp_path / "again", texts["flights"]))
    assert two.tables == one.tables
    assert two.to_yaml() == texts
    assert {n: two.variables_of(n) for n in two.tables} == {n: one.variables_of(n) for n in one.tables}


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_the_shipped_pipelines_come_back(path: Path, tmp_path: Path) -> None:
    one = load(path)
    two = load([put(tmp_path, text, name) / f"{name}.yaml" for name, text in one.to_yaml().items()])
    assert two.tables.items() == one.tables.items()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "010",
        "1e3",
        "0o7",
        "null",
        "~",
        "",
        "<<",
        "12:30",
        "${a}",
        "$${a}",
        "$$${a}",
        "${",
        "${run.date}",
        "# a",
        "a: b",
        "- a",
        "a\nb",
        "a\n",
        "\na",
        " a",
        "a ",
        "a\tb",
        "'",
        '"',
        "\\",
        "\x85",
        "\u2028",
        "\ufeff",
        "=",
        "0x1F",
        ".nan",
    ]
)
KEYS = TEXT.filter(lambda text: not variables_module.late_references(text))
"""Text that may stand where nothing of a run is known, as keys."""
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
CONDITIONS = st.sampled_from(["a > 1", "b < '${run.date}'", "c = '$${run.id}'", "d = '$${run.id} ${run.id}'"])
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    keys: dict[str, Any] = {"from": f"bronze.{draw(NAMES)}"}
    if draw(st.booleans()):
        keys["description"] = draw(KEYS)
    if draw(st.booleans()):
        keys["cleanse"] = [{"trim": draw(st.lists(NAMES, min_size=1, max_size=3))}, {"filter": draw(CONDITIONS)}]
    if draw(st.booleans()):
        types = st.sampled_from(["int", "string", {"type": "decimal(10,2)", "nullable": False}])
        keys["schema"] = draw(st.dictionaries(NAMES, types, min_size=1, max_size=3))
    if draw(st.booleans()):
        keys["properties"] = draw(st.dictionaries(KEYS, KEYS, max_size=2))
    if draw(st.booleans()):
        keys["expectations"] = {draw(NAMES): {"expect": "a > 1", "on_violation": "fail"}}
    if draw(st.booleans()):
        keys["timeout"] = f"{draw(st.integers(1, 500))} seconds"
    return Table.model_validate(keys)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.builds(
        Pipeline,
        pipeline=NAMES,
        description=st.none() | KEYS,
        variables=st.dictionaries(NAMES.filter(lambda n: n not in variables_module.RESERVED), PLAIN, max_size=3),
        silver=st.dictionaries(NAMES, tables(), max_size=3),
    )
)
def test_generated_pipelines_come_back(pipeline: Pipeline) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variables_module, "BUILT", frozenset({"run", "secret", "tasks"}))
        text = to_yaml(pipeline)
        node, problems = read(text, "f")
        assert not problems, text
        assert node is not None
        one = project_of(Pipeline.model_validate(plain(node), by_alias=True))
        (again,) = one.pipelines
        assert again.variables == pipeline.variables
        assert {n.table: t for n, t in one.tables.items()} == pipeline.silver
        assert one.to_yaml() == {pipeline.pipeline: text}
