"""Compressed files of which Hadoop reads as much as it can and says nothing of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from lakehouse.sources.base import SourceFile
from lakehouse.sources.filesystem import filesystem
from lakehouse.sources.stores import raise_if_away

_ONLY_HADOOPS = (".lz4", ".snappy")
_BLOCK, _END = 0x314159265359, 0x177245385090
"""What stands at the beginning of a block of bzip2 and at the end of the last one, at any bit."""
_TAIL = 11
"""Bytes that hold the end and the checksum behind it."""


def not_whole(files: Sequence[SourceFile], storage: Mapping[str, str]) -> dict[str, str]:
    """Path -> why, of files by whose name Spark would decompress them and lose rows without a word.

    Those of lz4 and snappy end for it wherever they are broken, and have to be in Hadoop's own frames. A bzip2 has no
    rows where its blocks are not found, and ends behind any of them.
    """
    why = "to Spark such a file ends where it is broken, and it reads only what Hadoop wrote; use .gz, .bz2 or .zst"
    failed = {file.path: why for file in files if file.path.lower().endswith(_ONLY_HADOOPS)}
    bzip2 = [file for file in files if file.size and file.path.lower().endswith(".bz2")]
    with ThreadPoolExecutor(8) as threads:
        found = zip(bzip2, threads.map(lambda file: _bzip2(file, storage), bzip2), strict=True)
        return failed | {file.path: f"cannot be read: {why}" for file, why in found if why}


def _bzip2(file: SourceFile, storage: Mapping[str, str]) -> str:
    store, inner = filesystem(file.path, storage)
    try:
        with store.open_input_file(inner(file.path)) as stream:
            head = stream.read_at(10, 0)
            tail = stream.read_at(_TAIL, max(0, file.size - _TAIL))
    except OSError as error:
        raise_if_away(file.path, error)
        return str(error)
    if head[:3] != b"BZh" or int.from_bytes(head[4:], "big") not in (_BLOCK, _END):
        return "it does not begin as bzip2 does"
    bits = int.from_bytes(tail, "big")
    ends = any(bits >> shift & (1 << 48) - 1 == _END for shift in range(32, 40))
    return "" if ends else "it does not end as bzip2 does: it is cut short, or something stands behind it"
