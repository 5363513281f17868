"""Files that may not be read: they fail alone. In a process that has no more rights than files give, also as root."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PIPELINE = """\
pipeline: permission
run: {max_retries: 0, max_parallel: 1}
bronze:
  csv:
    source: {format: csv, path: "${landing}/csv", options: {header: true}}
  json:
    source: {format: json, path: "${landing}/json"}
  text:
    source: {format: text, path: "${landing}/text"}
  parquet:
    source: {format: parquet, path: "${landing}/parquet"}
"""
SCRIPT = """\
import json, sys
import lakehouse
project = lakehouse.load(sys.argv[1] + "/pipelines")
result = lakehouse.run(project)
print(json.dumps({
    str(name).split(".")[1]: [
        step.rows_written,
        {row["path"].split("/")[-1].split(".")[0]: row["error"] for row in lakehouse.files(project, str(name))},
    ]
    for name, step in result.steps.items()
}))
"""
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def without_rights_of_root() -> None:
    """From the next program on: root reads what its files' permissions allow, like everybody."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # others than root have neither


def test_a_file_without_permission_fails_alone_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "configs").mkdir()
    (tmp_path / "pipelines" / "one.yaml").write_text(PIPELINE)
    config = f"lake: {tmp_path}/lake\nspark: {{master: 'local[2]'}}\nvariables: {{landing: {tmp_path}/landing}}\n"
    (tmp_path / "configs" / "local.yaml").write_text(config)
    for kind, content in {"csv": b"a\n1\n", "json": b'{"a":1}\n', "text": b"1\n", "parquet": b""}.items():
        for name in ("good", "forbidden", "good too"):
            path = tmp_path / "landing" / kind / f"{name}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "parquet":
                pq.write_table(pa.table({"a": ["1"]}), path)
            else:
                path.write_bytes(content)
            path.chmod(0 if name == "forbidden" else 0o600)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=False, preexec_fn=without_rights_of_root
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() == {"csv", "json", "text", "parquet"}
    for kind, (rows, errors) in found.items():
        assert rows == 2, kind
        assert errors["good"] is errors["good too"] is None, kind
        assert "ermission denied" in errors["forbidden"], kind
