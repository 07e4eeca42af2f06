"""`ledger audit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands.auditing.trusting import FILE, cosigner_option, key_option
from api.commands.options import database, reading

if TYPE_CHECKING:
    from api.audit.recomputing import State
    from api.audit.verdict import Verdict


@click.command("verify")
@click.option(
    "--against", type=FILE, multiple=True, help="A file of checkpoints that were kept elsewhere; may be repeated."
)
@key_option
@cosigner_option
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Note progress in this file, and go on from there after an interruption.",
)
@reading
def verify_(
    against: tuple[Path, ...], keys: tuple[str, ...], witnesses: tuple[str, ...], resume: Path | None, as_json: bool
) -> None:
    """
    Recompute the log from the stored bytes of every fact, and hold it against its checkpoints and those kept elsewhere.

    0: everything is as it was recorded and published. 3: it is not; the first bad index is named, and how many
    published facts are missing. 4: it could not be checked. Nothing is read but the log: no keys are needed.
    """
    from api.audit.given import read
    from api.audit.recomputing import State
    from api.audit.resuming import Notes
    from api.audit.source import opened
    from api.audit.verifying import verify
    from api.commands.auditing.trusting import keys_of_logs, known_witnesses
    from api.commands.faults import DISPROVEN
    from api.commands.opening import collect_less_often
    from api.commands.output import show_json
    from api.commands.progress import progress
    from ledger.settings import Settings

    collect_less_often()
    settings = Settings.from_environment(database=database())
    cosigners = known_witnesses(witnesses, settings)
    with opened(settings) as source:
        named = keys_of_logs(keys)
        given = [one for path in against for one in read(path, named or source.keys(), cosigners)]
        notes = None if resume is None else Notes(resume, source)
        state = State() if notes is None else notes.begun()
        with progress("reading") as tell:

            def told(now: State, of: int) -> None:
                tell(now.facts, of)
                if notes is not None:
                    notes.note(now)

            verdict = verify(source, given, named, state, told, cosigners)
        if notes is not None:
            notes.over()
    if as_json:
        show_json({"well": verdict.well, "verdict": verdict})
    else:
        _show(verdict, trusted=bool(named or not given))
    if not verdict.well:
        raise SystemExit(DISPROVEN)


def _show(verdict: Verdict, *, trusted: bool) -> None:
    if verdict.resumed_at:
        click.echo(f"Went on after {verdict.resumed_at} facts that were read before the interruption;"
                   " what was changed in them since then shows only a run that is not resumed.")  # fmt: skip
    read = f"{verdict.facts} facts in {verdict.streams} streams read again, {verdict.facts_per_second} a second"
    click.echo(f"{read}; root {verdict.root or 'not reached'}.")
    click.echo(f"{verdict.checkpoints} checkpoints of the ledger and {verdict.against} from elsewhere held against it.")
    if verdict.cosignatures:
        click.echo(f"{verdict.cosignatures} cosignatures of witnesses verified.")
    for sentence in verdict.not_looked_at:
        click.echo(f"Not checked: {sentence}.")
    for fault in verdict.faults:
        where = "" if fault.index is None else f" index {fault.index}"
        click.echo(f"WRONG{where} ({fault.subject}): {fault.sentence}.")
    if verdict.first_bad_index is not None:
        click.echo(f"The first bad index is {verdict.first_bad_index}.")
    if verdict.missing:
        click.echo(f"{verdict.missing} published facts are missing: the log was cut off, or is an older copy.")
    if verdict.well:
        click.echo("Everything is as it was recorded and published.")
        if not verdict.against:
            click.echo("That it was not put back to an older copy shows only against a checkpoint kept elsewhere.")
    if not trusted:
        click.echo("The log's key was taken from the ledger itself; name one that you had before with --key.", err=True)
