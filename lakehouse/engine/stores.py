"""Object stores for Spark: the environment's `storage` in Hadoop's words, and Hadoop's file systems opened by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError, StepError
from lakehouse.lake.errors import causes, translate
from lakehouse.sources.filesystem import for_spark, s3_settings, scheme_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HADOOP = "3.4.2"
"""The Hadoop that pyspark 4.1.4 brings; a connector must have the same version."""
_AWS_SDK = "2.29.52"
S3_PACKAGES = (
    f"org.apache.hadoop:hadoop-aws:{HADOOP}",
    *(f"software.amazon.awssdk:{name}:{_AWS_SDK}" for name in ("s3", "s3-transfer-manager", "sts", "apache-client")),
)
"""What Spark needs for `s3://`: 18 MB, for the parts that are used, where the whole of AWS's library has 600."""
S3_EXCLUDES = ("software.amazon.awssdk:bundle", "org.slf4j:slf4j-api", "org.apache.hadoop:hadoop-common")
"""What these packages ask for, and what is there already or not used."""

_S3A = "fs.s3a."
_BY_KEYS = ",".join(
    f"org.apache.hadoop.fs.s3a.{name}AWSCredentialsProvider" for name in ("Temporary", "Simple")
)  # the first takes keys with a token, the second those without
_MISSING = ("ClassNotFoundException", "NoClassDefFoundError", "UnsupportedFileSystemException")


def for_hadoop(storage: Mapping[str, str], path: str) -> dict[str, str]:
    """The store's settings as Hadoop's file systems for the path know them; empty for a local path.

    What a store is opened with belongs together: keys in `storage` leave no other way to log in.
    """
    scheme = scheme_of(path)
    if scheme in ("s3", "s3a"):
        return _s3(s3_settings(storage))
    if scheme in ("abfs", "abfss"):
        host = path.split("://", 1)[1].partition("/")[0].partition("@")[2]
        key = {name.lower(): value for name, value in storage.items()}.get("azure_storage_account_key")
        if key and host:
            return {f"fs.azure.account.auth.type.{host}": "SharedKey", f"fs.azure.account.key.{host}": key}
    return {}


def _s3(found: Mapping[str, str]) -> dict[str, str]:
    out = {}
    if "access_key" in found:
        out = {
            "access.key": found["access_key"],
            "secret.key": found["secret_key"],
            "session.token": found.get("session_token", ""),
            "aws.credentials.provider": _BY_KEYS,
        }
    if "region" in found:
        out["endpoint.region"] = found["region"]
    if "endpoint" in found:
        out |= {"endpoint": found["endpoint"], "path.style.access": "true"}
    return {_S3A + name: value for name, value in out.items()}


def open_store(session: SparkSession, path: str, settings: Mapping[str, str]) -> None:
    """See that Hadoop has a file system for the path, and that it is opened with these settings.

    Hadoop opens a bucket once per process and keeps it, whatever settings come later: one that was opened with others
    is closed, so that the next to ask opens it anew. Raises StepError when Spark has no file system for the path.
    """
    scheme = scheme_of(path)
    if scheme in ("", "file"):
        return
    java: Any = session._jvm
    bucket = path.split("://", 1)[1].partition("/")[0]
    conf = session._jsparkSession.sessionState().newHadoopConf()
    try:
        found = java.org.apache.hadoop.fs.FileSystem.get(java.java.net.URI(for_spark(f"{scheme}://{bucket}/")), conf)
    except Exception as error:
        raise _unusable(error, scheme, f"{scheme}://{bucket}", _version(java)) from error
    used = found.getConf()
    # a setting of the bucket's own is what Hadoop takes first
    wanted = {n: v for n, v in settings.items() if conf.get(n.replace(_S3A, f"{_S3A}bucket.{bucket}.")) in (None, v)}
    if any((used.get(name) or "") != value for name, value in wanted.items()):
        found.close()


def _version(java: Any) -> str:
    return str(java.org.apache.hadoop.util.VersionInfo.getVersion())


def _unusable(error: Exception, scheme: str, place: str, hadoop: str) -> LakehouseError:
    chain = causes(error)
    missing = next((cause for cause in chain if cause.type in _MISSING), None)
    if missing is None:
        return translate(error, f"Spark cannot open {place}")
    return StepError(
        f"Spark has no file system for {scheme}://, of which {place} is: {missing.message}",
        code="store.connector",
        fix=_packages(scheme, hadoop) + "; a session that is handed over has to be started with them",
    )


def _packages(scheme: str, hadoop: str) -> str:
    if scheme in ("s3", "s3a") and hadoop == HADOOP:
        return (
            f"write under `spark: {{conf: …}}` of the environment `spark.jars.packages: {','.join(S3_PACKAGES)}` and "
            f"`spark.jars.excludes: {','.join(S3_EXCLUDES)}`"
        )
    modules = {"s3": "aws", "s3a": "aws", "abfs": "azure", "abfss": "azure"}
    if scheme in modules:
        package = f"org.apache.hadoop:hadoop-{modules[scheme]}:{hadoop}"
        return f"write `spark.jars.packages: {package}` under `spark: {{conf: …}}` of the environment"
    return f"name the jars of a connector for {scheme}:// in `spark.jars` under `spark: {{conf: …}}` of the environment"
