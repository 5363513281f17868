"""The reference is what the models say: complete, described, and committed as it would be made now."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.cleanse.base import RULES
from lakehouse.model import Model
from lakehouse.quality.core import EXPECTATIONS
from lakehouse.quality.models import ColumnSpec
from lakehouse.report.reference import LATER, pages, rows_of
from lakehouse.spec.environment import Environment
from lakehouse.spec.models import KINDS, SOURCES, WAYS, Pipeline, Table, Task
from lakehouse.spec.words import keys_of

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_committed_pages_are_what_the_models_say(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "run `python scripts/reference.py`"


def test_no_page_is_left_over() -> None:
    assert {path.name for path in FOLDER.glob("*")} == PAGES.keys()


def headings(page: str) -> set[str]:
    return {line.removeprefix("## ") for line in PAGES[page].splitlines() if line.startswith("## ")}


def keys(page: str) -> set[str]:
    return {line.split("`")[1] for line in PAGES[page].splitlines() if line.startswith("| `")}


def test_every_word_has_its_place() -> None:
    assert headings("cleanse.md") == RULES.keys()
    assert headings("expectations.md") >= EXPECTATIONS.keys()
    assert headings("writing.md") >= WAYS.keys()
    assert headings("sources.md") >= {f"format: {word}" for word in SOURCES}
    assert headings("tasks.md") >= KINDS.keys()


def test_every_key_has_its_place() -> None:
    assert keys("table.md") >= {*keys_of(Table), *keys_of(ColumnSpec)}
    assert keys("pipeline.md") >= set(keys_of(Pipeline))
    assert keys("tasks.md") | keys("table.md") >= set(keys_of(Task))
    assert keys("environment.md") >= set(keys_of(Environment))
    for leaf in SOURCES.values():
        assert keys("sources.md") | {"format"} >= set(keys_of(leaf.Options))


def test_a_key_without_a_description_is_refused() -> None:
    class Bare(Model):
        """A model."""

        told: int = 1
        """Something."""
        key: str = ""

    with pytest.raises(LookupError, match=r"Bare: the key 'key' has no description"):
        rows_of(Bare)


def test_what_is_not_built_is_marked() -> None:
    def line(page: str, start: str) -> str:
        return next(text for text in PAGES[page].splitlines() if text.startswith(start))

    later = f"*{LATER.capitalize()}"
    assert later in line("table.md", "| `run_if` |")
    assert "*Not available yet:* `incremental`, `full`" in line("table.md", "| `refresh` |")
    assert later not in line("table.md", "| `merge` |")
    assert later in PAGES["sources.md"].split("## format: kafka")[1].split("##")[0]
    assert later not in PAGES["cleanse.md"].split("## trim")[1].split("##")[0]


def test_types_in_words() -> None:
    text = "".join(PAGES.values())
    assert "| `timeout` | duration |" in text
    assert "| `max_bytes_per_trigger` | size, more than 0 |" in text
    assert "| `tags` | name or list of names |" in text
    assert "| `from` | `layer.table`, map, or list of both |" in text
    assert "| `schema` | map of name to text or map |" in text
    assert "| `mostly` | number, at least 0, at most 1 |" in text
    assert "| `stored_as_scd_type` | `1` `2` | `1` |" in text
