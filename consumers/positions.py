"""
How far each follower has come, and what the scheduler acted on; losing it only means following again.

So nobody waits for the disk: after a power cut a follower may be told an older position, and handles some facts again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from ledger.database import Database
from ledger.opening import small_database
from ledger.settings import Settings
from ledger.sqlite_file import SQLiteDatabase

_TABLES = (
    "CREATE TABLE IF NOT EXISTS followers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS acted (subject TEXT PRIMARY KEY) WITHOUT ROWID",
)


class Positions:
    """Positions by follower, and what the scheduler has acted on; shared by threads and processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def of_ledger(cls, settings: Settings) -> Positions:
        """Open those of the followers of the ledger that *settings* name."""
        if isinstance(settings.database, Path):
            return cls.in_file(settings.followers)
        return cls(small_database(settings, durable=False))

    @classmethod
    def in_file(cls, path: Path) -> Positions:
        """Open the SQLite file *path*; one that is spoilt is made anew, for nothing is lost by following again."""
        if _spoilt(path):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        return cls(SQLiteDatabase(path, _TABLES, synchronous="NORMAL"))

    def of(self, name: str) -> int:
        """Return the position up to which *name* has handled every fact."""
        found = self.database.fetch("SELECT position FROM followers WHERE name = ?", (name,))
        return found[0][0] if found else 0

    def save(self, name: str, position: int) -> None:
        """Note that *name* has handled every fact up to *position*; another process may be further already."""
        with self.database.writing() as writing:
            writing.execute(
                "INSERT INTO followers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET position = excluded.position"
                " WHERE followers.position < excluded.position",
                (name, position),
            )

    def go_on(self, name: str, before: int, position: int) -> bool:
        """Note that *name* came from *before* to *position*; False, with nothing noted, where it was taken back."""
        begin = (
            "INSERT INTO followers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET position = excluded.position"
            " WHERE followers.position = 0"
        )
        with self.database.writing() as writing:
            if not before:
                return writing.execute(begin, (name, position)).rowcount > 0
            moved = "UPDATE followers SET position = ? WHERE name = ? AND position = ?"
            return writing.execute(moved, (position, name, before)).rowcount > 0

    def take_back(self, name: str, position: int) -> int | None:
        """Have *name* follow again what comes after *position*; return where it was, None where not beyond that."""
        with self.database.writing() as writing:
            found = writing.execute("SELECT position FROM followers WHERE name = ?", (name,)).fetchone()
            if found is None or found[0] <= position:
                return None
            writing.execute("UPDATE followers SET position = ? WHERE name = ?", (position, name))
            return int(found[0])

    def all(self) -> dict[str, int]:
        """Return the positions of all followers that ever saved one."""
        return dict(self.database.fetch("SELECT name, position FROM followers ORDER BY name"))

    def acted(self, subject: str) -> bool:
        """Whether *subject* was acted on."""
        return bool(self.database.fetch("SELECT 1 FROM acted WHERE subject = ?", (subject,)))

    def act(self, subject: str) -> None:
        """Note that *subject* was acted on."""
        with self.database.writing() as writing:
            writing.execute("INSERT INTO acted VALUES (?) ON CONFLICT DO NOTHING", (subject,))

    def start_over(self) -> None:
        """Forget everything: every fact is followed again, and what is acted on already records nothing."""
        with self.database.writing() as writing:
            writing.execute("DELETE FROM followers")
            writing.execute("DELETE FROM acted")

    def close(self) -> None:
        """Release the database."""
        self.database.close()


def _spoilt(path: Path) -> bool:
    """Whether *path* is there but no SQLite file that can be read."""
    if not path.exists():
        return False
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return True
    return False
