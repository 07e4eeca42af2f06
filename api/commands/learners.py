"""`ledger transcript` and `ledger progress`: one learner, as of any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from api.commands.instants import Day, Moment
from api.commands.options import reading

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from ledger import Ledger
    from ledger.catalogue import Catalogue
    from ledger.event import Recorded
    from projections.transcript import Transcript, TranscriptEvidence

_AT = click.option("--at", type=Moment(), help="As was known then: a position, an instant, or the end of a date.")
_ON = click.option("--on", type=Day(), help="As was valid then: at the end of a date, or at an instant.")


class _Known(NamedTuple):
    learner_id: str
    facts: list[Recorded]
    catalogue: Catalogue
    on: datetime


@click.command("transcript")
@click.argument("learner_ref")
@_AT
@_ON
@click.option("--full", is_flag=True, help="Evidence and assessments too, and every award with its history.")
@reading
def transcript_(learner_ref: str, at: Any, on: Any, full: bool, as_json: bool) -> None:
    """Show a learner's transcript: live awards with hours and credits."""
    from api.commands.opening import opened
    from api.commands.output import show_json, show_table
    from projections.transcript import transcript
    from projections.wording import day

    with opened() as ledger_at:
        ledger_at.follow()
        known = _known(ledger_at.ledger, learner_ref, at, on)
        document = transcript(known.learner_id, known.facts, known.catalogue, known.on, "full" if full else "official")
    if as_json:
        show_json({"learner_ref": learner_ref, **_fields(document)})
        return
    click.echo(f"{learner_ref}, {day(known.on)}")
    rows = [
        (
            award.name,
            award.status,
            f"{award.effective_at:%Y-%m-%d}",
            _until(award.valid_until),
            award.credits,
            award.hours,
        )
        for award in document.awards
    ]
    show_table(("award", "status", "since", "until", "credits", "hours"), rows, empty="No awards.")
    if document.credits or document.hours:
        click.echo(f"Together {_many(document.credits, 'credit')} and {_many(document.hours, 'hour')}.")
    if full:
        _told(document)
    if document.issuer is not None:
        click.echo(f"Issued by {document.issuer.name}, {document.issuer.url}")
    click.echo(f"{document.legend}")


@click.command("progress")
@click.argument("learner_ref")
@_AT
@_ON
@reading
def progress_(learner_ref: str, at: Any, on: Any, as_json: bool) -> None:
    """Show what a learner has of each milestone, what is missing, and what would close it."""
    from api.commands.opening import opened
    from api.commands.output import show_json
    from projections.progress import progress

    with opened() as ledger_at:
        ledger_at.follow()
        known = _known(ledger_at.ledger, learner_ref, at, on)
        document = progress(known.learner_id, known.facts, known.catalogue, known.on)
    if as_json:
        show_json({"learner_ref": learner_ref, **_fields(document)})
        return
    for stack in document.stacks:
        click.echo(" ".join(stack.sentences))
    if not document.stacks:
        click.echo(f"No milestone was in effect on {known.on:%Y-%m-%d}, and none was held.")


def _told(document: Transcript) -> None:
    """Print what a full transcript says beyond its table: what befell each award, and the evidence as it was judged."""
    from api.commands.output import show_table

    for award in document.awards:
        for befell in award.history:
            click.echo(f"{award.name}: {befell.sentence}")
    rows = [
        (
            one.evidence_id,
            one.achievement_id,
            one.attempt,
            f"{one.submitted_at:%Y-%m-%d}",
            "withdrawn" if one.withdrawn == "learner" else one.withdrawn or _judged(one),
        )
        for one in document.evidence
    ]
    show_table(("evidence", "achievement", "attempt", "submitted", "judged"), rows, empty="No evidence.")


def _many(amount: Decimal, unit: str) -> str:
    from projections.wording import number

    return f"{number(amount)} {unit}{'' if amount == 1 else 's'}"


def _judged(evidence: TranscriptEvidence) -> str:
    said = [f"{'met' if one.met else 'not yet met'} ({one.capacity})" for one in evidence.judgements]
    return ", ".join(said) or "not yet"


def _known(ledger: Ledger, ref: str, at: Any, on: Any) -> _Known:
    """Return what was known of a learner *at* a moment, and the day asked about: the same unless *on* names another."""
    from api.commands.faults import Unusable
    from api.commands.opening import learner_id

    learner, store = learner_id(ledger, ref), ledger.store
    if at is None:
        return _Known(learner, ledger.facts(f"learner-{learner}"), ledger.catalogue(), on or ledger.now())
    if isinstance(at, int) and at > store.head():
        raise Unusable(f"The log ends at position {store.head()}.")
    until = at if isinstance(at, int) else store.position_at(at)
    facts = ledger.facts(f"learner-{learner}", until=until)
    if not facts:
        raise Unusable(f"Nothing was known of {ref!r} then.")
    if on is None:
        on = at if not isinstance(at, int) else store.read_log(at - 1, 1)[0].recorded_at
    return _Known(learner, facts, ledger.catalogue_at(until), on)


def _fields(document: Any) -> dict[str, Any]:
    return {name: getattr(document, name) for name in document.__struct_fields__}


def _until(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d}"
