"""`ledger lag`: how far everything that follows the log is behind it."""

from __future__ import annotations

import click

from api.commands.options import reading


@click.command("lag")
@reading
def lag_(as_json: bool) -> None:
    """Show how far each follower is behind the log, in facts and seconds; 4 when one could not be asked."""
    from api.commands.faults import UNCHECKED
    from api.commands.opening import opened
    from api.commands.output import show_json, show_table
    from consumers.lag import Lag

    with opened() as at:
        position, found = at.following.position(), at.following.lags()
        waiting = at.following.dead_letters()
    unasked = [one for one in found if not isinstance(one, Lag)]
    if as_json:
        lags = [one for one in found if isinstance(one, Lag)]
        show_json({"position": position, "followers": lags, "unasked": unasked, "dead_letters": waiting})
    else:
        rows = [
            (one.follower, f"{one.behind} {one.counted}", f"{one.seconds:.1f}")
            if isinstance(one, Lag)
            else (one.follower, one.reason, "?")
            for one in found
        ]
        show_table(("follower", "behind", "seconds"), rows, empty="Nothing follows the log.")
        waits = "1 dead letter waits" if waiting == 1 else f"{waiting} dead letters wait"
        click.echo(f"The log stands at position {position}; {waits}.")
    if unasked:
        raise SystemExit(UNCHECKED)
