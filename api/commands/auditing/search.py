"""`ledger audit search`: facts by what they are about, and by words that are not sealed."""

from __future__ import annotations

import click

from api.commands.options import reading

_PATIENCE_S = 60.0


@click.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--after", "cursor", type=click.IntRange(1), metavar="CURSOR", help="The `next` of the list before.")
@click.option("--oldest-first", is_flag=True, help="In the order of the log; else the newest come first.")
@reading
def search_(query: tuple[str, ...], limit: int, cursor: int | None, oldest_first: bool, as_json: bool) -> None:
    """
    Find facts: type: actor: learner: achievement: stack: batch: after: before: position: and words.

    All that is asked for must be so. Example: type:award.revoked learner:s1001 after:2026-01-01 "by mistake"
    """
    from api.audit.query import UnusableQuery, parsed
    from api.audit.shown import fact_found
    from api.commands.auditing.asking import noted
    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from api.commands.output import show_json, show_table
    from projections.searching import search
    from projections.views import position

    text = " ".join(query)
    with opened() as at, at.reading() as connection:
        try:
            asked = parsed(text, at.ledger.identities)
        except UnusableQuery as wrong:
            raise Unusable(str(wrong)) from None
        until = position(connection)
        found = search(
            at.ledger.store, connection, asked, until=until, cursor=cursor, limit=limit, newest=not oldest_first,
            seconds=_PATIENCE_S,
        )  # fmt: skip
        items = [fact_found(at.ledger, one) for one in found.facts]
        noted(at.ledger, "audit.search", asked.learner, q=text)
    if as_json:
        show_json({"items": items, "next": found.next, "position": until})
        return
    rows = [(one.position, f"{one.recorded_at:%Y-%m-%d %H:%M}", one.type, one.stream, one.actor.id) for one in items]
    show_table(("position", "recorded", "type", "stream", "actor"), rows, empty="No facts.")
    if found.next is not None:
        click.echo(f"More: --after {found.next}")
