"""`ledger awards` and `ledger why`."""

from __future__ import annotations

import click

from api.commands.options import reading


@click.command("awards")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--after", type=click.IntRange(0), default=0, metavar="CURSOR", help="The `next` of the list before.")
@click.option("--learner", metavar="REF", help="Only those of one learner.")
@click.option("--achievement", metavar="ID", help="Only those of one achievement.")
@reading
def awards_(limit: int, after: int, learner: str | None, achievement: str | None, as_json: bool) -> None:
    """List awards in the order in which they were recorded."""
    from api.commands.opening import learner_id, opened
    from api.commands.output import show_json, show_table
    from api.schemas.records import AwardShown
    from projections.award_register import awards

    with opened() as at, at.reading() as connection:
        whose = None if learner is None else learner_id(at.ledger, learner)
        found = awards(
            connection, at.ledger.now(), after=after, limit=limit + 1, learner_id=whose, achievement_id=achievement
        )
        profiles = at.ledger.identities.profiles(award.learner_id for award in found[:limit])
    items = [AwardShown.of(award, profiles.get(award.learner_id)) for award in found[:limit]]
    more = items[-1].position if len(found) > limit else None
    if as_json:
        show_json({"items": items, "next": more})
        return
    rows = [
        (item.id, item.learner_ref, item.achievement, item.status, f"{item.effective_at:%Y-%m-%d}") for item in items
    ]
    show_table(("award", "learner", "achievement", "status", "since"), rows, empty="No awards.")
    if more is not None:
        click.echo(f"More: --after {more}")


@click.command("why")
@click.argument("award_id")
@reading
def why_(award_id: str, as_json: bool) -> None:
    """Explain an award: the rule's version, the awards that matched it, the judgements, the evidence."""
    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from api.commands.output import show_json
    from projections.award_register import award
    from projections.why import why

    with opened() as at, at.reading() as connection:
        found = award(connection, award_id, at.ledger.now())
        if found is None:
            raise Unusable(f"There is no award {award_id!r}.")
        facts = at.ledger.facts(f"learner-{found.learner_id}")
        explained = why(award_id, facts, at.ledger.catalogue(), at.ledger.now())
    if as_json:
        show_json(explained)
    else:
        for sentence in explained.sentences:
            click.echo(sentence)
