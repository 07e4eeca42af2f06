"""`ledger import`: catalogues, results and competency frameworks."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands.options import database_option, json_option

if TYPE_CHECKING:
    from api.imports.results import Outcome

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 20


def _pairs(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Read STACK=PREVIEW, each stack once."""
    pairs = dict(one.partition("=")[::2] for one in given)
    if len(pairs) < len(given) or not all(name and value for name, value in pairs.items()):
        raise click.BadParameter("write STACK=PREVIEW, each stack once", param=parameter)
    return pairs


@click.group("import")
@database_option
def import_() -> None:
    """Import a catalogue, results or a competency framework."""


@import_.command(short_help="Draft, approve and put into effect what a file defines.")
@click.argument("file", type=_FILE)
@click.option("--by", required=True, metavar="PERSON", help="Who drafts and publishes.")
@click.option("--approved-by", required=True, metavar="PERSON", help="Who approves: somebody else.")
@click.option(
    "--holders",
    multiple=True,
    metavar="STACK=PREVIEW",
    callback=_pairs,
    help="Let this stack's new version take effect for holders too, as it was previewed; may be repeated.",
)
@json_option
@database_option
def catalogue(file: Path, by: str, approved_by: str, holders: dict[str, str], as_json: bool) -> None:
    """Draft, approve and put into effect what FILE (JSON) defines."""
    from api.commands.opening import opened, there_is_one
    from api.commands.output import counted, show_json
    from api.commands.progress import progress
    from api.imports.catalogue import import_catalogue, rehearse, two_people
    from api.imports.unusable import UnusableFile

    two_people(by, approved_by)
    raw = file.read_bytes()
    try:
        if not there_is_one():  # An unusable file does not even make a ledger.
            rehearse(raw, name=file.name, by=by, approved_by=approved_by)
        with opened(create=True) as at:
            with progress("defining") as tell:
                done = import_catalogue(
                    at.ledger, raw, name=file.name, by=by, approved_by=approved_by, holders=holders, progress=tell
                )
            at.follow()
    except UnusableFile as error:
        raise UnusableFile(f"{file.name}: {error}") from None
    if as_json:
        show_json(done._asdict())
    else:
        defined = f"{counted(done.achievements, 'achievement')} and {counted(done.stacks, 'stack')}"
        click.echo(f"{defined}; {counted(done.new_versions, 'new version')}.")


@import_.command(short_help="Record evidence and judgements from a file, as one batch.")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and record nothing.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a line per row to this CSV.")
@json_option
@database_option
def results(file: Path, dry_run: bool, report: Path | None, as_json: bool) -> None:
    """Record evidence and judgements from FILE (CSV), as one batch that can be undone."""
    import msgspec

    from api.commands.opening import opened, refuse_report
    from api.commands.output import counted, show_json
    from api.commands.progress import progress
    from api.imports.results import import_results, preview_results, read_file, readable
    from api.imports.unusable import UnusableFile

    raw = file.read_bytes()
    try:
        readable(raw)
    except UnusableFile as error:
        raise UnusableFile(f"{file.name}: {error}") from None
    if report is not None:
        refuse_report(report, file)
    with opened(create=not dry_run) as at:
        found = read_file(raw, at.ledger.catalogue())
        rows, refused = len(found.rows), len(found.refused)
        readable_are = f"{refused} of them not readable" if refused else "all readable"
        click.echo(f"{file.name}: {counted(rows + refused, 'row')}, {readable_are}.", err=True)
        with progress("deciding" if dry_run else "recording") as tell:
            if dry_run:
                outcome = preview_results(at.ledger, found, progress=tell)
            else:
                outcome = import_results(at.ledger, found, progress=at.settling(tell))
        if not dry_run:
            outcome = msgspec.structs.replace(outcome, position=at.follow())
    if report is not None:
        _write(report, outcome)
    if as_json:
        show_json(_document(outcome))
    else:
        _show(outcome)


@import_.command(short_help="Import a competency framework, a 1EdTech CASE package.")
@click.argument("file", type=_FILE)
@json_option
@database_option
def case(file: Path, as_json: bool) -> None:
    """Import the competency framework in FILE, a 1EdTech CASE 1.x package."""
    from api.commands.opening import opened
    from api.commands.output import counted, show_json
    from api.imports.case import import_case, rehearsed
    from api.imports.unusable import UnusableFile

    raw = file.read_bytes()
    try:
        framework = rehearsed(raw)
        with opened(create=True) as at:
            receipt = import_case(at.ledger, raw)
            at.follow()
    except UnusableFile as error:
        raise UnusableFile(f"{file.name}: {error}") from None
    if as_json:
        answer = {"framework_id": framework.framework_id, "competencies": len(framework.competencies)}
        show_json({**answer, "recorded": bool(receipt.recorded), "position": receipt.position})
    else:
        said = "recorded" if receipt.recorded else "recorded before"
        many = counted(len(framework.competencies), "competency", "competencies")
        click.echo(f"{framework.title}: {many}, {said}.")


def _document(outcome: Outcome) -> dict[str, object]:
    refusals = [report for report in outcome.reports if report.code not in ("recorded", "repeated")]
    return {
        "batch_id": outcome.batch_id,
        "dry_run": outcome.dry_run,
        "rows": outcome.rows,
        "recorded": outcome.recorded,
        "repeated": outcome.repeated,
        "refused": outcome.refused,
        "learners": outcome.learners,
        "position": outcome.position,
        "refusals": [report._asdict() for report in refusals[:1000]],
    }


def _write(path: Path, outcome: Outcome) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["line", "code", "sentence"])
        writer.writerows(outcome.reports)


def _show(outcome: Outcome) -> None:
    refusals = [report for report in outcome.reports if report.code not in ("recorded", "repeated")]
    for report in refusals[:_SHOWN]:
        click.echo(f"line {report.line}: {report.code}: {report.sentence}", err=True)
    if len(refusals) > _SHOWN:
        click.echo(f"… and {len(refusals) - _SHOWN} more; --report FILE writes them all.", err=True)
    would = "Would be " if outcome.dry_run else ""
    counts = f"{outcome.recorded} recorded, {outcome.repeated} recorded before, {outcome.refused} refused"
    batch = f"; batch {outcome.batch_id}" if outcome.batch_id else ""
    click.echo(f"{would}{counts}{batch}.")
