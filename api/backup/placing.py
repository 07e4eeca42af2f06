"""
A backup put back in the place of a ledger that is lost: all of its files or none, never over anything.

Every file is copied beside its place and compared with the manifest before the first gets its name. The log comes
last, for where there is none, there is no ledger; what a killed restore left of the others is as the backup has it,
and is taken up by the next.

The keys that sign and the checkpoints may stand elsewhere and have survived: what stands is newer, and stays.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from glob import escape
from pathlib import Path

from api.backup import durable, taking
from api.backup import manifest as manifests
from api.backup.manifest import CHECKPOINTS, IDENTITIES, KEYS, LOG, LOG_KEYS, Manifest
from ledger.settings import Settings
from ledger.store import StoreUnavailable
from ledger.transparency import note as notes
from ledger.transparency import signing
from ledger.transparency.note import VerifierKey

Progress = Callable[[int, int], None]
_ENDING = "restoring"


def verifiers(directory: Path) -> list[VerifierKey]:
    """Return the log's verifier keys as the backup in *directory* has them."""
    manifests.read(directory)
    try:
        with taking.reading(directory / LOG) as log:
            return [notes.read_key(row[0]) for row in log.execute("SELECT verifier FROM log_keys")]
    except (sqlite3.Error, TypeError, AttributeError) as error:
        msg = f"{directory / LOG} holds no log that can be read; use another copy of the backup"
        raise StoreUnavailable(msg) from error


def put_back(directory: Path, settings: Settings, newer: Iterable[Path], progress: Progress) -> Manifest:
    """
    Put the backup in *directory* where *settings* say; return its manifest.

    Of the checkpoints in it and the files *newer*, which may be what they became later, the longest is put in place.
    StoreUnavailable where anything is in the way or not as the manifest says, and then nothing is changed.
    """
    found = manifests.read(directory)
    places = _places(settings, found)
    _refuse_what_stands(settings, places, found)
    total = sum(found.files[name].bytes for name in places)
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress(done, max(total, done))

    staged: dict[str, Path] = {}
    try:
        for name, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            for left in place.parent.glob(f".{escape(place.name)}.*.{_ENDING}"):
                left.unlink(missing_ok=True)
            staged[name] = place.with_name(f".{place.name}.{secrets.token_hex(4)}.{_ENDING}")
            if durable.copy(directory / name, staged[name], tell) != found.files[name]:
                msg = f"{directory / name} is not what was backed up; use another copy of the backup"
                raise StoreUnavailable(msg)
        _refuse_another_head(staged[LOG], found)
        if CHECKPOINTS in staged:
            _take_longest(staged[CHECKPOINTS], newer)
        _give_names(places, staged)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        msg = f"the backup could not be restored, and nothing was left of it at {settings.file}: {why}"
        raise StoreUnavailable(msg) from error
    finally:
        for path in staged.values():
            path.unlink(missing_ok=True)
    return found


def _places(settings: Settings, found: Manifest) -> dict[str, Path]:
    """Return where each file goes, the log last; those of signing and checkpoints not where some stand."""
    apart = ((LOG_KEYS, settings.log_keys), (CHECKPOINTS, settings.checkpoints))
    return {
        IDENTITIES: settings.identities,
        KEYS: settings.keys,
        **{name: place for name, place in apart if place is not None and name in found.files and not place.exists()},
        LOG: settings.file,
    }


def _refuse_what_stands(settings: Settings, places: dict[str, Path], found: Manifest) -> None:
    for name, place in list(places.items()):
        beside = [Path(f"{place}{ending}") for ending in ("-wal", "-shm", "-journal")] if name.endswith(".db") else []
        in_the_way = [one for one in beside if one.exists()]
        if place.exists():
            if name != LOG and not in_the_way and durable.digest(place) == found.files[name]:
                del places[name]  # left by a restore that was interrupted
                continue
            in_the_way.append(place)
        if in_the_way:
            _refuse(in_the_way[0])
    for path in (settings.followers, settings.views):
        if path.exists():
            _refuse(path)
    if settings.log_keys is not None and settings.log_keys.exists() and found.checkpoint is not None:
        keys = signing.load(settings.log_keys)
        if found.checkpoint.origin not in keys.origins:
            msg = f"the keys in {settings.log_keys} are not those of {found.checkpoint.origin}, the log in the backup"
            raise StoreUnavailable(msg)


def _refuse(path: Path) -> None:
    msg = f"{path} is there already; nothing is written over: restore to another place, or move it away first"
    raise StoreUnavailable(msg)


def _refuse_another_head(log: Path, found: Manifest) -> None:
    with taking.reading(log) as connection:
        if taking.head(connection) != (found.position, found.checkpoint):
            raise StoreUnavailable(
                "the backup's log does not end where its manifest says; use another copy of the backup"
            )


def _take_longest(staged: Path, newer: Iterable[Path]) -> None:
    """Replace the backup's checkpoints by what they became later, where that is among *newer*."""
    longest = ours = staged.read_bytes()
    for path in newer:
        theirs = path.read_bytes()
        if theirs.startswith(ours) and theirs.startswith(b"{") and len(theirs) > len(longest):
            longest = theirs
    if longest is not ours:
        staged.unlink()
        durable.write(staged, longest)


def _give_names(places: dict[str, Path], staged: dict[str, Path]) -> None:
    placed: list[Path] = []
    try:
        for name, place in places.items():
            os.link(staged[name], place)  # refused where something came to stand meanwhile
            placed.append(place)
            durable.sync_directory(place.parent)
    except BaseException:
        for place in placed:
            with suppress(OSError):
                place.unlink()
        raise
