"""What differs between machines: `configs/base.yaml` under `configs/<env>.yaml`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from lakehouse import redaction
from lakehouse.errors import nearest
from lakehouse.model import LATER, Model, SomeTime, TextMap
from lakehouse.names import CONTROL, TableName
from lakehouse.spec.late import filled
from lakehouse.spec.leaves import PROVIDERS, Provider
from lakehouse.spec.secrets import is_secret
from lakehouse.spec.vault import Vault

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(path: str) -> bool:
    """Whether the path names an object store or another scheme, not a local folder."""
    return bool(_URL.match(path))


class Catalog(Model):
    """`lake: {catalog, schema, path}`: a lake whose tables a metastore knows."""

    available: ClassVar[bool] = False

    catalog: str
    """The catalog's name."""
    schema_: str = Field("${layer}", alias="schema")
    """The schema of each layer; `${layer}` is the layer's name."""
    path: str | None = None
    """Folder or URL under which the tables lie."""


class Spark(Model):
    """How a session is built when the caller brings none."""

    master: str = Field("local[*]", min_length=1)
    """Spark's master, as `local[*]` or `spark://host:7077`."""
    conf: TextMap = Field(default_factory=dict)
    """Spark's settings by their own names."""


class History(Model):
    """How long the control plane remembers."""

    retain: SomeTime | None = None
    """Age at which runs, steps, results and logs go; never the ledger and commits. A year by default."""


class Webhook(Model):
    """One receiver of messages."""

    webhook: str = Field(min_length=1)
    """Address that gets a JSON text by POST."""


class Notifications(Model):
    """Who is told how a run ended."""

    on_failure: tuple[Webhook, ...] = ()
    """Told when a run fails."""
    on_success: tuple[Webhook, ...] = ()
    """Told when a run completes."""


class JobTable(Model):
    """A table that lists the jobs to run."""

    table: str
    """Its name."""
    where: str | None = None
    """Condition that a row must meet."""


def _near_zone(name: str) -> str:
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(available_timezones())}
    near = nearest(name.rpartition("/")[2].replace(" ", "_"), cities)
    return f"did you mean {cities[near]!r}?" if near else ""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        fix = _near_zone(name) or "write one of the IANA names, as `UTC` or `Europe/Vienna`"
        raise ValueError(f"{name!r} is not a time zone; {fix}") from error
    return name


def _lake(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("a folder or a URL is expected")
    return value


class Environment(Model):
    """`configs/<env>.yaml`, everything left out at its default."""

    lake: Annotated[str | Catalog, BeforeValidator(_lake)] = "./lake"
    """A folder (relative to the project's) or URL under which all tables lie; or a catalog."""
    spark: Spark = Field(default_factory=Spark)
    """How a session is built."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """The session's zone: text without an offset is read in it."""
    history: History = Field(default_factory=History)
    """How long the control plane remembers."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values for `${name}` and `:name`, over those of the pipelines."""
    secrets: Provider = Field(default_factory=PROVIDERS["environment"].Options)
    """Where `${secret:scope/key}` comes from; environment variables by default."""
    storage_: TextMap = Field(default_factory=dict, alias="storage")
    """The object store's settings by its own names, as `aws_endpoint_url`; they open it for Spark too."""
    notifications: Notifications | None = Field(None, json_schema_extra=LATER)
    """Who is told how a run ended."""
    job_table: JobTable | None = Field(None, json_schema_extra=LATER)
    """A table that lists the jobs to run."""

    _name: str = PrivateAttr("local")
    _root: Path = PrivateAttr(default_factory=Path)
    _vault: Vault = PrivateAttr(default_factory=Vault)

    def at(self, root: Path, name: str) -> Environment:
        """This environment under its name, with the project's folder that relative paths start from."""
        placed = self.model_copy()
        placed._root, placed._name = root, name
        return placed

    @property
    def name(self) -> str:
        """`local`, or the name of the file in `configs`."""
        return self._name

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self._root

    @property
    def storage(self) -> Mapping[str, str]:
        """The object store's settings with secrets in them; raises MachineError when there is no such secret."""
        return self._handed_on(self.storage_)

    @property
    def spark_conf(self) -> Mapping[str, str]:
        """Spark's settings with secrets in them; raises MachineError when there is no such secret."""
        return self._handed_on(self.spark.conf)

    def _handed_on(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        found = filled(settings, self.secret)
        for name, value in found.items():
            if is_secret(name):
                redaction.hide(value)  # one that a program put there itself
        return found

    def secret(self, reference: str) -> str:
        """What `secret:scope/key` or `env:NAME` stands for, read once; from now on it is hidden wherever it turns up.

        Raises MachineError when there is no such secret, or when it cannot be read.
        """
        return self._vault.secret(self.secrets, self._root, reference)

    def forget_secrets(self) -> None:
        """Read secrets anew when they are needed next."""
        self._vault.forget()

    @property
    def lake_path(self) -> str:
        """Absolute folder or URL of the lake, without a slash at its end."""
        if not isinstance(self.lake, str):
            raise NotImplementedError("a lake in a catalog is not available yet")
        if is_url(self.lake):
            return self.lake.rstrip("/")
        return os.path.abspath(self._root / Path(self.lake).expanduser())  # noqa: PTH100 - links in the path stay

    def table_path(self, name: TableName) -> str:
        """Where a table lies: `<lake>/<layer>/<table>`."""
        return f"{self.lake_path}/{name.layer}/{name.table}"

    @property
    def control_path(self) -> str:
        """Where the control plane lies: `<lake>/_lakehouse`."""
        return f"{self.lake_path}/{CONTROL}"
