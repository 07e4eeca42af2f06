"""`ledger resend`: Kafka's topics are filled again from the log."""

from __future__ import annotations

import click

from api.commands.options import database_option, json_option


@click.command("resend")
@click.option(
    "--after",
    type=click.IntRange(0, 2**63 - 2),
    default=0,
    show_default=True,
    metavar="POSITION",
    help="Send again what comes after this position of the log.",
)
@json_option
@database_option
def resend_(after: int, as_json: bool) -> None:
    """
    Have facts, transcripts and checkpoints sent to Kafka again, where its topics were lost or made anew.

    It may be said while `ledger run relay` and `ledger run sequencer` run, who do it. All comes under the ids that it
    had, so consumers pass over what they have had; the awarder settles again, which records nothing.
    """
    from contextlib import closing

    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from api.commands.options import database
    from api.commands.output import show_json
    from consumers.positions import Positions
    from consumers.resending import resend
    from ledger.settings import Settings

    settings = Settings.from_environment(database=database())
    if settings.kafka is None:
        raise Unusable("Nothing of this ledger is sent to Kafka; LEDGER_KAFKA names its brokers.")
    with opened() as at, closing(Positions.of_ledger(settings)) as positions:
        taken_back = {one.follower: one.position for one in resend(positions, at.log.published, after)}
        position = at.following.position()
    if as_json:
        show_json({"after": after, "taken_back": taken_back, "position": position})
        return
    for follower, was in taken_back.items():
        click.echo(f"{follower} had sent up to position {was}; {was - after} facts after position {after} come again.")
    if taken_back:
        click.echo("The relay and the sequencer send them when they run; `ledger lag` says how far they are.")
    else:
        click.echo(f"Nothing after position {after} was sent; the relay goes on as it would.")
