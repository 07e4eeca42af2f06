"""
A life that can end at any instant: the ledger with its followers, carrying out what comes through pipes.

Lives are forked from one process that has only imported, so that a restart takes milliseconds.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Thread

from consumers.positions import Positions
from consumers.run import Followers
from ledger.application import Ledger
from ledger.settings import Settings
from projections.views import Views
from tests.simulation.college import ACTOR

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload([__name__, "ledger.sqlite_store", "cryptography.hazmat.primitives.ciphers.aead"])


def begin(database: Path, clients: int) -> tuple[ForkServerProcess, list[Connection]]:
    """Begin a life; return it, and a pipe for each client."""
    pipes = [FORKED.Pipe() for _ in range(clients)]
    life = FORKED.Process(target=live, args=(database, [theirs for _, theirs in pipes]), daemon=True)
    life.start()
    for _, theirs in pipes:
        theirs.close()
    return life, [ours for ours, _ in pipes]


def live(database: Path, pipes: list[Connection]) -> None:
    """Open, follow, and answer until killed."""
    settings = Settings.from_environment({}, database=str(database))
    ledger = Ledger.open(settings)
    Followers(ledger, Views(settings.views), Positions.of_ledger(settings)).start()
    threads = [Thread(target=answer, args=(ledger, pipe)) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def answer(ledger: Ledger, pipe: Connection) -> None:
    """Carry out one command after another, each under its key."""
    while True:
        try:
            key, command = pipe.recv()
        except EOFError:
            return
        receipt = ledger.execute(command, actor=ACTOR, key=key)
        pipe.send((receipt.stream, receipt.version, receipt.position, receipt.recorded, receipt.repeated))
