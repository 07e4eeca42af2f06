"""`ledger blast`: what rests on an assessor, on evidence, or on how an achievement was defined; and its review."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands.options import database_option, reading

if TYPE_CHECKING:
    from api.commands.opening import Opened
    from ledger.doubt import Doubt


def _carrying_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a list, and those that carry out what it shows."""
    options = (
        click.option(
            "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="At most so many."
        ),
        click.option("--after", type=click.IntRange(0), default=0, metavar="CURSOR", help="How many to pass over."),
        click.option("--carry-out", is_flag=True, help="Queue what rests on it for review, learner by learner."),
        click.option("--because", metavar="TEXT", help="Why, for the record; needed to carry it out."),
        click.option("--second", metavar="KEY", help="The API key of the second person, a registrar."),
    )
    for option in reversed(options):
        function = option(function)
    return reading(function)


@click.group("blast")
@database_option
def blast_() -> None:
    """Show how far a doubt reaches, stacks included; carry it out as reviews."""


@blast_.command()
@click.argument("ref")
@_carrying_out
def assessor(ref: str, **asked: Any) -> None:
    """Show whose awards rest on the judgements of the assessor known as REF. Nothing is recorded unless carried out."""
    from api.commands.opening import person_id
    from ledger.doubt import Doubt

    _answer(lambda at: Doubt(kind="assessor", subject=person_id(at.ledger, ref)), **asked)


@blast_.command()
@click.argument("evidence_id")
@_carrying_out
def evidence(evidence_id: str, **asked: Any) -> None:
    """Show what rests on a piece of evidence. Nothing is recorded unless carried out."""
    from ledger.doubt import Doubt

    _answer(lambda _: Doubt(kind="evidence", subject=evidence_id), **asked)


@blast_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_carrying_out
def achievement(file: Path, **asked: Any) -> None:
    """
    Hold awards against the achievement in FILE (JSON): whose would not be made under it, or differ.

    It is carried out once that definition is published.
    """
    from api.imports.one_definition import read_achievement
    from api.imports.unusable import UnusableFile
    from ledger.doubt import Doubt
    from ledger.sound_definition import identical

    try:
        entry = read_achievement(file.read_bytes())
    except UnusableFile as error:
        raise UnusableFile(f"{file.name}: {error}") from None

    def doubt(at: Opened) -> Doubt:
        record = at.ledger.catalogue().achievement(entry.id)
        published = record.published
        if published and identical(record.versions[published].definition, entry.definition):
            return Doubt(kind="achievement", subject=entry.id, version=published)
        return Doubt(kind="achievement", subject=entry.id, definition=entry.definition)

    _answer(doubt, **asked)


def _answer(
    doubted: Callable[[Opened], Doubt],
    *,
    limit: int,
    after: int,
    carry_out: bool,
    because: str | None,
    second: str | None,
    as_json: bool,
) -> None:
    from api.blasting import blast
    from api.blasting import carry_out as queue
    from api.commands.opening import opened
    from api.commands.output import show_json
    from api.commands.progress import progress
    from api.imports.rehearsal import COMMAND_LINE
    from api.previews import now

    with opened() as at:
        doubt = doubted(at)
        if carry_out:
            approved_by = _second(at, doubt, because, second)
            with progress("queueing") as tell:
                done = queue(
                    at.ledger,
                    doubt,
                    by=COMMAND_LINE.id,
                    approved_by=approved_by,
                    reason=because or "",
                    actor=COMMAND_LINE,
                    progress=tell,
                )
            at.follow()
        else:
            with progress("replaying") as tell:
                found = blast(at.ledger, doubt, now(at.ledger), after=after, limit=limit, progress=tell)
    if as_json:
        show_json(done if carry_out else found)
    elif carry_out:
        click.echo(f"{done.queued} awards are queued for review, of {done.learners} learners looked at.")
        for one in done.refused:
            click.echo(f"{one.learner_id}: {one.sentence}", err=True)
    else:
        click.echo(
            f"{found.rest} awards rest on it, {found.stand} stand without it, {found.differ} would differ, "
            f"{found.wait} wait; {found.milestones} milestones would be touched, of {found.learners} learners."
        )
        for item in found.items:
            click.echo(f"{item.learner_id}  {item.sentence}")
        if found.next is not None:
            click.echo(f"More: --after {after + limit}")


def _second(at: Opened, doubt: Doubt, because: str | None, second: str | None) -> str:
    """Return the account of the second person, by their key."""
    from api.commands.faults import Unusable

    if because is None and doubt.kind != "achievement":
        raise Unusable("Say why, with --because.")
    found = at.ledger.identities.check_key(second) if second else None
    if found is None or found.role != "registrar":
        raise Unusable("This takes a second person: give the key of a registrar with --second.")
    return found.account
