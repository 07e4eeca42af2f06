"""`ledger init`, `stats`, `rebuild`, `doctor`: looking after a ledger."""

from __future__ import annotations

import click

from api.commands.options import database_option, json_option, reading

_QUEUES = {"queue": "wait for an assessor", "confirm": "wait for confirmation", "review": "wait for review"}
"""What the counts of queues mean, for people."""


@click.command("init")
@json_option
@database_option
def init_(as_json: bool) -> None:
    """Make an empty ledger; where there is one already, nothing changes."""
    from api.commands.opening import opened
    from api.commands.options import database
    from api.commands.output import show_json
    from ledger.settings import Settings

    with opened(create=True) as at:
        position = at.follow()
    settings = Settings.from_environment(database=database())
    if as_json:
        show_json({"database": str(settings.database), "position": position})
        return
    click.echo(f"{settings.database} stands at position {position}.")
    if settings.kek is None:
        click.echo(f"Keep {settings.kek_file} apart from backups: without it nothing personal can be read.", err=True)


@click.command("stats")
@reading
def stats_(as_json: bool) -> None:
    """Count what the ledger holds."""
    from api.commands.opening import opened
    from api.commands.output import show_fields, show_json
    from projections.totals import statistics

    with opened() as at:
        position = at.follow()
        with at.views.reading() as connection:
            found = {"position": position, **statistics(connection, at.ledger.now())}
    if as_json:
        show_json(found)
    else:
        show_fields({_QUEUES.get(name, name): count for name, count in found.items()})


@click.command("rebuild")
@json_option
@database_option
def rebuild_(as_json: bool) -> None:
    """Rebuild all views from the facts, beside those in use, and put them in their place."""
    from api.commands.opening import opened
    from api.commands.output import show_json
    from api.commands.progress import progress

    with opened() as at:
        with progress("rebuilding") as tell:
            at.views.rebuild(at.ledger.store, tell)
        answer = {"position": at.follow(), "hash": at.views.hash()}
    if as_json:
        show_json(answer)
    else:
        click.echo(f"Rebuilt to position {answer['position']}; hash {answer['hash']}.")


@click.command("doctor")
@reading
def doctor_(as_json: bool) -> None:
    """Read every fact strictly, compare views with a rebuild; 0 when all is well, 3 when something is not."""
    from api.commands.examination import examine
    from api.commands.faults import DISPROVEN
    from api.commands.opening import opened
    from api.commands.output import show_json
    from api.commands.progress import progress

    with opened() as at, progress("reading") as tell:
        findings = examine(at.ledger, at.views, at.followers, tell)
    well = all(finding.well for finding in findings)
    if as_json:
        show_json({"well": well, "findings": findings})
    else:
        for finding in findings:
            click.echo(f"{'ok    ' if finding.well else 'WRONG '} {finding.subject}: {finding.sentence}")
    if not well:
        raise SystemExit(DISPROVEN)
