"""`ledger audit accept-head`: what an operator can do when the ledger is read-only."""

from __future__ import annotations

import click

from api.commands.options import database_option, json_option


@click.command("accept-head")
@click.option("--because", required=True, help="Why the head is accepted; recorded as a fact.")
@json_option
@database_option
def accept_head_(because: str, as_json: bool) -> None:
    """
    Accept the log's head although it does not follow from the published one, or the files to tell by are lost.

    Nothing published before proves anything about what comes: the log begins anew under another origin and key, which
    whoever checks it, and every witness, has to be told.
    """
    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from api.commands.output import show_fields, show_json
    from ledger.decider import LOCAL_ADMINISTRATION
    from ledger.event import Actor
    from ledger.heads import AcceptHead

    if not because.strip():
        raise Unusable("Say why: --because must not be empty.")
    with opened() as at:
        now = at.ledger.now()
        halt = at.log.halted() or at.log.why_not_signed(now)
        newest = at.log.published.newest()
        if halt is None or newest is None:
            raise Unusable("The ledger is not read-only: there is no head to accept.")
        former = newest.checkpoint.origin
        origin = at.log.begin_anew(now).origin
        command = AcceptHead(
            origin=origin, former_origin=former, found=halt, because=because.strip(), by=LOCAL_ADMINISTRATION
        )
        actor = Actor(id=LOCAL_ADMINISTRATION, role="operator", client="command line")
        receipt = at.ledger.execute(command, actor=actor)
        at.follow()
        found = {"origin": origin, "former_origin": former, "position": receipt.position}
    (show_json if as_json else show_fields)(found)
