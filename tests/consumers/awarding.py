"""A process of the awarder: `python -m tests.consumers.awarding BOOTSTRAP INSTANT`, its ledger by the environment."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack, closing
from datetime import datetime

from consumers.awarder import Awarder
from consumers.dead_letters import DeadLetters
from consumers.positions import Positions
from consumers.turn import AdvisoryTurn
from ledger import Ledger
from ledger.settings import PostgresUrls, Settings
from projections.views import Views

bootstrap, now = sys.argv[1], datetime.fromisoformat(sys.argv[2])
settings = Settings.from_environment()
assert isinstance(settings.database, PostgresUrls)
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
with ExitStack() as stack:
    ledger = stack.enter_context(closing(Ledger.open(settings, clock=lambda: now)))
    views = stack.enter_context(closing(Views.of_ledger(settings)))
    positions = stack.enter_context(closing(Positions.of_ledger(settings)))
    letters = DeadLetters.of_ledger(settings)
    assert letters is not None
    turn = AdvisoryTurn(settings.database.log, "scheduler")
    awarder = stack.enter_context(closing(Awarder(ledger, views, positions, bootstrap, letters, turn)))
    awarder.start()
    print("begun", flush=True)
    ended.wait()
