"""Keep secrets out of what Spark writes by itself: its log, its event log, the command line of its Java."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakehouse.redaction import hide_rows, is_hidden, java_pattern
from lakehouse.spec.late import is_for_launch
from lakehouse.spec.load import Project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG_PROPERTY = "lakehouse.log"
SECRETS_PROPERTY = "lakehouse.secrets"
"""System property with the pattern of what the log must not show; Spark hides it, as its name says what it is."""

_SETTINGS, _OPTIONS = "spark.redaction.regex", "spark.sql.redaction.options.regex"
_NAMES = (
    "(?i)secret|password|passwd|passphrase|token|credential|access[._-]?key|account[._-]?key|api[._-]?key|"
    "private[._-]?key"
)
_ADDRESSES = "(?i)url"


def hide_marked(project: Project) -> None:
    """Let no error quote rows where a column of the project is marked `pii` (S60)."""
    if any(column.pii for table in project.tables.values() for column in (table.schema_ or {}).values()):
        hide_rows()


def redaction(conf: Mapping[str, str]) -> dict[str, str]:
    """Settings by which Spark hides, in its pages and its event log, those that hold a secret, by their names."""
    names = [_exactly(name) for name, value in conf.items() if is_hidden(value)]
    return {
        _SETTINGS: "|".join(filter(None, [conf.get(_SETTINGS), _NAMES, *names])),
        _OPTIONS: "|".join(filter(None, [conf.get(_OPTIONS) or _ADDRESSES, *names])),
    }


def redaction_of(settings: Mapping[str, str], spark: SparkSession) -> dict[str, str]:
    """The setting by which Spark hides those, of a source or its store, that hold a secret; none where none does."""
    names = [_exactly(name) for name, value in settings.items() if is_hidden(value)]
    return {_OPTIONS: "|".join([spark.conf.get(_OPTIONS, _ADDRESSES) or _ADDRESSES, *names])} if names else {}


def _exactly(name: str) -> str:
    return f"^{re.escape(name)}$"


def for_launch(chosen: Mapping[str, str]) -> dict[str, str]:
    """What goes onto Java's command line, which everybody on the machine can read: no secret but where it has to be.

    Spark gets the rest when Java is there.
    """
    return {name: value for name, value in chosen.items() if is_for_launch(name) or not is_hidden(value)}


def hide_in_log(java: Any) -> None:
    """Have `***` written for secrets in Spark's own lines; does nothing to a JVM that we did not start."""
    wanted = java_pattern()
    if not wanted:
        return
    system = java.java.lang.System
    if system.getProperty(LOG_PROPERTY) is None or system.getProperty(SECRETS_PROPERTY) == wanted:
        return
    system.setProperty(SECRETS_PROPERTY, wanted)
    java.org.apache.logging.log4j.core.config.Configurator.reconfigure()
