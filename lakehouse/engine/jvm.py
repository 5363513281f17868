"""What Spark needs of the machine: Java, the jars of Delta and Avro, an archive of classes that halves its start.

`python -m lakehouse.engine.jvm` prepares all three once; afterwards no start asks a registry.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lakehouse.errors import LakehouseError, MachineError

OLDEST_JAVA = 17
"""Spark 4.1 does not start on an older one."""
PROVEN_JAVA = range(17, 24)
"""Hadoop still calls the security manager, which Java 24 took away: a newer one is taken only for want of another."""
JAVA_FIX = f"install Java {OLDEST_JAVA} or newer (on Debian and Ubuntu: `apt-get install openjdk-17-jre-headless`)"
SCALA = "2.13"
AVRO = "4.1.1"
"""The version of spark-avro: the newest of Spark 4.1 on Maven Central, which has none of 4.1.2 to 4.1.4."""
OUR_JARS = ("io.delta_", "io.unitycatalog_", "org.apache.spark_spark-avro_")
FOREIGN = (
    "com.*:*", "commons-*:*", "io.airlift:*", "javax.*:*",
    "org.[!a]*:*", "org.apache.[!s]*:*", "org.apache.spark:spark-[!a]*",  # all of `org` but spark-avro
)  # fmt: skip
"""Dependencies that Spark brings along in versions of its own; a second copy would shadow them."""

_TELLING = re.compile(
    r"^(Error(?! occurred during init)|FATAL|E: |Unrecognized)|\w+(Error|Exception):|unresolved dependency|not found\b"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Java:
    """A Java runtime: the folder that has `bin/java`, and its version as `17.0.15`."""

    home: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def find_java() -> Java:
    """The runtime of JAVA_HOME or PATH, or else one of the system's; raises MachineError when none is new enough."""
    found = [java for home in _java_homes() if (java := _java_at(home))]
    proven = (java for java in found if java.major in PROVEN_JAVA)
    newer = (java for java in found if java.major >= OLDEST_JAVA)
    if java := next(itertools.chain(proven, newer), None):
        return java
    seen = "".join(f"; {java.home} is Java {java.version}" for java in found)
    raise MachineError(f"Spark needs Java {OLDEST_JAVA} or newer, and there is none{seen}", code="java", fix=JAVA_FIX)


def _java_homes() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parent.parent
    for pattern in ("usr/lib/jvm/*", "opt/java/*", "Library/Java/JavaVirtualMachines/*/Contents/Home"):
        yield from sorted(home for home in Path("/").glob(pattern) if not home.is_symlink())


def _java_at(home: Path) -> Java | None:
    program = home / "bin" / "java"
    if not program.exists():
        return None
    try:  # reading a file is a hundred times faster than starting Java
        text = (home / "release").read_text()
    except OSError:
        text = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d[\d.]*)', text)
    return Java(home, match.group(1).rstrip(".")) if match else None


def cache() -> Path:
    """Where jars and archives are kept: LAKEHOUSE_CACHE, by default `~/.cache/lakehouse`."""
    return Path(os.environ.get("LAKEHOUSE_CACHE") or Path.home() / ".cache" / "lakehouse").expanduser().resolve()


def spark_home() -> Path:
    """The Spark that pyspark will start: SPARK_HOME, or the one inside the pyspark package (which is not imported)."""
    if home := os.environ.get("SPARK_HOME"):
        return Path(home)
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise MachineError("pyspark is not installed", code="pyspark", fix="install it with `pip install pyspark`")
    return Path(spec.submodule_search_locations[0])


def _jar_folder() -> Path:
    return cache() / "jars" / f"delta-{version('delta-spark')}-avro-{AVRO}-spark-{_spark_minor()}"


def _spark_minor() -> str:
    return ".".join(version("pyspark").split(".")[:2])


def jars() -> list[Path]:
    """The jars of Delta and Avro in the cache, sorted; empty when they were not fetched yet."""
    return sorted(_jar_folder().glob("*.jar"))


def fetch_jars() -> list[Path]:
    """The jars of Delta and Avro, fetched into the cache if they are not there. Raises MachineError when it cannot."""
    delta = f"io.delta:delta-spark_{_spark_minor()}_{SCALA}:{version('delta-spark')}"
    packages = (delta, f"org.apache.spark:spark-avro_{SCALA}:{AVRO}")
    return fetched(_jar_folder(), f"Delta {version('delta-spark')} and Avro {AVRO}", packages, FOREIGN, OUR_JARS)


def fetched(
    folder: Path, name: str, packages: Sequence[str], without: Sequence[str], kept: tuple[str, ...] = ("",)
) -> list[Path]:
    """The jars of Maven's `packages` and what they need, fetched into the folder by Spark's own resolver, once.

    `without` are patterns `group:artifact` of what is not needed; names of files begin with one of `kept`. The resolver
    honours what the machine says about registries: `~/.m2/repository`, DEFAULT_ARTIFACT_REPOSITORY,
    `spark.jars.ivySettings` in `spark-defaults.conf`. Raises MachineError when it cannot.
    """
    if found := sorted(folder.glob("*.jar")):
        return found
    log.warning("fetching %s once into %s", name, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir(mode=0o755)
        for jar in _resolve(folder, name, packages, without):
            if jar.name.startswith(kept):
                shutil.copy(jar, whole)
        try:
            whole.rename(folder)
        except OSError:  # another process was faster
            if not list(folder.glob("*.jar")):
                raise
    return sorted(folder.glob("*.jar"))


def _resolve(folder: Path, name: str, packages: Sequence[str], without: Sequence[str]) -> list[Path]:
    from pyspark import SparkConf
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    use(find_java())
    conf = SparkConf(loadDefaults=False)
    conf.set("spark.jars.packages", ",".join(packages)).set("spark.jars.excludes", ",".join(without))
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            gateway = launch_gateway(conf, {"stdout": output, "stderr": output})  # type: ignore[no-untyped-call]
        except PySparkRuntimeError as error:
            output.seek(0)
            raise MachineError(
                f"the jars of {name} are not in {folder} and cannot be fetched: {reason(output.read())}",
                code="jars",
                fix="run `python -m lakehouse.engine.jvm` (`make setup`; the tests' own: `make test`) where Maven "
                "Central or the mirror named by DEFAULT_ARTIFACT_REPOSITORY is reached, or name jars of your own in "
                "`spark.jars`",
            ) from error
        resolved = str(gateway.jvm.java.lang.System.getProperty("spark.jars") or "")
        end(gateway)
    return [Path(url.removeprefix("file:")) for url in resolved.split(",") if url]


def reason(output: str) -> str:
    """The line of a Java program's output that tells best why it ended."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["Java ended without a word"])[-1]


def use(java: Java) -> None:
    """Let Spark's start script take this runtime."""
    os.environ["JAVA_HOME"] = str(java.home)


def end(gateway: object) -> None:
    """End the JVM behind a gateway of pyspark and wait until it has written what it writes on exit."""
    gateway.shutdown()  # type: ignore[attr-defined]
    process: subprocess.Popen[bytes] = gateway.proc  # type: ignore[attr-defined]
    if process.stdin:
        process.stdin.close()  # the JVM ends when its input does
    process.wait()


def archive(java: Java) -> Path:
    """Where the class archive for this Java, Spark and Delta is or would be; Java refuses one made for others."""
    home = spark_home()
    parts = [java.home, java.version, home, (home / "jars").stat().st_mtime_ns, version("pyspark"), *jars()]
    key = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
    return cache() / "classes" / f"{key}.jsa"


def archive_options(java: Java) -> list[str]:
    """JVM options that use the archive when there is one, and never print or fail when it does not fit."""
    made = archive(java)
    return [f'"-XX:SharedArchiveFile={made}"', "-Xshare:auto", "-Xlog:disable"] if made.exists() else []


def spawn_options(java: Java) -> list[str]:
    """JVM options that make starting a process cheaper.

    Hadoop without its native library starts `chmod` and `readlink` for every local file, two dozen for one Delta
    commit, and by default Java starts each through a helper program: a commit takes a sixth less without it.
    """
    known = sys.platform == "linux" and java.major in PROVEN_JAVA
    return ["-Djdk.lang.Process.launchMechanism=VFORK"] if known else []


def make_archive(java: Java) -> Path:
    """Run a small job of every kind in a JVM that writes the classes it loaded when it ends; about half a minute."""
    made = archive(java)
    made.parent.mkdir(parents=True, exist_ok=True)
    for note in made.parent.glob("*.spark"):  # archives whose Spark is gone are never used again
        if not Path(note.read_text()).is_dir():
            note.with_suffix(".jsa").unlink(missing_ok=True)
            note.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        written = Path(scratch) / "classes.jsa"
        command = [sys.executable, "-m", "lakehouse.engine.warm_up", scratch, str(written)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not written.exists():
            raise MachineError(
                f"the class archive was not written: {reason(done.stdout + done.stderr)}",
                code="archive",
                fix="Spark runs without it, only its start takes twice as long",
            )
        written.replace(made)
    made.with_suffix(".spark").write_text(str(spark_home()))
    return made


def install_java() -> None:
    """Install a runtime from the packages of Debian or Ubuntu; raises MachineError when we may or can not."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MachineError(f"Spark needs Java {OLDEST_JAVA} or newer, and there is none", code="java", fix=JAVA_FIX)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    names = ("openjdk-17-jre-headless", "openjdk-21-jre-headless", "default-jre-headless")
    said = ""
    for command in (["update", "-q"], *(["install", "-q", "-y", "--no-install-recommends", name] for name in names)):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
        if done.returncode == 0 and command[0] == "install":
            return
    raise MachineError(f"apt-get cannot install Java: {reason(said)}", code="java", fix=JAVA_FIX)


def prepare(*, may_install: bool) -> Iterator[str]:
    """Do what is missing; a line for each thing done, nothing when all was there."""
    try:
        java = find_java()
    except MachineError:
        if not may_install:
            raise
        yield "installing Java from the system's packages"
        install_java()
        java = find_java()
    if not jars():
        fetch_jars()
        yield f"Delta {version('delta-spark')}, Avro {AVRO}: {len(jars())} jars in {_jar_folder()}"
    if not archive(java).exists():
        yield f"making the class archive of Java {java.version} once: it halves every start"
        started = time.monotonic()
        made = make_archive(java)
        size = made.stat().st_size / 1e6
        yield f"class archive: {size:.0f} MB in {time.monotonic() - started:.0f} s, {made}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `python -m lakehouse.engine.jvm`; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lakehouse.engine.jvm", description=__doc__)
    parser.add_argument("--install-java", action="store_true", help="when Java is missing, install it (root, apt-get)")
    chosen = parser.parse_args(arguments)
    try:
        for line in prepare(may_install=chosen.install_java):
            print(line, flush=True)
    except LakehouseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
