"""A ledger of facts that mean nothing, whose log is published: what is shipped is its checkpoints."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path

from ledger.sqlite_file import SQLiteDatabase
from ledger.sqlite_store import SQLiteStore
from ledger.store import Append, NewFact
from ledger.transparency import note as notes
from ledger.transparency import tables
from ledger.transparency.checkpoint import opened
from ledger.transparency.cosigning import Cosigner
from ledger.transparency.faults import Unsigned
from ledger.transparency.log import Log
from tests.examples import START

COSIGNER = Cosigner("witness.example/w1", b"\3" * 32)
OTHER = Cosigner("witness.example/w2", b"\4" * 32)


class Recorded:
    """A ledger of facts that mean nothing, and its log."""

    def __init__(self, directory: Path, ends: ExitStack) -> None:
        directory.mkdir(exist_ok=True)
        path = directory / "ledger.db"
        self.store = ends.enter_context(closing(SQLiteStore.open(path, create=True)))
        database = ends.enter_context(closing(SQLiteDatabase(path, tables.SQLITE)))
        places = {"keys": directory / "keys", "outside": directory / "checkpoints"}
        trusted = [COSIGNER.verifier, OTHER.verifier]
        self.log = Log(database, self.store, **places, origin="college.example/ledger", witnesses=trusted)
        self.now = START

    def grow(self, facts: int, text: bytes = b"x") -> None:
        self.now += timedelta(seconds=2)
        at = self.store.head()
        new = tuple(NewFact("happened.v1", b"%s%d" % (text, at + number)) for number in range(facts))
        self.store.append([Append("learner-lee", at, new)], now=self.now)
        assert self.log.publish(self.now, at_once=True) is not None

    def cosigned_by(self, cosigner: Cosigner) -> bool:
        newest = self.log.published.newest()
        assert newest is not None
        keys = [notes.read_key(key.verifier) for key in self.log.published.verifiers()]
        _, note = opened(self.log.published.cosigned(newest).encode(), keys)
        with suppress(Unsigned):
            return [cosigner.verifier] == notes.verified(note, [cosigner.verifier])
        return False
