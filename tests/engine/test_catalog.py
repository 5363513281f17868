"""Tables by name, as they are and as they were; and of rejected rows only those that exist."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakehouse
from lakehouse.control import commits
from lakehouse.engine import companions
from lakehouse.errors import MachineError, SpecError, StepError
from lakehouse.lake.signature import Signature
from tests.engine.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULE = "expectations: {positive: {expect: n > 0, on_violation: quarantine}}"


@pytest.fixture(autouse=True)
def _clean_catalog(spark: SparkSession) -> Iterator[None]:
    """The catalog belongs to the whole process: what a test registers there would stand in another's way."""

    def drop() -> None:
        for layer in ("bronze", "silver", "gold"):
            spark.sql(f"DROP DATABASE IF EXISTS {layer} CASCADE")

    drop()
    yield
    drop()


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """Two runs of a Silver table with a good and a bad row each, and a Gold table that was never made."""
    lake.bronze()
    lake.tables(
        silver={"catalogued": f"from: bronze.a\nschema: {{id: int, n: int}}\n{RULE}"},
        gold={"never": "sql: SELECT 1 AS x FROM silver.catalogued"},
    )
    for n in (1, 2):
        lake.file(f"{n}.csv", f"{n},10,x", f"{n},-1,y")
        lake.run(select="bronze.a silver.catalogued")
    return lake


def test_rows_are_shown_as_they_are_or_were_and_rejected_ones_only_if_they_exist(loaded: Lake) -> None:
    project, spark = loaded.project(), loaded.spark

    def shown(**options: object) -> list[dict[str, object]]:
        return lakehouse.show(project, "silver.catalogued", spark=spark, **options)  # type: ignore[arg-type]

    assert sorted(r["id"] for r in shown()) == [1, 2]  # type: ignore[type-var]
    assert shown(version=1) == [{"id": 1, "n": 10}]
    assert shown(version=0, count=True) == [{"rows": 0}]
    assert len(shown(rows=1)) == 1
    written = Path(loaded.path("silver.catalogued"), "_delta_log", f"{1:020}.json").stat().st_mtime
    at = datetime.fromtimestamp(written + 0.002, UTC)
    assert shown(timestamp=f"{at:%Y-%m-%d %H:%M:%S.%f}") == [{"id": 1, "n": 10}]

    path = loaded.path("silver.catalogued_quarantine")
    dead = Signature(loaded.log("silver.catalogued").table_id or "", "died", "dead", "data", 3, 2, "", {})
    commits.plan(loaded.control, dead, table="silver.catalogued")
    session = spark.newSession()
    companions.append(session, path, session.sql("SELECT 9 AS id, 3L AS _batch, 'dead' AS _attempt"), dead, {})
    assert loaded.rows("silver.catalogued_quarantine", "id") == [(1,), (2,), (9,)]
    assert [r["id"] for r in lakehouse.quarantine(project, "silver.catalogued", spark=spark)] == [2, 1], "newest first"
    assert lakehouse.show(project, "silver.catalogued_quarantine", count=True, spark=spark) == [{"rows": 2}]
    loaded.file("3.csv", "3,30,z")
    loaded.run(select="bronze.a silver.catalogued")
    left = loaded.rows("silver.catalogued_quarantine", "id")
    assert left == [(1,), (2,)], "once another has committed 3, the row of the dead attempt is removed"

    with pytest.raises(StepError, match=r"gold\.never does not exist yet"):
        lakehouse.show(project, "gold.never", spark=spark)
    with pytest.raises(SpecError, match=r"did you mean 'silver\.catalogued'"):
        lakehouse.show(project, "silver.catalogue", spark=spark)

    # a session knows the tables that exist, by their names, and makes none
    before = loaded.versions()
    known = lakehouse.session(project, spark)
    assert known is spark
    assert known.table("silver.catalogued").count() == 3
    assert known.table("silver.catalogued_quarantine").count() == 2
    assert not known.catalog.tableExists("gold.never")
    assert not loaded.exists("gold.never")
    assert loaded.versions() == before
    assert lakehouse.session(project, spark).table("bronze.a").count() >= 1, "twice is once"


def test_a_name_that_stands_for_a_table_elsewhere_is_refused_and_not_read_in_its_place(lake: Lake) -> None:
    lake.bronze()
    lake.file("1.csv", "1,10,x")
    lake.tables(silver={"elsewhere": "from: bronze.a"})
    lake.run()
    lake.spark.sql("CREATE DATABASE IF NOT EXISTS silver")
    lake.spark.sql(f"CREATE TABLE silver.elsewhere (other INT) USING delta LOCATION '{lake.root}/other'")
    with pytest.raises(MachineError, match=r"silver\.elsewhere is .*/other in this session's catalog"):
        lakehouse.session(lake.project(), lake.spark)
