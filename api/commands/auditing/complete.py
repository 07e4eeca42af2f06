"""`ledger audit complete`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands.auditing.writing import out_option
from api.commands.options import database_option

if TYPE_CHECKING:
    from api.audit.bundling import FromLedger
    from api.audit.source import Source
    from ledger import Ledger


@click.command("complete")
@click.option("--learner", metavar="REF", help="All facts of this learner.")
@click.option("--from", "since", metavar="INSTANT", help="All facts recorded at this instant or later …")
@click.option("--to", "before", metavar="INSTANT", help="… and before this one.")
@out_option
@database_option
def complete_(learner: str | None, since: str | None, before: str | None, out: Path) -> None:
    """
    Write a proof that these are all the facts of a learner, or all that were recorded within a period.

    For a learner it holds the envelope of every fact of the log, which shows whose it is; nothing personal is in one.
    """
    from api.audit.bundling import of_period, of_stream
    from api.commands.auditing.writing import write_bundle
    from api.commands.faults import Unusable
    from api.commands.opening import learner_id

    if learner is not None and since is None and before is None:

        def content(ledger: Ledger, log: Source) -> FromLedger:
            stream = f"learner-{learner}"  # who was erased is known by the ledger's own id alone
            known = log.store.versions([stream])[stream]
            return of_stream(log, stream if known else f"learner-{learner_id(ledger, learner)}")

    elif learner is None and since is not None and before is not None:
        begin, end = _instant(since), _instant(before)
        if begin >= end:
            raise Unusable("--from must be earlier than --to.")

        def content(ledger: Ledger, log: Source) -> FromLedger:  # noqa: ARG001
            return of_period(log, begin, end)

    else:
        raise Unusable("Name either --learner, or --from and --to.")
    write_bundle(out, "audit.complete", content, of=learner, since=since, before=before)


def _instant(text: str) -> datetime:
    from api.commands.faults import Fault

    try:
        found = datetime.fromisoformat(text)
        usable = found.tzinfo is not None and found.astimezone(UTC).year > 1
    except (ValueError, OverflowError):
        usable = False
    if not usable:
        raise Fault(f"{text!r} must be an instant with its offset from UTC, like 2026-01-31T09:00:00Z.")
    return found.astimezone(UTC)
