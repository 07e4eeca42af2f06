"""Ledgers in files to back up, and backups put back elsewhere."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from api.backup import placing
from ledger.application import Ledger
from ledger.learners.commands import RegisterLearner
from ledger.settings import Settings
from ledger.store import Stored
from tests.api.conftest import ADMINISTRATION

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def register(ledger: Ledger, ref: str) -> None:
    """Register a learner: an account, a key and a fact are made."""
    (learner,) = ledger.identities.register("learner", [ref]).values()
    ledger.execute(RegisterLearner(learner_id=learner), actor=ADMINISTRATION)


def silent(done: int, of: int) -> None:
    """Say nothing."""


def facts(path: Path, until: int) -> list[Stored]:
    """Return the log up to a position, as it is stored."""
    with closing(Ledger.open(Settings(database=path))) as ledger:
        return ledger.store.read_log(0, 10**9, until)


def restored(backup: Path, directory: Path, kek: Path) -> Settings:
    """Put a backup back into a new place."""
    settings = Settings(database=directory / "ledger.db")
    placing.put_back(backup, settings, (), silent)
    shutil.copy2(kek, settings.kek_file)
    return settings


def left(directory: Path) -> list[str]:
    """Return what is in a directory, hidden files too."""
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def ledger_of_many(tmp_path: Path) -> Settings:
    """Make a ledger of some hundred learners, which nobody has open."""
    settings = Settings(database=tmp_path / "there" / "ledger.db")
    with closing(Ledger.open(settings, create=True)) as ledger:
        refs = [f"S-{n}" for n in range(300)]
        for learner in ledger.identities.register("learner", refs).values():
            ledger.execute(RegisterLearner(learner_id=learner), actor=ADMINISTRATION)
    return settings
