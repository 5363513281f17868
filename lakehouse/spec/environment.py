"""What differs between machines: `configs/base.yaml` under `configs/<env>.yaml`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from lakehouse.model import LATER, Duration, Model
from lakehouse.names import CONTROL, TableName
from lakehouse.spec.table import TextMap

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

    retain: Duration | None = None
    """Age at which runs, steps, results and logs go; never the ledger and commits. A year by default."""


class Secrets(Model):
    """Where `${secret:scope/key}` comes from."""

    provider: str = Field("environment", min_length=1)
    """`environment`, `file`, or a cloud's vault."""
    options: TextMap = Field(default_factory=dict)
    """The provider's own options."""


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


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        fix = "write one of the IANA names, as `UTC` or `Europe/Vienna`"
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
    secrets: Secrets = Field(default_factory=Secrets, json_schema_extra=LATER)
    """Where secrets come from."""
    storage: TextMap = Field(default_factory=dict)
    """The object store's settings by its own names, as `aws_endpoint_url`."""
    notifications: Notifications | None = Field(None, json_schema_extra=LATER)
    """Who is told how a run ended."""
    job_table: JobTable | None = Field(None, json_schema_extra=LATER)
    """A table that lists the jobs to run."""

    _name: str = PrivateAttr("local")
    _root: Path = PrivateAttr(default_factory=Path)

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
