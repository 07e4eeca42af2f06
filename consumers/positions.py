"""How far each follower has come, in a file of its own beside the ledger; losing it only means following again."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

_TABLES = """
    CREATE TABLE IF NOT EXISTS followers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS acted (subject TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Positions:
    """Positions by follower, and what the scheduler has acted on; shared by threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def of(self, name: str) -> int:
        """Return the position up to which *name* has handled every fact."""
        with self._lock:
            found = self._open().execute("SELECT position FROM followers WHERE name = ?", (name,)).fetchone()
        return 0 if found is None else int(found[0])

    def save(self, name: str, position: int) -> None:
        """Note that *name* has handled every fact up to *position*; another process may be further already."""
        with self._lock:
            self._open().execute(
                "INSERT INTO followers VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)",
                (name, position),
            )

    def acted(self, subject: str) -> bool:
        """Whether *subject* was acted on."""
        with self._lock:
            return self._open().execute("SELECT 1 FROM acted WHERE subject = ?", (subject,)).fetchone() is not None

    def act(self, subject: str) -> None:
        """Note that *subject* was acted on."""
        with self._lock:
            self._open().execute("INSERT OR IGNORE INTO acted VALUES (?)", (subject,))

    def start_over(self) -> None:
        """Forget everything: every fact is followed again, and what is acted on already records nothing."""
        with self._lock:
            self._open().executescript("DELETE FROM followers; DELETE FROM acted;")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._opened()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # spoilt: nothing is lost by following again
                for suffix in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
                self._connection = self._opened()
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=30, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # After a power cut a follower may be told an older position: it handles some facts again.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_TABLES)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection
