"""Which files a source has now; never a Spark job, and nothing skipped but hidden names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lakehouse.errors import StepError
from lakehouse.sources.base import FileSource, SourceFile
from lakehouse.sources.copy_into import CopyInto
from lakehouse.sources.filesystem import (
    absolute,
    cut_time,
    filesystem,
    inner,
    is_hidden,
    outer,
    scheme_of,
    time_of,
    unit_of,
)
from lakehouse.sources.stores import cannot_list, no_bucket

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

WILD = re.compile(r"[*?\[{]")
_CHUNK = 1000
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def list_files(
    source: FileSource, base: Path, storage: Mapping[str, str], copy_into: CopyInto | None = None
) -> list[SourceFile]:
    """The files of a source, sorted by (modification time, path): S2.

    `base` is the folder at which a relative path starts. Names that begin with `_` or `.` or end in `._COPYING_` are
    not files (S7), nor is what lies in folders named so (a partition folder `_x=1` is one). Raises StepError when the
    path, where it is not a glob, does not exist, or when a file that `copy_into.files` names does not.
    """
    root = absolute(source.path, str(base))
    files, _ = filesystem(root, storage)
    look = Look(files, root, source, remote=bool(scheme_of(root)))
    if copy_into is not None and copy_into.files is not None:
        found = look.named(copy_into.files)
    elif copy_into is not None and copy_into.pattern is not None:
        found = look.matching(f"{root.rstrip('/')}/{copy_into.pattern}", root.rstrip("/"))
    else:
        found = look.matching(root)
    try:
        taken = {file.path: file for file in (filter(look.wanted, found) if look.filters else found)}
        if not taken:
            look.require_bucket()
    except OSError as error:
        raise cannot_list(root, error) from error
    return sorted(taken.values(), key=lambda file: (file.modified, file.path))


def look_up(paths: Sequence[str], storage: Mapping[str, str]) -> dict[str, SourceFile]:
    """Those of the paths, all of one store, that are files now; without the values of their folders."""
    if not paths:
        return {}
    store, _ = filesystem(paths[0], storage)
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    with ThreadPoolExecutor(8) as threads:
        looks = threads.map(lambda chunk: store.get_file_info([inner(path) for path in chunk]), chunks)
        infos = [info for look in looks for info in look]
    there = ((path, info) for path, info in zip(paths, infos, strict=True) if info.is_file)
    return {path: SourceFile(path, info.size or 0, time_of(info, path)) for path, info in there}


def folder_of(path: str) -> str:
    """The part of a source's path before the first name with a sign of a glob, or a value put in by a run."""
    parts = path.rstrip("/").split("/")
    first = next((i for i, text in enumerate(parts) if WILD.search(text)), len(parts))
    return "/".join(parts[:first]) or "/"


@lru_cache(maxsize=256)
def glob_pattern(glob: str) -> re.Pattern[str]:
    r"""A glob of Hadoop's for one name, as a regular expression: `*`, `?`, `[a-c]`, `[^a]`, `{x,y*}`, and `\`.

    Raises StepError for a bracket that does not close.
    """
    out, at, braces = [], 0, 0
    while at < len(glob):
        sign = glob[at]
        at += 1
        if sign == "\\" and at < len(glob):
            out.append(re.escape(glob[at]))
            at += 1
        elif sign == "*":
            out.append("[^/]*")
        elif sign == "?":
            out.append("[^/]")
        elif sign == "[":
            end = glob.find("]", at + 1)
            if end < 0:
                raise StepError(f"the glob {glob!r} has a [ without its ]", code="source.glob")
            inside = glob[at:end].replace("\\", "\\\\")
            out.append(f"[^{inside[1:]}]" if inside[0] in "^!" else f"[{inside}]")
            at = end + 1
        elif sign == "{":
            braces += 1
            out.append("(?:")
        elif sign == "," and braces:
            out.append("|")
        elif sign == "}" and braces:
            braces -= 1
            out.append(")")
        else:
            out.append(re.escape(sign))
    if braces:
        raise StepError(f"the glob {glob!r} has a {{ without its }}", code="source.glob")
    try:
        return re.compile("".join(out) + r"\Z", re.DOTALL)
    except re.error as error:
        raise StepError(f"{glob!r} is not a glob: {error}", code="source.glob") from None


@dataclass(frozen=True)
class Look:
    """One look at a source's folders."""

    files: FileSystem
    root: str
    source: FileSource
    remote: bool

    @cached_property
    def unit(self) -> int:
        """What times of files are cut to."""
        return unit_of(self.root)

    def matching(self, path: str, root: str | None = None) -> Iterator[SourceFile]:
        """Files that the path names: itself, what lies in it, or what its glob matches.

        Partition folders count below `root`, or else below the part of the path before the first sign of a glob.
        """
        there = self._info(inner(path).rstrip("/") or "/")
        if there is not None:  # a name that only looks like a glob is taken as it is
            yield from self._files_at([there], inner(root or path.rstrip("/") or "/"))
            return
        if not WILD.search(inner(path)):
            self.require_bucket()
            raise StepError(
                f"the source's path {self.root} does not exist",
                code="source.path",
                fix="make the folder, or correct `path`",
            )
        for choice in choices(path):
            fixed, parts = split(choice)
            yield from self._files_at(self._globbed(inner(fixed), parts), inner(root or fixed))

    def require_bucket(self) -> None:
        """Raise StepError when the bucket or container is not there: S3 lists one as if it were empty."""
        if not self.remote:
            return
        bucket = inner(self.root).partition("/")[0]
        with suppress(OSError):  # keys that see only a part of a bucket may not ask for the whole
            if self._info(bucket) is None:
                raise no_bucket(bucket, self.root)

    def named(self, names: Sequence[str]) -> Iterator[SourceFile]:
        """The files that `copy_into.files` names, below the path."""
        base = inner(self.root).rstrip("/")
        with ThreadPoolExecutor(8) as threads:
            infos = list(threads.map(self._info, [f"{base}/{name.lstrip('/')}" for name in names]))
        missing = [name for name, info in zip(names, infos, strict=True) if info is None or not info.is_file]
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise StepError(f"`files` names what is not in {self.root}: {shown}", code="source.path")
        yield from (self._file(info, base) for info in infos if info is not None)

    @property
    def filters(self) -> bool:
        """Whether the source takes only some of its files."""
        return bool(self.source.path_glob_filter or self.source.modified_after or self.source.modified_before)

    def wanted(self, file: SourceFile) -> bool:
        """Whether the source's filters take the file."""
        name, source = file.path.rsplit("/", 1)[-1], self.source
        if source.path_glob_filter is not None and not glob_pattern(source.path_glob_filter).match(name):
            return False
        if source.modified_after is not None and not file.modified > source.modified_after:
            return False
        return source.modified_before is None or file.modified < source.modified_before

    def _globbed(self, base: str, parts: Sequence[str]) -> list[FileInfo]:
        """Files and folders that match the parts of a glob, folder by folder."""
        from pyarrow.fs import FileType

        folders = [base]
        found: list[FileInfo] = []
        for part in parts:
            pattern = glob_pattern(part)
            found = [
                info
                for info in self._children(folders)
                if pattern.match(info.base_name)
                and takes(part, info.base_name, is_folder=info.type == FileType.Directory)
            ]
            folders = [info.path for info in found if info.type == FileType.Directory]
        return found

    def _files_at(self, infos: Sequence[FileInfo], base: str) -> Iterator[SourceFile]:
        """Files among the infos and in their folders, as deep as the source wants."""
        from pyarrow.fs import FileType

        below = False
        while infos:
            folders = []
            for info in infos:
                if info.size is not None:  # a file: to ask for the type costs as much as all the rest
                    if not is_hidden(info.base_name):
                        yield self._file(info, base)
                elif info.type == FileType.Directory and (not below or self.enters(info.base_name)):
                    folders.append(info.path)
            infos, below = list(self._children(folders)), True

    def enters(self, folder: str) -> bool:
        """Whether files are looked for in a folder of this name, below the path."""
        if self.source.recursive_file_lookup:
            return not is_hidden(folder) or is_partition(folder)
        return is_partition(folder) and not folder.startswith(".")

    def _children(self, folders: Sequence[str]) -> Iterator[FileInfo]:
        from pyarrow.fs import FileSelector

        def look(folder: str) -> list[FileInfo]:
            return list(self.files.get_file_info(FileSelector(folder, allow_not_found=True)))

        if len(folders) == 1:
            yield from look(folders[0])
        elif folders:
            with ThreadPoolExecutor(8) as threads:
                for infos in threads.map(look, folders):
                    yield from infos

    def _info(self, path: str) -> FileInfo | None:
        from pyarrow.fs import FileType

        info = self.files.get_file_info(path)
        return None if info.type == FileType.NotFound else info

    def _file(self, info: FileInfo, base: str) -> SourceFile:
        path = info.path
        return SourceFile(
            outer(path, self.root) if self.remote else path,
            info.size or 0,
            cut_time(info, self.unit),
            self.partitions(path[len(base) :]) if "=" in path else {},
        )

    def partitions(self, below: str) -> dict[str, str | None]:
        """The values of the folders in what comes behind the path."""
        wanted = self.source.partition_columns
        if wanted == ():
            return {}
        found: dict[str, str | None] = {}
        for folder in below.split("/")[:-1]:
            name, sign, value = folder.partition("=")
            if sign and name:
                found[unquote(name)] = None if value == _NO_VALUE else unquote(value)
        if wanted is None:
            return found
        by_fold = {name.casefold(): value for name, value in found.items()}
        return {name: by_fold.get(name.casefold()) for name in wanted}


def is_partition(folder: str) -> bool:
    """Whether a folder of this name is one as `column=value`."""
    return "=" in folder.lstrip("=")


def takes(glob: str, name: str, *, is_folder: bool) -> bool:
    """Whether a name that matches one part of a glob is not hidden from it."""
    return not is_hidden(name) or (is_folder and is_partition(name)) or glob[0] in "_."


def choices(path: str) -> list[str]:
    """The path once for each choice of braces that hold a slash, which no single name can match."""
    for braces in re.finditer(r"\{[^{}]*/[^{}]*\}", path):
        before, after = path[: braces.start()], path[braces.end() :]
        return [p for choice in braces.group()[1:-1].split(",") for p in choices(before + choice + after)]
    return [path]


def split(path: str) -> tuple[str, list[str]]:
    """The folder before the first sign of a glob, and the names from there on."""
    parts = path.rstrip("/").split("/")
    first = next((i for i, text in enumerate(parts) if WILD.search(text)), len(parts) - 1)
    return "/".join(parts[:first]) or "/", parts[first:]
