"""A relay to be killed: `python -m tests.consumers.killed_relay DIRECTORY BOOTSTRAP`, in small batches."""

from __future__ import annotations

import sys
from pathlib import Path

from consumers import relay
from consumers.positions import Positions
from consumers.topics import Topics
from consumers.turn import AlwaysMine
from ledger.sqlite_store import SQLiteStore

directory, bootstrap = Path(sys.argv[1]), sys.argv[2]
relay._BATCH = 100
store = SQLiteStore.open(directory / "ledger.db")
positions = Positions.in_file(directory / "followers.db")
running = relay.Relay("relay", store, positions, bootstrap, AlwaysMine(), relay.facts(Topics()))
print("begun", flush=True)
running.loop.start()
sys.stdin.read()
