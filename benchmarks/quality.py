"""What rules cost: a Silver step with 20 row rules beside the same without, and beside Great Expectations on the rows.

    python benchmarks/quality.py [--rows 3000000] [--rounds 3] [--bad 0.0005]

All in one session on the same Bronze table, of which each round appends the whole to a table of its own.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.engine.results import StepResult

SCHEMA = "{id: bigint, k: int, n: int, amount: double, price: 'decimal(12,2)', name: string, mail: string, day: date}"
RULES: dict[str, dict[str, Any]] = {
    "id": {"expect_column_values_to_not_be_null": {"column": "id"}},
    "id_range": {"expect_column_values_to_be_between": {"column": "id", "min_value": 0, "max_value": 10**12}},
    "k": {"expect_column_values_to_not_be_null": {"column": "k"}},
    "k_range": {"expect_column_values_to_be_between": {"column": "k", "min_value": 0, "max_value": 1000}},
    "k_set": {"expect_column_values_to_not_be_in_set": {"column": "k", "value_set": [-1, -2, 99999]}},
    "n": {"expect_column_values_to_not_be_null": {"column": "n"}},
    "n_range": {"expect_column_values_to_be_between": {"column": "n", "min_value": 0, "max_value": 10**9}},
    "amount": {"expect_column_values_to_not_be_null": {"column": "amount"}},
    "amount_range": {"expect_column_values_to_be_between": {"column": "amount", "min_value": 0, "max_value": 1e7}},
    "price": {"expect_column_values_to_not_be_null": {"column": "price"}},
    "price_range": {"expect_column_values_to_be_between": {"column": "price", "min_value": 0, "max_value": 10**8}},
    "name": {"expect_column_values_to_not_be_null": {"column": "name"}},
    "name_length": {"expect_column_value_lengths_to_be_between": {"column": "name", "min_value": 3, "max_value": 40}},
    "name_shape": {"expect_column_values_to_match_regex": {"column": "name", "regex": "^name"}},
    "mail": {"expect_column_values_to_not_be_null": {"column": "mail"}},
    "mail_shape": {"expect_column_values_to_match_regex": {"column": "mail", "regex": "^[^@]+@[^@]+$"}},
    "mail_length": {"expect_column_value_lengths_to_be_between": {"column": "mail", "min_value": 5, "max_value": 80}},
    "day": {"expect_column_values_to_not_be_null": {"column": "day"}},
    "pair": {"expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "n", "column_B": "k", "or_equal": True}},
    "record": {"expect_select_column_values_to_be_unique_within_record": {"column_list": ["name", "mail"]}},
}
"""The rules, by name; as Great Expectations has them."""


def main() -> None:
    """Measure the rounds and print medians."""
    parser = argparse.ArgumentParser(description="What 20 row rules cost, beside none and beside Great Expectations.")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bad", type=float, default=0.0005, help="share of rows that break a rule (default 0.0005)")
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        measure(base, options.rows, options.rounds, options.bad)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def measure(base: Path, rows: int, rounds: int, bad: float) -> None:
    """Load Bronze once, then each round write it to three tables of its own."""
    from lakehouse.engine import session

    spark = session.build(master="local[*]", conf={})
    spark.sparkContext.setLogLevel("ERROR")
    tables = ("plain", "clean", "ruled")
    for folder in ("pipelines", "configs"):
        (base / folder).mkdir()
    (base / "configs" / "local.yaml").write_text("lake: ./lake\n")
    write_pipeline(base, rounds)
    land(spark, base / "landing", rows, bad)
    run(base, spark, "bronze.rows")
    seconds: dict[str, list[float]] = {name: [] for name in tables}
    for number in range(rounds + 1):  # the first one warms up
        for name in tables:
            took = run(base, spark, f"silver.{name}_{number}").seconds
            if number:
                seconds[name].append(took)
    asked = [timed(lambda: great_expectations(stored(spark, base))) for _ in range(2)][-1]
    plain, clean, ruled = (median(seconds[name]) for name in tables)
    print(f"{rows:,} rows, medians of {rounds} rounds")
    print(f"without rules                          {plain:7.2f} s")
    print(f"20 rules that only warn                {clean:7.2f} s   {clean / plain:5.2f} of it")
    print(f"20 rules with quarantine               {ruled:7.2f} s   {ruled / plain:5.2f} of it   goal 1.25")
    print(f"Great Expectations, the 20 rules       {asked:7.2f} s")
    print(f"   beside the whole step with them     {asked / ruled:7.2f} times as long")
    print(f"   beside what they add to the step    {asked / max(ruled - plain, 0.01):7.2f} times as long   goal 5")


def write_pipeline(base: Path, rounds: int) -> None:
    """Bronze, and of each kind of Silver table one for each round."""
    lines = ["pipeline: p", "run: {max_parallel: 1}", "bronze:", "  rows: {source: {format: parquet, path: landing}}"]
    lines.append("silver:")
    for number in range(rounds + 1):
        for name, action in (("plain", ""), ("clean", "warn"), ("ruled", "quarantine")):
            lines += [f"  {name}_{number}:", "    from: bronze.rows", f"    schema: {SCHEMA}"]
            if action:
                lines += [
                    "    expectations:",
                    *(f"      {n}: {rule | {'on_violation': action}}" for n, rule in RULES.items()),
                ]
    (base / "pipelines" / "p.yaml").write_text("\n".join(lines).replace("'or_equal': True", "or_equal: true") + "\n")


def land(spark: SparkSession, folder: Path, rows: int, bad: float) -> None:
    """One Parquet file of rows, of which this share breaks a rule."""
    every = max(1, round(1 / bad)) if bad else 0
    wrong = f"id % {every} = 0" if every else "false"
    frame = spark.range(rows).selectExpr(
        "id",
        "cast(id % 1000 AS int) AS k",
        "cast(id % 977 * 1000 + 1000 AS int) AS n",
        "id * 0.25 AS amount",
        "cast(id % 100000 AS decimal(12,2)) AS price",
        f"IF({wrong}, NULL, concat('name of ', id)) AS name",
        "concat('person', id, '@example.org') AS mail",
        "date_add(DATE'2020-01-01', cast(id % 1000 AS int)) AS day",
    )
    frame.selectExpr("*").coalesce(2).write.parquet(str(folder))


def run(base: Path, spark: SparkSession, table: str) -> StepResult:
    """One step of the library; raises RuntimeError when it fails."""
    import lakehouse as lh

    result = lh.run(lh.load(root=base), spark=spark, select=table)
    if not result.ok:
        raise RuntimeError("; ".join(str(step.error) for step in result.steps.values()))
    return result[table]


def stored(spark: SparkSession, base: Path) -> DataFrame:
    """The rows that the rules are about."""
    return spark.read.format("delta").load(str(base / "lake" / "bronze" / "rows"))


def great_expectations(frame: DataFrame) -> None:
    """The rules as Great Expectations checks them, in one suite."""
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
        suite = gx.ExpectationSuite(name="rules")
        for rule in RULES.values():
            ((word, arguments),) = rule.items()
            suite.add_expectation_configuration(ExpectationConfiguration(type=word, kwargs=dict(arguments)))
        asset = context.data_sources.add_spark(name="rows", persist=False).add_dataframe_asset(name="rows")
        batch = asset.add_batch_definition_whole_dataframe("rows").get_batch(batch_parameters={"dataframe": frame})
        results = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}).results
    if len(results) != len(RULES) or any((r.exception_info or {}).get("raised_exception") for r in results):
        raise RuntimeError("Great Expectations could not check all rules")


def timed(call: Callable[[], object]) -> float:
    """How long a call takes, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
