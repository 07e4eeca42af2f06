"""
Bundles as directories and as ZIP files: written the one way, and read only where they are written so.

A ZIP file holds its members uncompressed, in the order in which they are put, without times, so that the same bundle
is the same bytes. To check one, it is written once more, into nothing, and compared on the way.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ledger.transparency.faults import Disproven, Malformed

_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o100644 << 16
_LARGEST = 512 * 1024 * 1024
_CLAIM = "bundle.json"


class Writer(Protocol):
    """Takes the files of a bundle, in their order."""

    def put(self, name: str, data: bytes) -> None:
        """Write one file."""


class Reader(Protocol):
    """A bundle to be checked."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def read(self, name: str) -> bytes:
        """Return one file; Malformed where there is none."""

    def compared(self) -> Any:
        """Return the context of a writer that raises Disproven where what it is given is not what is there."""


@contextmanager
def written(path: Path) -> Iterator[Writer]:
    """Write a bundle to *path*, a ZIP file if it ends so, else a directory: whole, or not at all, and over nothing."""
    if path.exists():
        raise Malformed(f"{path} is there already; name another place for the bundle.")
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".zip":
            with draft.open("xb") as file, _archive(_Sink(file)) as writer:
                yield writer
        else:
            draft.mkdir()
            yield _Directory(draft)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open the bundle *path*; Malformed where it is none."""
    if path.is_dir():
        yield _DirectoryRead(path)
        return
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            NotImplementedError,
            EOFError,
            RuntimeError,
            KeyError,
        ) as error:
            raise _unreadable(error) from None
        with archive:
            yield _ArchiveRead(path, archive)


class _Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, data: bytes) -> None:
        file = self._path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


class _DirectoryRead:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: set[str] = set()
        if not (path / _CLAIM).is_file():
            raise Malformed(f"{path} is no bundle: it holds no {_CLAIM}.")
        for at, directories, files in os.walk(path):
            for name in (*directories, *files):
                found = Path(at) / name
                if found.is_symlink():
                    raise Malformed(f"{found} is a link; a bundle has none.")
                if not (found.is_file() or found.is_dir()):  # a pipe would be waited for, a device read for ever
                    raise Malformed(f"{found} is no file that can be in a bundle.")
            self._names |= {(Path(at) / name).relative_to(path).as_posix() for name in files}

    def has(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        if name not in self._names:
            raise Malformed(f"{name} is missing from the bundle.")
        path = self._path / name
        _refuse_large(name, path.stat().st_size)
        return path.read_bytes()

    @contextmanager
    def compared(self) -> Iterator[Writer]:
        left = set(self._names)
        read, path = self.read, self._path

        class Comparing:
            def put(self, name: str, data: bytes) -> None:
                if (name in left and (path / name).stat().st_size != len(data)) or read(name) != data:
                    raise Disproven(f"{name} is not what follows from the rest of the bundle.")
                left.discard(name)

        yield Comparing()
        if left:
            raise Disproven(f"{min(left)} does not belong to the bundle.")


class _ArchiveRead:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        members = archive.infolist()
        self._members = {member.filename: member for member in members}
        plain = all(not member.compress_type and not member.flag_bits & 1 for member in members)
        total = sum(member.file_size for member in members)
        if len(self._members) < len(members) or not plain or total > path.stat().st_size:
            raise Malformed(f"{path} is not written as bundles are.")

    def has(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        if name not in self._members:
            raise Malformed(f"{name} is missing from the bundle.")
        _refuse_large(name, self._members[name].file_size)
        try:
            return self._archive.read(self._members[name])
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
            raise _unreadable(error) from None

    @contextmanager
    def compared(self) -> Iterator[Writer]:
        with self._path.open("rb") as file:
            with _archive(_Comparing(file)) as writer:
                yield writer
            if file.read(1):
                raise Disproven(f"{self._path} goes on after its end.")


class _Sink:
    """
    A file that can only be written on: so that zipfile writes the same bytes whatever is behind it.

    Once it is `over`, what zipfile still writes while it is closed goes nowhere.
    """

    over = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        if not self.over:
            self.take(data)
        return len(data)

    def take(self, data: bytes) -> None:
        """Write."""
        self._file.write(data)

    def flush(self) -> None:
        """Leave it to whoever opened the file."""


class _Comparing(_Sink):
    """Is written on, and compares."""

    def take(self, data: bytes) -> None:
        at = self._file.tell()
        if self._file.read(len(data)) != data:
            raise Disproven(f"What the file holds from byte {at} on is not what follows from the rest of the bundle.")


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def put(self, name: str, data: bytes) -> None:
        member = zipfile.ZipInfo(name, _TIME)
        member.create_system, member.external_attr, member.compress_type = _UNIX, _READABLE, zipfile.ZIP_STORED
        self._archive.writestr(member, data)


@contextmanager
def _archive(sink: _Sink) -> Iterator[Writer]:
    file: Any = sink
    archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
    try:
        yield _Archive(archive)
        archive.close()
    except BaseException:
        sink.over = True
        archive.close()
        raise


def _refuse_large(name: str, size: int) -> None:
    if size > _LARGEST:
        raise Malformed(f"{name} is larger than any file of a bundle is: {size} bytes.")


def _unreadable(error: Exception) -> Malformed:
    return Malformed(f"The file is no bundle that can be read ({error}).")
