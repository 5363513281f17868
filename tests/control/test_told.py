"""Texts for people in the control plane show no secret; what the next run goes by is stored as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse import redaction
from lakehouse.control.audit import Audit
from lakehouse.control.ledger import Ledger
from lakehouse.control.store import Control
from lakehouse.sources.base import SourceFile


@pytest.fixture(autouse=True)
def hidden() -> Iterator[None]:
    redaction.hide("hunter22")
    yield
    redaction.forget()


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(str(tmp_path / "lake"))


def test_audit_rows(control: Control) -> None:
    audit = Audit(control)
    audit.add("runs", run_id="hunter22", error="no hunter22", details={"a": ["hunter22"]}, project="/hunter22")
    audit.add("errors", run_id="r", message="no hunter22", details={"fix": "hunter22"})
    audit.add("steps", run_id="r", step="silver.hunter22", reason="hunter22", metrics={"warnings": ["hunter22"]})
    audit.add("expectations", run_id="r", sample=[{"value": "hunter22"}])
    audit.flush()
    (run,) = control.read("runs").to_pylist()
    assert (run["run_id"], run["project"]) == ("hunter22", "/hunter22"), "names are not texts"
    assert (run["error"], run["details"]) == ("no ***", '{"a":["***"]}')
    (error,) = control.read("errors").to_pylist()
    assert (error["message"], error["details"]) == ("no ***", '{"fix":"***"}')
    (step,) = control.read("steps").to_pylist()
    assert (step["step"], step["reason"], step["metrics"]) == ("silver.hunter22", "***", '{"warnings":["***"]}')
    assert control.read("expectations").to_pylist()[0]["sample"] == '[{"value":"***"}]'


def test_the_ledger_keeps_paths_and_hides_errors(control: Control) -> None:
    ledger = Ledger.open(control, "id-t", table="bronze.t", run="r")
    file = SourceFile("/landing/hunter22.csv", 1, datetime(2024, 1, 1, tzinfo=UTC))
    ledger.changed([file])
    ledger.failed(1, "a", {file: "cannot be read: hunter22"})
    rows = control.read("files").to_pylist()
    assert {row["path"] for row in rows} == {"/landing/hunter22.csv"}
    assert [row["error"] for row in rows if row["kind"] == "failed"] == ["cannot be read: ***"]
