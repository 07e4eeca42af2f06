"""`ledger audit diff`: what changed between two moments."""

from __future__ import annotations

import click

from api.commands.options import reading


@click.command("diff")
@click.option("--from", "since", required=True, metavar="MOMENT", help="A position, an instant, or a date: its end.")
@click.option("--to", "until", required=True, metavar="MOMENT", help="A position, an instant, or a date: its end.")
@click.option("--learner", metavar="REF", help="Only what changed for this learner.")
@reading
def diff_(since: str, until: str, learner: str | None, as_json: bool) -> None:
    """Say what changed after one moment, up to another: awards, milestones, definitions, people, batches."""
    from api.audit.differing import diff
    from api.audit.moments import moment
    from api.commands.auditing.asking import named_moments, noted
    from api.commands.opening import learner_id, opened
    from api.commands.output import show_json
    from api.commands.progress import progress

    with opened() as at, at.reading() as connection, named_moments():
        before, after = moment(at.ledger.store, since), moment(at.ledger.store, until)
        whose = None if learner is None else learner_id(at.ledger, learner)
        with progress("reading") as tell:
            found = diff(at.ledger, connection, before, after, tell, learner_id=whose)
        profiles = at.ledger.identities.profiles(one.learner_id for one in found.learners)
        noted(at.ledger, "audit.diff", whose, since=since, until=until)
    if as_json:
        show_json(found)
        return
    click.echo(f"After position {before.position}, up to position {after.position}:", err=True)
    for sentence in found.sentences:
        click.echo(sentence)
    for one in found.learners:
        profile = profiles.get(one.learner_id)
        for sentence in one.sentences or (f"{sum(one.facts.values())} facts, no award changed.",):
            click.echo(f"{profile.ref if profile else one.learner_id}: {sentence}")
