"""
The transparency log of one ledger: its tree, what was published of it, and how the next head comes to be published.

A head is signed only once it is proven to follow from the newest checkpoint that is kept *outside* the database: a
database that was rewritten, shortened or put back to an older copy cannot know what was already published. Where it
does not follow, the ledger becomes read-only until an operator accepts the head; the log then begins anew under
another origin, for under the old one it would contradict what it signed.

What is signed stands outside before it stands in the database. A crash between the two is made up by the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from time import monotonic

import msgspec

from ledger.database import Database
from ledger.settings import Settings
from ledger.sqlite_file import SQLiteDatabase
from ledger.store import Store, StoreUnavailable
from ledger.transparency import note as notes
from ledger.transparency import signing, tables
from ledger.transparency import tree as trees
from ledger.transparency.checkpoint import Checkpoint, opened
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.merkle import verify_consistency
from ledger.transparency.note import VerifierKey
from ledger.transparency.outside import Kept, Outside
from ledger.transparency.published import Published, PublishedLog
from ledger.transparency.signing import KeyKept, LogKeys
from ledger.transparency.tree import TileMissing, Tree

_NOT_MORE_OFTEN_S = 1.0


class Place(msgspec.Struct, frozen=True):
    """Where a fact is on its way into the published log; `published` is the first checkpoint that covers it."""

    index: int
    sequenced: bool
    published: Published | None


class Log:
    """
    The log over the facts of *store*, kept in *database*.

    Without *keys* and *outside* it can be read, and grow, but nothing of it is signed here.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        *,
        keys: Path | None = None,
        outside: Path | None = None,
        origin: str | None = None,
        witnesses: Iterable[VerifierKey] = (),
    ) -> None:
        self._database = database
        self._store = store
        self._keys_at = keys
        self._outside = None if outside is None else Outside(outside)
        self._origin = origin
        self._checked = Tree(database)  # what is signed rests on what the database says now, not on what it said
        self._signed_at = float("-inf")
        self.tree = Tree(database)
        self.published = PublishedLog(database, witnesses)

    @classmethod
    def of_ledger(cls, settings: Settings, store: Store) -> Log:
        """Open the log of the ledger that *settings* name, whose facts are in *store*."""
        try:
            witnesses = [notes.read_key(text.rpartition(" ")[2]) for text in settings.witnesses]
        except Malformed as error:
            msg = f"LEDGER_WITNESSES: {error}"
            raise StoreUnavailable(msg) from None
        database: Database
        if isinstance(settings.database, Path):
            database = SQLiteDatabase(settings.database, tables.SQLITE)
        else:
            from ledger.postgres import PostgresDatabase  # noqa: PLC0415  embedded, there is no driver

            database = PostgresDatabase(settings.database.log, purpose="log")
        return cls(
            database,
            store,
            keys=settings.log_keys,
            outside=settings.checkpoints,
            origin=settings.log_origin,
            witnesses=witnesses,
        )

    def integrate(self) -> int:
        """Add facts that are not in the tree yet; return how many, 0 when there are none."""
        return trees.integrate(self._database, self._store)

    def halted(self) -> str | None:
        """Return why the ledger is read-only; None while it is not."""
        return self.published.halted()

    @property
    def signs(self) -> bool:
        """Whether checkpoints are signed here."""
        return self._keys_at is not None and self._outside is not None

    def publish(self, now: datetime, *, at_once: bool = False) -> Checkpoint | None:
        """
        Sign the head if it grew, unless one was signed within the last second or *at_once*; return what was signed.

        Where it does not follow from the newest checkpoint outside, the ledger becomes read-only instead.
        """
        if not self.signs or (not at_once and monotonic() - self._signed_at < _NOT_MORE_OFTEN_S) or self.halted():
            return None
        assert self._outside is not None
        keys = self.keys(now)
        with self._outside.locked():
            kept = self._kept(self._outside, keys)
            head = self._head(kept, now)
            if head is None:
                return None
            if kept is not None and self.published.of_size(keys.origin, kept.checkpoint.size) is None:
                self.published.add(kept.checkpoint, kept.note, kept.at)  # a crash came between the file and the table
            if head.size == (0 if kept is None else kept.checkpoint.size):
                return None
            checkpoint = head._replace(origin=keys.origin)
            note = str(signing.signed(str(checkpoint), keys.signers(now)))
            self._outside.keep(Kept(at=now, note=note))
            self.published.add(checkpoint, note, now)
        self._signed_at = monotonic()
        return checkpoint

    def keys(self, now: datetime) -> LogKeys:
        """Return the log's keys, made where there are none and nothing was ever signed."""
        if self._keys_at is None or self._outside is None:
            raise StoreUnavailable("nothing is signed here: set LEDGER_LOG_KEYS and LEDGER_CHECKPOINTS")
        path = self._keys_at
        if path.exists() or self.published.newest() is not None or self.published.verifiers():
            keys = signing.load(path)
        else:
            keys = signing.make(path, self._origin, now)
        newest = self.published.newest()
        if newest is not None and newest.checkpoint.origin not in keys.origins:
            msg = f"the keys in {path} are not those of {newest.checkpoint.origin}, this ledger's log; put them back"
            raise StoreUnavailable(msg)
        if self._origin is not None and not _same_log(keys.origin, self._origin):
            msg = f"LEDGER_LOG_ORIGIN is {self._origin}, but the keys in {path} are those of {keys.origin}"
            raise StoreUnavailable(msg)
        if (left := keys.without_spent(now)) is not keys:
            signing.save(path, left)
        self.published.show_keys(left)
        return left

    def why_not_signed(self, now: datetime) -> str | None:
        """Return why no head can be signed, though the ledger goes on: a file is lost, or cannot be believed."""
        if self._outside is None:
            return None
        try:
            self._kept(self._outside, self.keys(now))
        except StoreUnavailable as error:
            return str(error)
        return None

    def rotate_keys(self, now: datetime) -> LogKeys:
        """Add a key, and let the ones before it sign beside it for a while."""
        return self._change_keys(now, lambda keys: keys.rotated(now))

    def begin_anew(self, now: datetime) -> LogKeys:
        """Accept the head as it is: the log goes on under another origin, and the ledger records again."""
        keys = self._change_keys(now, lambda keys: keys.begun_anew(now), lost=self._lost_keys(now))
        self.published.accept(now)
        return keys

    def place(self, position: int) -> Place:
        """Return where the fact at *position* is on its way."""
        published = self.published.covering(position)
        return Place(position - 1, published is not None or self.tree.size() >= position, published)

    def close(self) -> None:
        """Release the database."""
        self._database.close()

    def _lost_keys(self, now: datetime) -> LogKeys | None:
        """Return what is still known of keys whose file is gone; None while it is there."""
        newest = self.published.newest()
        if self._keys_at is None or self._keys_at.exists() or newest is None:
            return None
        known = [
            KeyKept(verifier=key.verifier, seed=None, made_at=key.made_at, until=key.until or now)
            for key in self.published.verifiers()
        ]
        return LogKeys(origin=newest.checkpoint.origin, keys=tuple(known))

    def _change_keys(self, now: datetime, change: Callable[[LogKeys], LogKeys], lost: LogKeys | None = None) -> LogKeys:
        before = lost or self.keys(now)
        assert self._outside is not None
        assert self._keys_at is not None
        with self._outside.locked():
            keys = change(before)
            signing.save(self._keys_at, keys)
        self.published.show_keys(keys)
        return keys

    def _kept(self, outside: Outside, keys: LogKeys) -> Kept | None:
        """Return the newest checkpoint outside; StoreUnavailable where it is missing, or cannot be believed."""
        try:
            kept = outside.newest(keys.origin)
            if kept is not None:
                opened(kept.note.encode(), keys.verifiers)
        except (Malformed, Disproven) as error:
            msg = f"the newest checkpoint in {outside.path} cannot be believed: {error} Put the right file back"
            raise StoreUnavailable(msg) from None
        newest = self.published.newest()
        size = newest.checkpoint.size if newest is not None and newest.checkpoint.origin == keys.origin else 0
        if size > (0 if kept is None else kept.checkpoint.size):
            msg = f"{outside.path} lacks the checkpoint of size {size}; put the right file back"
            raise StoreUnavailable(msg)
        return kept

    def _head(self, kept: Kept | None, now: datetime) -> Checkpoint | None:
        """Return the head, proven to follow from *kept* and unsigned; else halt, and return None."""
        tree = self._checked
        tree.forget()
        size, facts = tree.size(), self._store.head()
        root = None
        try:
            root = tree.root(size)
            if kept is not None:
                _follows(tree, kept.checkpoint, size, root)
        except (Disproven, TileMissing):
            if kept is None:
                raise
            before = kept.checkpoint
            was = f"size {before.size} and root {notes.encoded(before.root)}"
            self._halt(f"its head has {_shown(size, root)}, which does not follow from the published {was}", now)
            return None
        if facts < size:
            self._halt(f"its tree has {_shown(size, root)}, but only {facts} facts are there", now)
            return None
        return Checkpoint("", size, root)

    def _halt(self, why: str, now: datetime) -> None:
        said = f"The ledger is read-only: {why}. Put the right database back, or have an operator accept the head"
        self.published.halt(f"{said}: `ledger audit accept-head --because …`", now)


def _follows(tree: Tree, before: Checkpoint, size: int, root: bytes) -> None:
    path = tree.consistency(before.size, size) if before.size <= size else []
    verify_consistency(before.size, size, path, before.root, root)


def _shown(size: int, root: bytes | None) -> str:
    return f"size {size} and " + ("no root that can be computed" if root is None else f"root {notes.encoded(root)}")


def _same_log(origin: str, wanted: str) -> bool:
    """Whether *origin* is *wanted*, or what it became when a head was accepted."""
    stem, _, number = origin.rpartition("/")
    return origin == wanted or (stem == wanted and number.isdigit())
