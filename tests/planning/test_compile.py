"""Everything that needs more than one table: what is refused and where, in which order the rest can run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.errors import SpecError
from lakehouse.planning.compile import compile as compile_
from lakehouse.planning.compile import problems_of, way_of
from lakehouse.planning.steps import Plan, Read
from lakehouse.spec.load import load, survey
from tests.planning.projects import marked, plan, problems, project

BASE = """
bronze:
  a: {source: {format: csv, path: a}}
"""


def one(folder: Path, text: str) -> tuple[str, str]:
    """The only problem, and the text that it points at."""
    (found,) = problems(folder, text)
    return f"{found.code}: {found.message}; {found.fix}", marked(folder, found)


# --- tables that are not there ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ("{from: bronze.aa}", "bronze.aa}"),
        ("{sql: SELECT * FROM bronze.aa}", "bronze.aa}"),
        ("{from: bronze.a, depends_on: [silver.s0, bronze.aa]}", "bronze.aa]}"),
        ("{from: bronze.a, depends_on: bronze.aa}", "bronze.aa}"),
    ],
)
def test_an_unknown_table_is_refused_with_the_nearest_one(tmp_path: Path, table: str, place: str) -> None:
    text = f"{BASE}silver:\n  s0: {{from: bronze.a}}\n  s: {table}\n"
    said, at = one(tmp_path, text)
    assert said == "unknown-table: there is no table bronze.aa; did you mean 'bronze.a'?"
    assert at == place


@pytest.mark.parametrize("name", ["foo", "x.y.z", "gold.nothing_like_it"])
def test_a_dependency_that_is_no_table_is_refused_too(tmp_path: Path, name: str) -> None:
    said, at = one(tmp_path, BASE + f"silver:\n  s: {{from: bronze.a, depends_on: [{name}]}}\n")
    assert said == f"unknown-table: there is no table {name}; write `layer.table`, of a table in these files"
    assert at.startswith(name)


def test_s100_a_table_that_is_disabled_is_read_and_not_run(tmp_path: Path) -> None:
    text = BASE + "silver:\n  s: {from: bronze.a, enabled: false}\ngold:\n  g: {sql: SELECT * FROM silver.s}\n"
    found = plan(tmp_path, text)
    assert {str(n) for n in found.selected} == {"bronze.a", "gold.g"}
    assert found["gold.g"].reads == (Read(found["silver.s"].name, whole=True),)
    assert {str(s.name) for s in plan(tmp_path, text, select=("silver.s",)).chosen()} == set()


def test_s100_a_table_that_is_excluded_is_read_and_not_run(tmp_path: Path) -> None:
    text = BASE + "silver:\n  s: {from: bronze.a}\ngold:\n  g: {sql: SELECT * FROM silver.s}\n"
    found = plan(tmp_path, text, exclude=("silver.s",))
    assert [str(s.name) for s in found.chosen()] == ["bronze.a", "gold.g"]
    assert {str(n) for n in found["gold.g"].after} == {"silver.s"}


# --- cycles -------------------------------------------------------------------------------------------------------


def test_a_cycle_is_told_with_the_way_round_at_the_read_that_closes_it(tmp_path: Path) -> None:
    text = """
    gold:
      b: {sql: SELECT * FROM gold.a}
      c: {sql: SELECT * FROM gold.b}
      a: {sql: SELECT * FROM gold.c}
      free: {sql: SELECT 1 AS x}
    """
    said, at = one(tmp_path, text)
    assert said == (
        "cycle: these tables wait for each other: gold.a -> gold.b -> gold.c -> gold.a; take one of these steps away"
    )
    assert at == "gold.c}"


def test_a_table_that_reads_itself_waits_for_itself(tmp_path: Path) -> None:
    said, at = one(tmp_path, "gold:\n  a: {sql: SELECT * FROM gold.a}\n")
    assert said.startswith("cycle: gold.a waits for itself;")
    assert at == "gold.a}"


def test_a_cycle_by_depends_on_points_at_it(tmp_path: Path) -> None:
    text = (
        BASE
        + """
silver:
  x: {from: bronze.a, depends_on: [bronze.a, silver.y]}
  y: {from: bronze.a, depends_on: silver.x}
"""
    )
    said, at = one(tmp_path, text)
    assert "silver.x -> silver.y -> silver.x" in said
    assert at == "silver.y]}"


def test_every_cycle_is_told(tmp_path: Path) -> None:
    text = "gold:\n" + "".join(
        f"  {n}: {{sql: SELECT * FROM gold.{m}}}\n" for n, m in [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]
    )
    assert [p.message.split(": ")[1] for p in problems(tmp_path, text)] == [
        "gold.a -> gold.b -> gold.a", "gold.c -> gold.d -> gold.c",
    ]  # fmt: skip


# --- not built yet ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "message", "place"),
    [
        (
            "silver: {s: {from: bronze.a}}\ngold: {g: {sql: SELECT * FROM STREAM(bronze.a)}}",
            "STREAM() in `sql` is not available yet", "STREAM(",
        ),
        ("silver: {s: {sql: SELECT * FROM bronze.a, append: true}}", "`sql` with `append` is not available yet", "true"),
        (
            "silver: {s: {sql: SELECT * FROM bronze.a, merge: {keys: x, sequence_by: y}}}",
            "`sql` with `merge` is not available yet", "merge: {keys",
        ),
        (
            "gold: {g: {sql: SELECT * FROM silver.s_quarantine}}\nsilver: {s: {from: bronze.a}}",
            "reading the companion table silver.s_quarantine is not available yet", "silver.s_quarantine",
        ),
    ],
)  # fmt: skip
def test_what_is_not_built_is_refused_by_name(tmp_path: Path, tables: str, message: str, place: str) -> None:
    (found,) = problems(tmp_path, BASE + tables + "\n")
    assert (found.code, found.message) == ("not-available-yet", message)
    assert marked(tmp_path, found).startswith(place)


def test_reading_whole_tables_is_built_however_they_are_written(tmp_path: Path) -> None:
    text = (
        BASE
        + """
silver:
  m: {from: bronze.a, merge: {keys: x, sequence_by: _batch}}
  s: {from: bronze.a}
gold:
  g: {from: silver.m, aggregate: {by: x, measures: {n: count(*)}}}
  h: {from: silver.s, overwrite: true}
"""
    )
    found = plan(tmp_path, text)
    assert [r.whole for n in ("silver.m", "silver.s", "gold.g", "gold.h") for r in found[n].reads] == [
        False, False, True, True,
    ]  # fmt: skip


# --- SQL ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "marks", "says"),
    [
        ("|\n      SELECT a,\n             b barbar baz\n      FROM bronze.a\n", "baz", "unexpected 'baz'"),
        ("|\n      SELECT *\n\n        FROM bronze.a\n      WHERE )\n", ")", "unexpected ')'"),
        (">\n      SELECT *\n      FROM bronze.a WHERE )\n", "", "unexpected ')'"),
        ("SELECT * FROM bronze.a WHERE )", ")", "unexpected ')'"),
        ("'SELECT * FROM bronze.a WHERE )'", ")'", "unexpected ')'"),
        # where quotes are escaped, characters of the text are not those of the file: the text as a whole
        ("'SELECT * FROM bronze.a WHERE ''x'' )'", "'SELECT", "unexpected ')'"),
        ("DELETE FROM bronze.a", "DELETE", "a SELECT is expected, not DELETE"),
    ],
)
def test_sql_that_does_not_parse_is_shown_at_its_character(tmp_path: Path, sql: str, marks: str, says: str) -> None:
    (found,) = problems(tmp_path, f"{BASE}gold:\n  g:\n    sql: {sql}\n")
    assert (found.code, found.message) == ("sql-syntax", f"the SQL does not parse: {says}")
    assert marked(tmp_path, found).startswith(marks)


def test_all_problems_are_told_also_of_tables_that_are_not_selected(tmp_path: Path) -> None:
    text = (
        BASE + "gold:\n  g: {sql: SELECT FROM FROM}\n  h: {sql: SELECT * FROM silver.none}\n  i: {sql: SELECT 1 AS x}\n"
    )
    with pytest.raises(SpecError) as error:
        compile_(project(tmp_path, text), ("gold.i",))
    assert [p.code for p in error.value.problems] == ["sql-syntax", "unknown-table"]


def told(folder: Path, text: str) -> list[str]:
    """What reading and compiling find together."""
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "pipelines" / "p.yaml").write_text(f"pipeline: p\n{text}")
    found = survey(folder / "pipelines")
    return [f"{p.position.line}: {p.code}" for p in sorted({*found.problems, *problems_of(found)})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # what is behind a mistake of reading is told with it
        ("bronze: {a: {sorce: {format: csv, path: a}}}\nsilver: {s: {from: bronze.b}}\n", ["2: unknown-key", "3: unknown-table"]),
        ("silver:\n  s: {from: bronze.b, expectatons: {e: {expct: a > 1}}}\n", ["3: unknown-table", "3: unknown-key", "3: unknown-key"]),
        ("silvr:\n  s: {from: bronze.b}\n", ["2: unknown-key", "3: unknown-table"]),
        # what follows from one is not
        ("bronze: {a: {source: {format: cvs, path: a}}}\nsilver: {s: {from: bronze.a}}\n", ["2: unknown-format"]),
        ("bronze: {a: ~}\nsilver: {s: {from: bronze.a, merge: {key: x, sequence_by: y}}, t: {from: silver.s}}\n", ["2: wrong-type", "3: unknown-key"]),
        ("brnz: {a: {source: {format: csv, path: a}}}\nsilver: {s: {from: bronze.a}}\n", ["2: unknown-key"]),
        ("somewhere: {a: 1}\nsilver: {s: {from: bronze.a}}\n", ["2: unknown-key"]),
        ("bronze: [a]\nsilver: {s: {from: bronze.a}}\n", ["2: wrong-type"]),
        ("bronze:\n  '${x}': {source: {format: csv, path: a}}\nsilver: {s: {from: bronze.a}}\n", ["3: unknown-variable"]),
        ("bronze:\n  b: {for_each: {}, source: {format: csv, path: a}}\nsilver: {s: {from: bronze.a}}\n", ["3: wrong-type"]),
        ("bronze: {b: &b {source: {format: csv, path: a}}, a: {<<: *b}}\nsilver: {s: {from: bronze.a}}\n", ["2: merge-key"]),
        ("variables: {<<: x}\nbronze: {a: {source: {format: csv, path: '${y}'}}}\n", ["2: merge-key"]),
        ("silver: {s: {from: silver.t, overwrite: tru}, t: {from: silver.s, overwrite: true}}\n", ["2: cycle", "2: wrong-type"]),
    ],
)  # fmt: skip
def test_all_phases_tell_their_mistakes_together_and_none_twice(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert told(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("tables", "code", "message", "place"),
    [
        (
            "silver: {s: {from: bronze.a, merge: {keys: x, sequence_by: _batch}}, t: {from: silver.s}}", "conflicting-keys",
            "silver.s is written by `merge`, and `append` would keep what changed or was deleted there since", "silver.s}",
        ),
        (
            "gold: {g: {from: {table: bronze.a, changes: true}, overwrite: true}}", "conflicting-keys",
            "`overwrite` reads its inputs whole, and `changes` reads what changed in bronze.a", "true}",
        ),
        (
            "silver: {s: {from: bronze.a, merge: {keys: x, sequence_by: _batch}}, t: {from: [silver.s, bronze.a], merge: {keys: x}}}",
            "missing-key", "`sequence_by` is missing: without it versions are ordered by the commits of one table", "merge: {keys: x}}",
        ),
        (
            "silver: {s: {from: bronze.a}, t: {from: silver.s, merge: {keys: x}}}",
            "missing-key", "`sequence_by` is missing: without it versions are ordered by the commits of one table", "merge: {keys: x}}",
        ),
        (
            "silver: {s: {from: bronze.a, overwrite: true}, t: {from: silver.s, merge: {keys: x}, cleanse: [{deduplicate: {keys: x, order_by: x}}]}}",
            "not-incremental", "behind `deduplicate` nobody can tell which key a row was deleted of", "{keys: x, order_by",
        ),
    ],
)  # fmt: skip
def test_s63_s75_what_changes_cannot_be_read_into_is_told(
    tmp_path: Path, tables: str, code: str, message: str, place: str
) -> None:
    (problem,) = problems(tmp_path, BASE + tables + "\n")
    assert problem.code == code
    assert problem.message.startswith(message)
    assert place in marked(tmp_path, problem)


def test_s75_how_each_input_is_read_and_whose_feed_must_be_on(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        BASE
        + """
silver:
  log: {from: bronze.a}
  more: {from: silver.log}
  latest: {from: bronze.a, merge: {keys: x, sequence_by: _batch}}
  loaded: {from: bronze.a, merge: {keys: x}}
  copy: {from: silver.latest, merge: {keys: x}}
  all: {from: {table: silver.latest, changes: true}, append: true}
  twice: {from: [silver.more, bronze.a], append: {keys: x}}
gold:
  whole: {from: {table: silver.copy, whole: true}, merge: {keys: x, sequence_by: _batch}}
  sum: {from: silver.all, aggregate: {by: x, measures: {n: count(*)}}}
""",
    )
    feeds = {str(s.name): [r.feed for r in s.reads] for s in found.steps}
    assert feeds == {
        "bronze.a": [], "silver.log": [""], "silver.more": ["inserts"], "silver.latest": [""], "silver.loaded": [""], "silver.copy": ["changes"],
        "silver.all": ["all"], "silver.twice": ["inserts", ""], "gold.whole": [""], "gold.sum": [""],
    }  # fmt: skip
    assert {str(s.name) for s in found.steps if s.followed} == {"silver.log", "silver.more", "silver.latest"}


# --- order and definition -----------------------------------------------------------------------------------------


def test_steps_come_after_what_they_wait_for_and_among_equals_as_written(tmp_path: Path) -> None:
    text = """
gold:
  last: {sql: SELECT * FROM gold.z}
  y: {sql: SELECT 1 AS x}
  x: {sql: SELECT 1 AS x}
  z: {sql: SELECT 1 AS x}
"""
    assert [str(s.name) for s in plan(tmp_path, text).steps] == ["gold.y", "gold.x", "gold.z", "gold.last"]


def test_way_of_a_table_by_what_it_reads(tmp_path: Path) -> None:
    found = project(tmp_path, BASE + "silver: {s: {from: bronze.a}}\ngold: {g: {sql: SELECT 1 AS x}}\n")
    assert [way_of(t) for t in found.tables.values()] == ["append", "append", "overwrite"]


def test_a_table_read_twice_is_one_read(tmp_path: Path) -> None:
    found = plan(tmp_path, BASE + "gold: {g: {sql: 'SELECT * FROM bronze.a x, bronze.a y'}}\n")
    assert [str(r.table) for r in found["gold.g"].reads] == ["bronze.a"]


def test_lookups_in_a_plan(tmp_path: Path) -> None:
    found = plan(tmp_path, BASE + "silver: {s: {from: bronze.a}}\n")
    assert [str(s.name) for s in found.readers_of(found["bronze.a"].name)] == ["silver.s"]
    assert found["bronze.a"].describe() == "append from csv files"
    assert found["silver.s"].describe() == "append from bronze.a"
    with pytest.raises(KeyError):
        found["silver.t"]


FIVE = {
    "a": "    source: {format: csv, path: a}\n",
    "b": "    source: {format: json, path: b}\n",
    "s": "    from: bronze.a\n    cleanse: [{trim: [x]}]\n",
    "m": "    from: bronze.b\n    merge: {keys: x, sequence_by: _batch}\n",
    "g": "    sql: SELECT * FROM silver.s JOIN silver.m USING (x) JOIN gold.h USING (x)\n",
    "h": "    sql: SELECT count(*) AS x FROM silver.m WHERE y > :limit\n",
}
LAYERS = {"a": "bronze", "b": "bronze", "s": "silver", "m": "silver", "g": "gold", "h": "gold"}


def written(order: list[str], layers: list[str]) -> str:
    body = "".join(
        f"{layer}:\n" + "".join(f"  {n}:\n{FIVE[n]}" for n in order if LAYERS[n] == layer) for layer in layers
    )
    return "variables: {limit: 3}\n" + body


def summary(found: Plan) -> dict[str, object]:
    return {str(s.name): (s.definition, s.way, s.reads, s.after, s.variables) for s in found.steps}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.permutations(list(FIVE)), st.permutations(["bronze", "silver", "gold"]))
def test_the_order_of_tables_in_a_file_does_not_matter(tmp_path: Path, order: list[str], layers: list[str]) -> None:
    expected = summary(plan(tmp_path, written(list(FIVE), ["bronze", "silver", "gold"])))
    found = plan(tmp_path, written(order, layers))
    assert summary(found) == expected
    seen: set[object] = set()
    for step in found.steps:
        assert step.after <= seen
        seen.add(step.name)


def test_the_real_pipelines_compile() -> None:
    found = compile_(load(Path(__file__).parents[2] / "pipelines"))
    assert len(found.selected) == len(found.steps) > 10
