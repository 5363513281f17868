"""`storage` in Hadoop's words, and file systems that were opened with other settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest
import yaml

from lakehouse.engine import jvm, stores
from lakehouse.engine.stores import for_hadoop, open_store
from lakehouse.errors import MachineError, StepError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
LOGIN = {
    "fs.s3a.access.key": "k",
    "fs.s3a.secret.key": "s",
    "fs.s3a.session.token": "",
    "fs.s3a.aws.credentials.provider": (
        "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider,org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
    ),
}
ABFSS = "abfss://box@acc.dfs.core.windows.net/in"


@pytest.mark.parametrize(
    ("storage", "path", "wanted"),
    [
        ({}, "s3://b/k", {}),
        (KEYS, "/in", {}),
        (KEYS, "file:///in", {}),
        (KEYS, "", {}),
        (KEYS, "s3://b/k", LOGIN),
        ({"AWS_ACCESS_KEY_ID": "k", "secret_access_key": "s"}, "s3a://b/k", LOGIN),
        (KEYS | {"aws_session_token": "t"}, "s3://b/k", LOGIN | {"fs.s3a.session.token": "t"}),
        ({"aws_region": "eu-west-1"}, "s3://b/k", {"fs.s3a.endpoint.region": "eu-west-1"}),
        (
            {"aws_endpoint_url": "http://localhost:9000", "region": "x"},
            "s3://b/k",
            {
                "fs.s3a.endpoint": "http://localhost:9000",
                "fs.s3a.endpoint.region": "x",
                "fs.s3a.path.style.access": "true",
            },
        ),
        (KEYS, ABFSS, {}),
        (
            {"azure_storage_account_key": "a"},
            ABFSS,
            {
                "fs.azure.account.auth.type.acc.dfs.core.windows.net": "SharedKey",
                "fs.azure.account.key.acc.dfs.core.windows.net": "a",
            },
        ),
        ({"azure_storage_account_key": "a"}, "abfss://box/in", {}),
        (KEYS, "gs://b/k", {}),
    ],
)
def test_storage_in_hadoops_words(storage: dict[str, str], path: str, wanted: dict[str, str]) -> None:
    assert for_hadoop(storage, path) == wanted


@pytest.mark.parametrize(
    ("half", "other"),
    [("aws_access_key_id", "aws_secret_access_key"), ("aws_secret_access_key", "aws_access_key_id")],
)
def test_half_a_pair_of_keys_is_refused(half: str, other: str) -> None:
    with pytest.raises(MachineError, match=f"`storage` has `{half}` and no `{other}`") as raised:
        for_hadoop({half: "x"}, "s3://b/k")
    assert raised.value.code == "store.access"


def test_the_packages_are_for_the_hadoop_that_pyspark_brings() -> None:
    found = [path.name for path in (jvm.spark_home() / "jars").glob("hadoop-client-api-*.jar")]
    assert found == [f"hadoop-client-api-{stores.HADOOP}.jar"]


def test_the_page_has_the_packages_and_each_setting() -> None:
    page = Path(stores.__file__).parents[2].joinpath("docs/environments.md").read_text()
    (block,) = (text for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "jars" in text)
    conf = yaml.safe_load(block)["spark"]["conf"]
    assert conf == {
        "spark.jars.packages": ",".join(stores.S3_PACKAGES),
        "spark.jars.excludes": ",".join(stores.S3_EXCLUDES),
    }
    storage = dict.fromkeys(re.findall(r"`((?:aws|azure)_\w+)`", page), "x")
    for name in [*for_hadoop(storage, "s3://b/k"), *for_hadoop(storage, "abfss://c@<host>/k")]:
        assert name in page or name == "fs.s3a.aws.credentials.provider", name


def hadoop(opened_with: dict[str, str], **session: str | None) -> tuple[MagicMock, MagicMock]:
    """A session, and the file system that Hadoop has opened for it."""
    spark, system = MagicMock(), MagicMock()
    spark._jvm.org.apache.hadoop.fs.FileSystem.get.return_value = system
    spark._jsparkSession.sessionState().newHadoopConf().get.side_effect = session.get
    system.getConf().get.side_effect = opened_with.get
    return spark, system


@pytest.mark.parametrize(
    ("opened_with", "session", "closed"),
    [
        (LOGIN, {}, False),
        (LOGIN | {"fs.s3a.access.key": "old"}, {}, True),
        ({}, {}, True),
        ({n: v for n, v in LOGIN.items() if v}, {}, False),
        # the bucket's own setting, which Hadoop takes first, whatever ours is
        (LOGIN | {"fs.s3a.access.key": "own"}, {"fs.s3a.bucket.b.access.key": "own"}, False),
    ],
)
def test_a_file_system_that_was_opened_with_other_settings_is_closed(
    opened_with: dict[str, str], session: dict[str, str], closed: bool
) -> None:
    spark, system = hadoop(opened_with, **session)
    open_store(spark, "s3://b/in/a b", LOGIN)
    assert system.close.called is closed
    spark._jvm.java.net.URI.assert_called_once_with("s3a://b/")


def test_local_paths_ask_nobody() -> None:
    for path in ("/in", "", "file:///in"):
        open_store(None, path, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("s3a://b/k", ["hadoop-aws:3.4.2", "software.amazon.awssdk:sts:", "spark.jars.excludes", "handed over"]),
        (ABFSS, ["org.apache.hadoop:hadoop-azure:3.4.2"]),
        ("gs://b/k", ["a connector for gs://"]),
    ],
)
def test_a_store_without_its_connector_is_told_with_the_packages(
    spark: SparkSession, path: str, names: list[str]
) -> None:
    with pytest.raises(StepError, match=f"Spark has no file system for {path.partition(':')[0]}://") as raised:
        open_store(spark, path, {})
    assert raised.value.code == "store.connector"
    for name in names:
        assert name in raised.value.fix
