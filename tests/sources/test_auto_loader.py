from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from lakehouse.model import unavailable
from lakehouse.sources.auto_loader import AutoLoader, parse_bytes
from lakehouse.sources.copy_into import CopyInto


def test_the_defaults_are_auto_loaders() -> None:
    loader = AutoLoader()
    assert (loader.max_files_per_trigger, loader.include_existing_files, loader.rescued_data_column) == (
        1000,
        True,
        "_rescued_data",
    )
    assert (loader.mode(declared=False), loader.mode(declared=True)) == ("add_new_columns", "rescue")
    assert AutoLoader(schema_evolution_mode="none").mode(declared=True) == "none"


@pytest.mark.parametrize(
    ("text", "size"), [("10g", 10 << 30), ("64 MB", 64 << 20), ("1.5k", 1536), ("7", 7), ("2TiB", 2 << 40), ("9b", 9)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "g", "10 x", "-1", "0"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        AutoLoader.model_validate({"max_bytes_per_trigger": text})


def test_hints_have_canonical_types() -> None:
    hints = AutoLoader(schema_hints={"a": "integer", "b": "DECIMAL(10, 2)"}).schema_hints
    assert hints == {"a": "int", "b": "decimal(10,2)"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"schema_hints": {"a": "number"}}, "unknown"),
        ({"schema_hints": {"a": "int", "A": "int"}}, "twice"),
        ({"schema_hints": {"a..b": "int"}}, "not the name of a column"),
        ({"schema_hints": {"a.b": "int", "A.B": "date"}}, "twice"),
        ({"schema_hints": {"a": "struct<b:int>", "a.b": "int"}}, "inside of the hint for 'a'"),
        ({"schema_hints": "a int, a date"}, "twice"),
        ({"schema_hints": "a int,"}, "not a field's name"),
        ({"max_files_per_trigger": 0}, "greater than 0"),
        ({"schema_evolution": "none"}, "schema_evolution"),
        ({"clean_source": {"action": "delete", "retention_duration": "7 days"}}, "more than 7 days, not 7 days"),
        ({"backfill_interval": "1 day"}, "goes with `use_notifications`"),
        ({"use_notifications": {"queue_url": ""}}, "at least 1"),
        ({"use_notifications": {"queue_url": "https://acc.queue.core.windows.net/q"}}, "a queue cannot be read yet"),
        ({"use_notifications": {"queue_url": "HTTP://localhost:9324/000000000000/q"}}, "a queue cannot be read yet"),
        ({"clean_source": {"action": "move"}}, "needs a `move_destination`"),
        ({"clean_source": {"action": "delete", "move_destination": "x"}}, "goes with `action: move`"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AutoLoader.model_validate(keys)


def test_hints_are_a_map_or_ddl_and_name_nested_fields_by_their_paths() -> None:
    loader = AutoLoader.model_validate(
        {"schema_hints": "year int, `dep delay` DECIMAL(5), a.b.element date, `x.y` long"}
    )
    assert loader.schema_hints == {
        "year": "int",
        "`dep delay`": "decimal(5,0)",
        "a.b.element": "date",
        "`x.y`": "bigint",
    }
    assert loader.column_hints == {"year": "int", "dep delay": "decimal(5,0)", "x.y": "bigint"}
    assert loader.nested_hints == {("a", "b", "element"): "date"}


def test_files_are_cleaned_after_thirty_days_and_may_be_moved_at_once() -> None:
    loader = AutoLoader.model_validate({"clean_source": {"action": "delete"}})
    assert loader.clean_source is not None
    assert loader.clean_source.retention_duration == timedelta(days=30)
    moved = {"action": "move", "move_destination": "out", "retention_duration": "0 days"}
    AutoLoader.model_validate({"clean_source": moved})


def test_everything_is_built() -> None:
    told = {"use_notifications": {"queue_url": "events"}, "backfill_interval": "12 hours"}
    loader = AutoLoader.model_validate({"infer_column_types": True, **told})
    assert list(unavailable(loader)) == []
    assert loader.backfill_interval == timedelta(hours=12)


def test_copy_into_takes_files_or_a_pattern() -> None:
    assert CopyInto.model_validate({"files": "a.csv"}).files == ("a.csv",)
    with pytest.raises(ValidationError, match="at most one"):
        CopyInto(files=("a",), pattern="b")
    with pytest.raises(ValidationError):
        CopyInto(files=tuple(str(i) for i in range(1001)))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("a +", "not an SQL expression"), ("a, b", "not one item"), ("a as b from t", "not one item"), ("a + 1", "has no name"),
        ("sum(a) as s", "aggregate"), ("row_number() over (order by a) as n", "window"), ("explode(a) as b", "several rows"),
        ("uuid() as id", "another value at each retry"), ("(select 1) as a", "query"), ("", "missing"),
    ],
)  # fmt: skip
def test_a_selection_is_about_one_row_and_has_names(item: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CopyInto.model_validate({"select": ["a", item]})


def test_a_selection_may_be_one_text() -> None:
    assert CopyInto.model_validate({"select": "* EXCEPT (a)"}).select == ("* EXCEPT (a)",)
