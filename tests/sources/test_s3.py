"""Files on a real S3 server: their first records and footers, and how they leave the source."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from lakehouse.errors import StepError, TransientError
from lakehouse.sources import avro, orc, parquet
from lakehouse.sources.base import SourceFile
from lakehouse.sources.cleaning import Cleaned, clean
from lakehouse.sources.csv import Options
from lakehouse.sources.header import Dialect, Head, read_head
from lakehouse.sources.stores import cannot_list, raise_if_away
from lakehouse.state.listing import list_files
from tests.s3 import Server
from tests.sources import avro_files

NAMES = ("a.csv", "a b.csv", "p+q.csv", "100%.csv", "%41.csv", "é字.csv", "a#b?c.csv", "d=1/a'b.csv")
TABLE = pa.table({"id": [1, 2], "t": ["a", None]})


def listed(s3: Server, bucket: str, folder: str = "in") -> dict[str, SourceFile]:
    """Path below the folder -> file."""
    options = Options(path=f"s3://{bucket}/{folder}", recursive_file_lookup=True)
    found = list_files(options, Path("/"), s3.storage)
    return {file.path.partition(f"{bucket}/{folder}/")[2]: file for file in found}


@pytest.mark.parametrize("name", NAMES)
def test_the_head_of_a_csv_file(s3: Server, name: str) -> None:
    bucket = s3.bucket()
    s3.put(bucket, **{name: 'id,"a ""t"""\n1,2\n'})
    assert read_head(f"s3://{bucket}/{name}", Dialect(), s3.storage) == Head(["id", 'a "t"'], line_end="\n")


def test_the_head_of_long_and_compressed_files(s3: Server) -> None:
    bucket, record = s3.bucket(), ",".join(f"column{i}" for i in range(20_000))
    s3.put(bucket, **{"long.csv": f"{record}\n1\n", "z.csv.gz": gzip.compress(b"id,n\n1,2\n"), "empty.csv": ""})
    assert len(read_head(f"s3://{bucket}/long.csv", Dialect(), s3.storage).record or ()) == 20_000
    assert read_head(f"s3://{bucket}/z.csv.gz", Dialect(), s3.storage) == Head(["id", "n"], line_end="\n")
    assert read_head(f"s3://{bucket}/empty.csv", Dialect(), s3.storage) == Head(None)
    with pytest.raises(OSError, match="none"):
        read_head(f"s3://{bucket}/none.csv", Dialect(), s3.storage)


def written(write: Callable[[pa.Table, Any], Any]) -> bytes:
    sink = io.BytesIO()
    write(TABLE, sink)
    return sink.getvalue()


def test_footers_and_headers_of_typed_files(s3: Server) -> None:
    bucket = s3.bucket()
    schema = avro_files.record(id="long", t="string")
    s3.put(bucket, **{
        "in/a b%.parquet": written(pq.write_table),
        "in/a b%.orc": written(pyarrow.orc.write_table),
        "in/a b%.avro": avro_files.avro(schema, TABLE.to_pylist()),
        "in/cut.parquet": written(pq.write_table)[:-1],
    })  # fmt: skip
    files = listed(s3, bucket)
    assert parquet.look(files["a b%.parquet"], s3.storage).valued == {"id", "t"}
    assert "id" in orc.look(files["a b%.orc"], s3.storage).schema
    assert '"name": "id"' in avro.look(files["a b%.avro"], s3.storage).schema
    with pytest.raises((OSError, ValueError), match="Parquet"):
        parquet.look(files["cut.parquet"], s3.storage)


@pytest.fixture
def loaded(s3: Server) -> tuple[str, dict[str, SourceFile]]:
    """A bucket, and its files as they were loaded."""
    bucket = s3.bucket()
    s3.put(bucket, **{f"in/{name}": f"id\n{i}\n" for i, name in enumerate(NAMES)})
    return bucket, listed(s3, bucket)


def test_files_are_deleted(s3: Server, loaded: tuple[str, dict[str, SourceFile]]) -> None:
    bucket, files = loaded
    assert [clean(file, None, s3.storage) for file in files.values()] == [Cleaned("deleted")] * len(NAMES)
    assert s3.names(bucket) == []
    assert clean(files["a.csv"], None, s3.storage) == Cleaned("gone")


def test_files_are_moved_and_no_other_is_overwritten(s3: Server, loaded: tuple[str, dict[str, SourceFile]]) -> None:
    bucket, files = loaded
    s3.put(
        bucket,
        **{"done/a.csv": "id\nanother\n", "done/a b.csv": s3.files.open_input_file(files["a b.csv"].path[5:]).read()},
    )
    outcomes = {name: clean(file, f"s3://{bucket}/done/{name}", s3.storage) for name, file in files.items()}
    to = f"s3://{bucket}/done/a.csv"
    assert outcomes.pop("a.csv") == Cleaned("kept", why=f"{to} is there already, with another content")
    # one was copied before, by a run that was killed before it could delete
    assert outcomes == {name: Cleaned("moved", f"s3://{bucket}/done/{name}") for name in outcomes}
    assert s3.names(bucket) == sorted(["in/a.csv", *(f"done/{name}" for name in NAMES)])
    for i, name in enumerate(NAMES):
        text = s3.files.open_input_file(f"{bucket}/done/{name}").read().decode()
        assert text == ("id\nanother\n" if name == "a.csv" else f"id\n{i}\n")
    again = clean(files["a b.csv"], f"s3://{bucket}/done/a b.csv", s3.storage)
    assert again == Cleaned("moved", f"s3://{bucket}/done/a b.csv"), "by a run that was killed before it said so"


def test_a_file_that_was_overwritten_is_kept(s3: Server, loaded: tuple[str, dict[str, SourceFile]]) -> None:
    bucket, files = loaded
    s3.put(bucket, **{"in/a.csv": "id\nlonger\n"})
    time.sleep(1.1)  # the store tells whole seconds
    s3.put(bucket, **{"in/p+q.csv": "id\n9\n"})
    for name in ("a.csv", "p+q.csv"):
        for to in (None, f"s3://{bucket}/done/{name}"):
            assert clean(files[name], to, s3.storage) == Cleaned("kept", why="it has changed since it was loaded")
    assert len(s3.names(bucket, "in")) == len(NAMES)


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [
        ("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7", "store.unreachable", TransientError),
        ("AWS Error SLOW_DOWN during ListObjectsV2 operation: Reduce your rate", "store.unreachable", TransientError),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation", "store.unreachable", TransientError),
        ("AWS Error UNKNOWN (HTTP status 400) during HeadObject operation", "store.access", StepError),
        ("AWS Error ACCESS_DENIED during HeadObject operation", "store.access", StepError),
        ("[Errno 2] No such file", "source.path", StepError),
    ],
)
def test_what_a_store_says(said: str, code: str, kind: type[StepError]) -> None:
    error = cannot_list("s3://b/in", OSError(said))
    assert (error.code, type(error), error.message) == (code, kind, f"s3://b/in cannot be listed: {said}")


def test_a_store_that_does_not_answer_makes_no_file_bad(s3: Server) -> None:
    away = OSError("AWS Error NETWORK_CONNECTION during GetObject operation")
    with pytest.raises(TransientError, match="s3://b/a cannot be read") as raised:
        raise_if_away("s3://b/a", away)
    assert raised.value.code == "store.unreachable"
    raise_if_away("s3://b/a", OSError("AWS Error NO_SUCH_KEY during GetObject operation"))
    raise_if_away("/in/THROTTLING.csv", OSError("Truncated compressed stream: /in/THROTTLING.csv"))
