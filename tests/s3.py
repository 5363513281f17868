"""A real S3 API server on this machine, its objects in its memory. `python -m tests.s3` fetches what it needs, once."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.engine import jvm, stores
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

S3PROXY = "4.1.0"
_OTHER_STORES = (
    "com.google.[ac]*:*", "com.google.http*:*", "com.google.oauth*:*", "com.google.protobuf:*", "com.azure:*",
    "com.microsoft.*:*", "com.github.openstack4j*:*", "com.squareup*:*", "io.*:*", "net.java.dev.jna:*",
    "org.apache.sshd:*",
)  # fmt: skip
_QUIET = '<configuration><root level="OFF"/></configuration>'
_PATIENCE = 60
"""Seconds in which the server has to answer; it takes one."""


@dataclass(frozen=True)
class Server:
    """Where it is, and the keys that it takes."""

    port: int
    key: str
    secret: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self) -> dict[str, str]:
        """`storage` of an environment."""
        return {
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
            "aws_region": "us-east-1",
            "aws_endpoint_url": self.endpoint,
        }

    @cached_property
    def files(self) -> S3FileSystem:
        """The store by another way than the library's."""
        from pyarrow.fs import S3FileSystem

        return S3FileSystem(
            access_key=self.key,
            secret_key=self.secret,
            region="us-east-1",
            scheme="http",
            endpoint_override=f"127.0.0.1:{self.port}",
            allow_bucket_creation=True,
        )

    def bucket(self, name: str = "") -> str:
        """A new bucket."""
        name = name or f"bucket-{secrets.token_hex(8)}"
        self.files.create_dir(name)
        return name

    def put(self, bucket: str, **objects: bytes | str) -> None:
        """Objects by their keys."""
        for key, data in objects.items():
            with self.files.open_output_stream(f"{bucket}/{key}", compression=None) as stream:
                stream.write(data.encode() if isinstance(data, str) else data)

    def names(self, bucket: str, folder: str = "") -> list[str]:
        """Keys of all objects below a folder that have bytes, sorted."""
        from pyarrow.fs import FileSelector

        infos = self.files.get_file_info(FileSelector(f"{bucket}/{folder}", recursive=True, allow_not_found=True))
        return sorted(info.path.removeprefix(f"{bucket}/") for info in infos if info.is_file)


def server_jars() -> list[Path]:
    """The jars of the server; raises MachineError when they are not there and cannot be fetched."""
    folder = jvm.cache() / "jars" / f"s3proxy-{S3PROXY}"
    return jvm.fetched(
        folder, f"the S3 server of the tests (s3proxy {S3PROXY})", [f"org.gaul:s3proxy:{S3PROXY}"], _OTHER_STORES
    )


def spark_jars() -> list[Path]:
    """The jars by which Spark reads `s3://`, those that the documentation names; raises MachineError likewise."""
    folder = jvm.cache() / "jars" / f"hadoop-aws-{stores.HADOOP}"
    return jvm.fetched(folder, f"hadoop-aws {stores.HADOOP}", stores.S3_PACKAGES, stores.S3_EXCLUDES)


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """The server, until the end; its settings and what it prints are in the folder."""
    server = Server(_free_port(), "test-id", secrets.token_hex(16))
    (folder / "logback.xml").write_text(_QUIET)
    settings = {
        "s3proxy.endpoint": server.endpoint,
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": server.key,
        "s3proxy.credential": server.secret,
        "jclouds.provider": "transient-nio2",
        "jclouds.identity": "unused",
        "jclouds.credential": "unused",
    }
    (folder / "s3proxy.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [
        str(jvm.find_java().home / "bin" / "java"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m",
        f"-Dlogback.configurationFile={folder / 'logback.xml'}", "-cp", ":".join(map(str, server_jars())),
        "org.gaul.s3proxy.Main", "--properties", str(folder / "s3proxy.conf"),
    ]  # fmt: skip
    with (folder / "s3proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(process, server, folder / "s3proxy.log")
        yield server
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], server: Server, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the S3 server ended: {log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the S3 server does not answer after {_PATIENCE} s: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    try:
        server_jars()
        spark_jars()
    except LakehouseError as error:
        sys.exit(f"error: {error}")
