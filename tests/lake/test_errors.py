"""What Spark, Delta and Python raise becomes one of our errors, with its class, its message and what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse import redaction
from lakehouse.errors import DataError, LakehouseError, StepError, TransientError
from lakehouse.lake.errors import causes, is_conflict, translate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def raised(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (any error is what is looked at)
        call()
    return caught.value


def translated(call: Callable[[], Any]) -> LakehouseError:
    return translate(raised(call), "silver.t")


class Java:
    """An exception as py4j shows it."""

    def __init__(self, name: str, message: str, cause: Java | None = None, condition: str = "") -> None:
        self.name, self.message, self.cause, self.condition = name, message, cause, condition

    def getClass(self) -> Java:  # noqa: N802
        return self

    def getName(self) -> str:  # noqa: N802
        return self.name

    def getMessage(self) -> str:  # noqa: N802
        return self.message

    def getCause(self) -> Java | None:  # noqa: N802
        return self.cause

    def getCondition(self) -> str:  # noqa: N802
        return self.condition


class Py4JJavaError(Exception):
    def __init__(self, java: Java) -> None:
        super().__init__("An error occurred while calling o872.save.")
        self.java_exception = java


# --- real ones -----------------------------------------------------------------------------------------------------


def test_a_division_by_zero_has_its_class_its_words_and_the_try_twin(spark: SparkSession) -> None:
    found = translated(lambda: spark.range(1).selectExpr("1 / id").collect())
    assert type(found) is StepError
    assert found.code == "DIVIDE_BY_ZERO"
    assert found.message.startswith("silver.t: ")
    assert "ivision by zero" in found.message
    assert "try_" in found.fix
    assert "JVM stacktrace" not in str(found)
    assert "SQLSTATE" not in str(found)


def test_a_cast_shows_the_value_that_does_not_fit(spark: SparkSession) -> None:
    found = translated(lambda: spark.sql("SELECT 'x12' AS t").selectExpr("cast(t AS int)").collect())
    assert found.code == "CAST_INVALID_INPUT"
    assert "'x12'" in found.message
    assert "try_" in found.fix


def test_a_missing_path_is_named(spark: SparkSession, tmp_path: Path) -> None:
    found = translated(lambda: spark.read.csv(str(tmp_path / "nowhere")).count())
    assert found.code == "PATH_NOT_FOUND"
    assert str(tmp_path / "nowhere") in found.message
    assert found.fix == ""


def test_a_column_that_is_not_there_is_an_analysis_error_and_never_passes(spark: SparkSession) -> None:
    found = translated(lambda: spark.range(1).select("nothing"))
    assert found.code.startswith("UNRESOLVED_COLUMN")
    assert "nothing" in found.message
    assert not isinstance(found, TransientError)


def test_an_error_inside_a_task_is_told_by_its_innermost_cause(spark: SparkSession, tmp_path: Path) -> None:
    """A NULL in a NOT NULL column: Delta raises it in a task, wrapped by Spark several times."""
    path = str(tmp_path / "t")
    spark.sql(f"CREATE TABLE delta.`{path}` (id INT NOT NULL) USING delta")
    rows = spark.range(2).selectExpr("cast(nullif(id, 1) AS int) AS id")
    found = translated(lambda: rows.write.format("delta").mode("append").save(path))
    assert type(found) is StepError
    assert found.code == "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    assert "NOT NULL constraint violated for column: id" in found.message
    assert "An error occurred while calling" not in found.message


def test_s102_a_write_conflict_of_delta_may_pass(spark: SparkSession, tmp_path: Path) -> None:
    """Two statements change the same file: the slower one has read what is gone when it commits."""
    path = str(tmp_path / "t")
    spark.range(1).write.format("delta").save(path)
    errors: list[BaseException] = []

    def update(n: int) -> None:
        try:
            spark.newSession().sql(f"UPDATE delta.`{path}` SET id = id + {n}").collect()
        except Exception as error:  # what it is, is asked below
            errors.append(error)

    for _ in range(5):
        threads = [threading.Thread(target=update, args=(n,)) for n in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            break
    assert errors, "no two of the updates met"
    found = translate(errors[0], "silver.t")
    assert isinstance(found, TransientError), found
    assert is_conflict(errors[0])


# --- Python, and what cannot be had here ---------------------------------------------------------------------------


def test_errors_of_python_keep_their_type_name() -> None:
    assert translated(lambda: {}["x"]).message == "silver.t: KeyError: 'x'"
    assert translated(lambda: int("x")).code == "ValueError"
    assert not is_conflict(ValueError("x"))


def test_our_own_errors_pass_as_they_are() -> None:
    ours = DataError("x")
    assert translate(ours, "silver.t") is ours


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("io.delta.exceptions.ConcurrentAppendException", "[DELTA_CONCURRENT_APPEND] files were added"),
        ("org.apache.spark.SparkException", "Job aborted: ExecutorLostFailure (executor 3 exited)"),
        ("java.net.SocketTimeoutException", "Read timed out"),
        ("com.amazonaws.AmazonS3Exception", "Please reduce your request rate. (Service: S3; Error Code: SlowDown)"),
        ("org.apache.hadoop.fs.s3a.AWSServiceThrottledException", "Status Code: 503 Service Unavailable"),
        ("org.apache.hadoop.fs.azurebfs.AbfsRestOperationException", "429 Too Many Requests"),
    ],
)
def test_s102_lost_executors_throttling_networks_and_conflicts_may_pass(name: str, message: str) -> None:
    outer = Java("org.apache.spark.SparkException", "Job aborted.", Java(name, message))
    assert isinstance(translate(Py4JJavaError(outer), "x"), TransientError)


@pytest.mark.parametrize("value", ["429 Main Street", "room 1429 is taken", "503 Servicemen"])
def test_s102_an_error_about_data_never_passes_whatever_the_data_say(value: str) -> None:
    message = f'[CAST_INVALID_INPUT] The value \'{value}\' of the type "STRING" cannot be cast to "INT".'
    error = Py4JJavaError(Java("org.apache.spark.SparkNumberFormatException", message, condition="CAST_INVALID_INPUT"))
    assert not isinstance(translate(error, "x"), TransientError)


def test_the_innermost_cause_that_has_a_class_is_told() -> None:
    inner = Java(
        "x.SparkArithmeticException", "[DIVIDE_BY_ZERO] no", Java("java.lang.Error", "below"), "DIVIDE_BY_ZERO"
    )
    error = Py4JJavaError(Java("x.SparkException", "[TASK_WRITE_FAILED] outer", inner, "TASK_WRITE_FAILED"))
    assert [c.type for c in causes(error)] == ["SparkException", "SparkArithmeticException", "Error"]
    assert translate(error, "x").code == "DIVIDE_BY_ZERO"


def test_causes_that_go_round_in_a_circle_end() -> None:
    one = Java("A", "a")
    one.cause = Java("B", "b", one)
    assert len(causes(Py4JJavaError(one))) <= 30


def test_messages_of_others_show_no_secret() -> None:
    redaction.hide("hunter22")
    error = OSError("login with hunter22")
    assert causes(error)[0].message == "login with ***"
    assert translate(error, "silver.s").message == "silver.s: OSError: login with ***"


RAISES = {
    "CAST_INVALID_INPUT": ("'Smith77'", "cast(v AS int)"),
    "CAST_OVERFLOW": ("771234567890L", "cast(v AS int)"),
    "NUMERIC_VALUE_OUT_OF_RANGE": ("7712345.5BD", "cast(v AS decimal(5,2))"),
    "CANNOT_PARSE_TIMESTAMP": ("'Smith77'", "to_timestamp(v, 'yyyy-MM-dd')"),
    "DATETIME_FIELD_OUT_OF_BOUNDS": ("77", "make_date(2013, v, 1)"),
    "INVALID_FORMAT": ("'Smith77'", "to_number(v, '999')"),
    "INVALID_URL": ("'http://Smith77 x'", "parse_url(v, 'HOST')"),
    "MALFORMED_RECORD_IN_PARSING": ("'{Smith77'", "from_json(v, 'a int', map('mode', 'FAILFAST'))"),
    "USER_RAISED_EXCEPTION": (
        "'Smith77'",
        """raise_error('late row: silver.t has, of the key {"a":"' || v || '"}, x')""",
    ),
}


@pytest.mark.parametrize("condition", RAISES)
def test_s60_what_errors_quote_of_rows_is_hidden_where_a_column_is_marked(spark: SparkSession, condition: str) -> None:
    value, expression = RAISES[condition]
    frame = spark.range(0, 4, 1, 2).selectExpr(f"IF(id < 9, {value}, NULL) AS v").selectExpr(f"{expression} AS x")
    redaction.hide_rows()
    told = translated(lambda: frame.write.format("noop").mode("overwrite").save()).message
    assert condition in told
    assert "***" in told
    assert "77" not in told
