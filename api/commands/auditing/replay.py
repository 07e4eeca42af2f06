"""`ledger audit replay`: the state as of a moment, rebuilt from the facts up to it."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.options import reading


@click.command("replay")
@click.option("--at", "at", required=True, metavar="MOMENT", help="As was known then: a position or an instant.")
@click.option("--on", "on", metavar="DATE", help="As was valid then; by default at that moment.")
@click.option("--learner", metavar="REF", help="Show this learner's transcript as it was.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep the rebuilt views there.")
@reading
def replay_(at: str, on: str | None, learner: str | None, keep: Path | None, as_json: bool) -> None:
    """Rebuild the state as of a moment from the facts up to it, in a scratch place, and show it."""
    from api.audit.moments import day, moment
    from api.audit.replaying import replay
    from api.commands.auditing.asking import named_moments, noted
    from api.commands.faults import Unusable
    from api.commands.opening import learner_id, opened
    from api.commands.output import show_fields, show_json, show_table
    from api.commands.progress import progress
    from projections.wording import number

    if keep is not None and keep.exists():
        raise Unusable(f"{keep} is there already; name a directory that is not.")
    with opened() as ledger_at, named_moments():
        ledger = ledger_at.ledger
        as_of = moment(ledger.store, at)
        valid = None if on is None else day(on)
        whose = None if learner is None else learner_id(ledger, learner)
        with progress("replaying") as tell:
            found = replay(ledger, as_of, tell, on=valid, learner_id=whose, keep=keep)
        noted(ledger, "audit.replay", whose, at=at, on=on)
    if as_json:
        show_json(found)
        return
    told = found.transcript
    show_fields({"position": found.position, "at": found.at, "on": found.on, **found.totals, "hash": found.hash})
    if told is not None:
        rows = [(one.name, one.status, f"{one.effective_at:%Y-%m-%d}", one.credits, one.hours) for one in told.awards]
        show_table(("award", "status", "since", "credits", "hours"), rows, empty="No awards.")
        click.echo(f"Together {number(told.credits)} credits and {number(told.hours)} hours.")
    if found.kept is not None:
        click.echo(f"The views are in {found.kept}.")
    rate = f"{found.position:,} facts in {found.seconds:.1f} s, {found.facts_per_second:,} a second"
    click.echo(f"Replayed {rate}.", err=True)
