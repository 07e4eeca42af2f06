"""
What is kept of the transparency log beside the facts: the same tables in SQLite (here) and PostgreSQL (migrations).

`tiles`         the tree; a tile only ever gets wider, until it is full
`checkpoints`   every head that was signed, with its note and when
`cosignatures`  what witnesses made of them
`log_keys`      the public halves of the log's keys, for whoever has no access to the secret ones
`halts`         why the ledger became read-only, and who accepted that; one not accepted keeps it so
"""

from __future__ import annotations

SQLITE = (
    """CREATE TABLE IF NOT EXISTS tiles (
        level INTEGER NOT NULL, nth INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, nth))""",
    """CREATE TABLE IF NOT EXISTS checkpoints (
        origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, at_us INTEGER NOT NULL,
        PRIMARY KEY (origin, size)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS cosignatures (
        origin TEXT NOT NULL, size INTEGER NOT NULL, witness TEXT NOT NULL, line TEXT NOT NULL,
        PRIMARY KEY (origin, size, witness)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS log_keys (
        verifier TEXT PRIMARY KEY, made_us INTEGER NOT NULL, until_us INTEGER) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS halts (
        at_us INTEGER PRIMARY KEY, sentence TEXT NOT NULL, accepted_us INTEGER)""",
)
TREE_SIZE = "SELECT nth * 256 + length(hashes) / 32 FROM tiles WHERE level = 0 ORDER BY nth DESC LIMIT 1"
TILE = "SELECT hashes FROM tiles WHERE level = ? AND nth = ?"
WRITE_TILE = (
    "INSERT INTO tiles (level, nth, hashes) VALUES (?, ?, ?) ON CONFLICT (level, nth) DO UPDATE "
    "SET hashes = excluded.hashes WHERE length(tiles.hashes) < length(excluded.hashes)"
)
HALTED = "SELECT sentence FROM halts WHERE accepted_us IS NULL ORDER BY at_us LIMIT 1"
