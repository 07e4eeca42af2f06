"""
A backup of a ledger in SQLite files, taken while it is written to.

Each database is copied as of one moment: the copy reads inside one transaction, so writers go on and the copy never
begins again; meanwhile the write-ahead log cannot be shortened, so it grows by what is written. The order makes the
set consistent:

1. the log, so that its last fact is the last fact of the backup;
2. identities, then learners' keys: both are committed before the first fact that needs them, so what is copied later
   has whatever the facts need, and perhaps some more that is used by none. Keys are last: what was erased meanwhile is
   erased in the copy;
3. the keys that sign, which know every origin the log has had;
4. checkpoints, as far as they speak of facts that are in the copy. Each is in the file before it is in the log's
   database, so none that the copy knows is missing; what was published later is left out, for beside a log that does
   not reach it, a restored ledger would have to take itself for one that was cut off.

Followers and views are not in it, for they are rebuilt. The key-encryption key is never in it.
Everything is written beside its place under another name, and gets its own when it is whole and durable; what an
interrupted backup left is taken away by the next to the same place.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from glob import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from api.backup import durable
from api.backup import manifest as manifests
from api.backup.manifest import CHECKPOINTS, FORMAT, IDENTITIES, KEYS, LOG, LOG_KEYS, Head, Manifest
from ledger.settings import Settings
from ledger.sqlite_file import connect
from ledger.store import StoreUnavailable
from ledger.transparency import note as notes
from ledger.transparency.outside import Outside

Progress = Callable[[int, int], None]
_PAGES = 2000
_ENDING = "unfinished"
_NEWEST = "SELECT origin, size, root FROM checkpoints ORDER BY at_us DESC LIMIT 1"


def back_up(settings: Settings, out: Path, now: datetime, progress: Progress) -> Manifest:
    """Make a backup of the ledger in the new directory *out*; StoreUnavailable where it cannot be, leaving nothing."""
    if out.exists() or out.is_symlink():
        msg = f"{out} is there already; a backup is made in a new directory"
        raise StoreUnavailable(msg)
    try:
        with _unfinished(out) as directory:
            made = _fill(directory, settings, now, progress)
            durable.sync_directory(directory)
            directory.rename(out)  # refused where another was first: a backup is never empty
            durable.sync_directory(out.parent)
            return made
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        msg = f"the backup could not be made, and nothing was left at {out}: {why}"
        raise StoreUnavailable(msg) from error


@contextmanager
def reading(log: Path) -> Iterator[sqlite3.Connection]:
    """Open the copy of a log, which nobody writes to; nothing is made beside it."""
    with closing(sqlite3.connect(f"file:{quote(str(log))}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection


def head(log: sqlite3.Connection) -> tuple[int, Head | None]:
    """Return the position of the last fact, and the newest checkpoint."""
    newest = log.execute(_NEWEST).fetchone()
    position = int(log.execute("SELECT coalesce(max(position), 0) FROM facts").fetchone()[0])
    return position, newest and Head(origin=newest[0], size=newest[1], root=notes.encoded(newest[2]))


def _fill(directory: Path, settings: Settings, now: datetime, progress: Progress) -> Manifest:
    sources = {LOG: settings.file, IDENTITIES: settings.identities, KEYS: settings.keys}
    sizes = {name: path.stat().st_size for name, path in sources.items()}
    total, done = sum(sizes.values()), 0
    for name, path in sources.items():

        def tell(part: int, of: int, before: int = done, size: int = sizes[name]) -> None:
            progress(before + size * part // of, total)

        _copy_database(path, directory / name, tell)
        _refuse_damaged(path, directory / name)
        done += sizes[name]
        progress(done, total)
    if settings.log_keys is not None and settings.log_keys.exists():
        durable.copy(settings.log_keys, directory / LOG_KEYS, lambda _: None)
    with reading(directory / LOG) as log:
        position, newest = head(log)
        if settings.checkpoints is not None and settings.checkpoints.exists():
            durable.write(directory / CHECKPOINTS, _checkpoints(Outside(settings.checkpoints), log, position))
    made = Manifest(
        checkpoint=newest,
        files={path.name: durable.digest(path) for path in sorted(directory.iterdir())},
        format=FORMAT,
        made_at=now,
        position=position,
        version=version("competency-ledger"),
    )
    durable.write(directory / manifests.FILE, made.encoded())
    return made


def _copy_database(source: Path, target: Path, tell: Progress) -> None:
    os.close(durable.make(target))
    with closing(connect(source, read_only=True)) as ours, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = OFF")  # a copy that is interrupted is thrown away
        copy.execute("PRAGMA synchronous = OFF")
        ours.execute("BEGIN")
        ours.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on, one moment is read
        ours.backup(copy, pages=_PAGES, progress=lambda _, left, of: tell(of - left, max(of, 1)))


def _refuse_damaged(source: Path, copied: Path) -> None:
    """Refuse to let a copy of what cannot be read take the place of backups that can."""
    with reading(copied) as connection:
        ((found,),) = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        msg = f"{source} is damaged, so no backup was made: {found}; keep the earlier backups"
        raise StoreUnavailable(msg)


def _checkpoints(outside: Outside, log: sqlite3.Connection, position: int) -> bytes:
    """Return the beginning of the file that speaks of what is in the copied log."""
    known = set(log.execute("SELECT origin, size FROM checkpoints WHERE size > ?", (position,)))
    lines = []
    for kept in outside.all():
        if kept.checkpoint.size > position and (kept.checkpoint.origin, kept.checkpoint.size) not in known:
            break
        lines.append(kept.line())
    return b"".join(lines)


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """Give a directory beside *out* to fill; whatever is still there in the end is taken away."""
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f".{escape(out.name)}.*.{_ENDING}"):
        _take_away_unless_held(left)
    directory = out.with_name(f".{out.name}.{secrets.token_hex(4)}.{_ENDING}")
    directory.mkdir(mode=0o700)
    held = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(held)


def _take_away_unless_held(directory: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(descriptor)
