"""`ledger awards` and `ledger why`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from api.commands.options import reading

if TYPE_CHECKING:
    from ledger import Ledger

_PERSON = re.compile(r"\bper_[0-9a-f]{30}\b")


@click.command("awards")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many.")
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
@click.argument("award_id", required=False)
@click.option("--learner", metavar="REF", help="Whom, with --achievement, in the place of an award.")
@click.option("--achievement", metavar="ID", help="Why the learner does not hold it.")
@reading
def why_(award_id: str | None, learner: str | None, achievement: str | None, as_json: bool) -> None:
    """Explain an award: rule version, matched awards, judgements, evidence; or why a learner holds none."""
    if award_id is None or learner is not None or achievement is not None:
        if award_id is not None or learner is None or achievement is None:
            raise click.UsageError("Name an award; or a learner and an achievement, with --learner and --achievement.")
        _why_not(learner, achievement, as_json)
        return
    from api.commands.auditing.asking import noted
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
        noted(at.ledger, "awards.why", found.learner_id, award=award_id)
        sentences = _with_refs(explained.sentences, at.ledger)
    if as_json:
        show_json(explained)
    else:
        for sentence in sentences:
            click.echo(sentence)


def _why_not(learner: str, achievement: str, as_json: bool) -> None:
    from api.commands.auditing.asking import noted
    from api.commands.opening import learner_id, opened
    from api.commands.output import show_json
    from projections.why_not import why_not

    with opened() as at:
        at.follow()
        whose = learner_id(at.ledger, learner)
        facts = at.ledger.facts(f"learner-{whose}")
        document = why_not(whose, achievement, facts, at.ledger.catalogue(), at.ledger.now())
        noted(at.ledger, "awards.why_not", whose, achievement=achievement)
        sentences = _with_refs(document.sentences, at.ledger)
    if as_json:
        show_json(document)
        return
    for sentence in sentences:
        click.echo(sentence)


def _with_refs(sentences: Iterable[str], ledger: Ledger) -> list[str]:
    """Name people as the college does: who sits here knows nobody by an id of the ledger."""
    told = "\n".join(sentences)
    known = ledger.identities.profiles(set(_PERSON.findall(told)))
    return _PERSON.sub(lambda found: known[found[0]].ref if found[0] in known else found[0], told).split("\n")
