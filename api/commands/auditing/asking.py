"""What subcommands of `ledger audit` share: moments named in words, and the record of what was read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from api.audit.moments import NoMoment
from api.audit.reads import AT_TERMINAL, note_read
from api.commands.faults import Fault
from ledger import Ledger
from ledger.errors import Refused
from ledger.store import StoreUnavailable


@contextmanager
def named_moments() -> Iterator[None]:
    """Turn what is no moment into one sentence and exit code 4."""
    try:
        yield
    except NoMoment as wrong:
        text = str(wrong)
        raise Fault(f"{text[:1].upper()}{text[1:]}.") from None


def noted(ledger: Ledger, what: str, learner: str | None = None, **asked: object) -> None:
    """Record what is about to be shown; where the log takes no facts, say so and go on."""
    try:
        note_read(ledger, AT_TERMINAL, what, learner, **asked)
    except (StoreUnavailable, Refused) as error:
        click.echo(f"This read could not be recorded: {error}.", err=True)
