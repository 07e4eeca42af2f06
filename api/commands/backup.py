"""`ledger backup`, `ledger restore`: a copy of a ledger's files, put back, and held against what was published."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands.auditing.trusting import FILE, key_option
from api.commands.options import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.backup.comparing import Comparison
    from api.backup.manifest import Manifest
    from ledger.settings import Settings
    from ledger.transparency.note import VerifierKey

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command("backup")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new directory to make it in.")
@reading
def backup_(out: Path, as_json: bool) -> None:
    """
    Back up a ledger in SQLite files while it is in use: log, accounts, learners' keys, signing keys, checkpoints.

    The key-encryption key is never in it: keep that in another place. Views are not in it: they are rebuilt.
    """
    from datetime import UTC, datetime

    from api.backup.taking import back_up
    from api.commands.faults import Unusable
    from api.commands.options import database
    from api.commands.output import show_json
    from api.commands.progress import progress
    from ledger.opening import exists
    from ledger.settings import PostgresUrls, Settings

    settings = Settings.from_environment(database=database())
    if isinstance(settings.database, PostgresUrls):
        raise Unusable(
            "A ledger in PostgreSQL is backed up by pg_basebackup, or by pg_dump of both databases, the private one"
            " last: docs/operating.md has the commands."
        )
    if not exists(settings):
        raise Unusable(f"There is no ledger at {settings.database}; `ledger init` makes one.")
    with progress("backing up") as tell:
        made = back_up(settings, out, datetime.now(UTC), tell)
    if as_json:
        show_json({"backup": str(out), "key_encryption_key": False, "manifest": made})
        return
    click.echo(f"{made.position} facts are backed up in {out}; {_covered(made)}.")
    kek = "LEDGER_KEK" if settings.kek is not None else str(settings.kek_file)
    click.echo(f"The key-encryption key is not in it: keep {kek} in another place; you need both.", err=True)


@click.command("restore")
@click.option(
    "--from", "source", type=_DIRECTORY, metavar="DIR", help="The backup to put back; without, only --verify."
)
@click.option("--to", "target", metavar="URL", help="Where to, sqlite:///FILE. Default: the ledger that is named.")
@click.option("--verify", "verifies", is_flag=True, help="Hold the log against checkpoints that were kept outside.")
@click.option(
    "--against", type=FILE, multiple=True, help="A file of such checkpoints, the newest you have; for --verify."
)
@key_option
@reading
def restore_(
    source: Path | None,
    target: str | None,
    verifies: bool,
    against: tuple[Path, ...],
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """
    Put a backup back where there is no ledger, all of it or nothing; with --verify, say what is missing.

    Without --from, --verify looks at what was restored by other means, as in PostgreSQL. 0: all that was published is
    there. 3: it is not; how many facts are missing is said. 4: nothing from outside was there to compare with.
    """
    from api.commands.auditing.trusting import keys_of_logs
    from api.commands.faults import Unusable
    from api.commands.options import database
    from ledger.settings import PostgresUrls, Settings

    settings = Settings.from_environment(database=target or database())
    if source is None and not verifies:
        raise Unusable("Say which backup to restore (--from DIR), or that what is there be verified (--verify).")
    if source is not None and isinstance(settings.database, PostgresUrls):
        raise Unusable(
            "A backup is restored to sqlite:///FILE; restore PostgreSQL by its own means (docs/operating.md has the"
            " commands), then run `ledger restore --verify`."
        )
    if against and not verifies:
        raise Unusable("What --against names is compared by --verify; say both.")
    _carry_out(settings, source, against, keys_of_logs(keys), verifies=verifies, as_json=as_json)


def _carry_out(
    settings: Settings,
    source: Path | None,
    against: Sequence[Path],
    keys: list[VerifierKey],
    *,
    verifies: bool,
    as_json: bool,
) -> None:
    from api.audit.source import opened
    from api.backup import comparing
    from api.backup.placing import put_back, verifiers
    from api.commands.auditing.trusting import known_witnesses
    from api.commands.faults import DISPROVEN, UNCHECKED
    from api.commands.opening import collect_less_often
    from api.commands.output import show_json
    from api.commands.progress import progress

    collect_less_often()
    witnesses = known_witnesses((), settings)
    files = [*against, *_kept_where_settings_say(settings, against)]
    restored: Manifest | None = None
    found: Comparison | None = None
    with ExitStack() as ends:
        kept: list[comparing.Kept] = []
        if source is not None:
            if verifies:
                kept = comparing.outside(files, keys or verifiers(source))
            with progress("restoring") as tell:
                restored = put_back(source, settings, against, tell)
            if not as_json:
                click.echo(f"{restored.position} facts are restored to {settings.database}; {_covered(restored)}.")
        if verifies:
            log = ends.enter_context(opened(settings))
            if source is None:
                kept = comparing.outside(files, keys or log.keys())
            with progress("reading") as tell:
                found = comparing.compare(log, kept, tell, witnesses)
    if as_json:
        show_json({"restored": restored, "comparison": found, "well": found is not None and _answer(found) == 0})
    elif found is not None:
        _show(found)
    else:
        click.echo("Whether facts are missing that were published shows `ledger restore --verify`.", err=True)
    if found is not None and _answer(found):
        raise SystemExit({3: DISPROVEN, 4: UNCHECKED}[_answer(found)])


def _kept_where_settings_say(settings: Settings, against: Sequence[Path]) -> list[Path]:
    own = settings.checkpoints
    if own is None or not own.exists() or not own.stat().st_size or any(own.samefile(other) for other in against):
        return []
    return [own]


def _answer(found: Comparison) -> int:
    if not found.well:
        return 3
    return 0 if found.outside else 4


def _show(found: Comparison) -> None:
    until = "" if found.recorded_until is None else f", the last recorded at {found.recorded_until.isoformat()}"
    click.echo(f"{found.facts} facts are there{until}; root {found.root or 'not reached'}.")
    for fault in found.faults:
        where = "" if fault.index is None else f" index {fault.index}"
        click.echo(f"WRONG{where} ({fault.subject}): {fault.sentence}.")
    if not found.outside:
        click.echo(
            "There are no checkpoints from outside to compare with; name the newest file with --against.", err=True
        )
        return
    click.echo(f"{found.contained} of {found.outside} checkpoints from outside are contained.")
    if found.lacks.at_most:
        _show_missing(found)
    elif found.well:
        click.echo(f"All {found.published} published facts are there, as they were published.")


def _show_missing(found: Comparison) -> None:
    lacks = found.lacks
    at = "" if found.published_at is None else f" at {found.published_at.isoformat()}"
    if lacks.at_least == lacks.at_most:
        click.echo(f"{lacks.facts} published facts are missing, the first at index {lacks.first_at_least}:"
                   f" {found.published} were published{at}.")  # fmt: skip
        return
    told = "as far as times of recording tell" if lacks.by_time else "at least; no time is known that would tell more"
    click.echo(f"{lacks.facts} published facts are missing, {told}: {found.published} were published{at}.")
    click.echo(f"It is proven that {lacks.at_least} to {lacks.at_most} are missing, the first of them from index"
               f" {lacks.first_at_least} to {lacks.first_at_most}. What stands between was recorded after"
               " the last checkpoint that is contained; no checkpoint tells whether it was published.")  # fmt: skip


def _covered(made: Manifest) -> str:
    if made.checkpoint is None:
        return "none of them was published"
    return f"{made.checkpoint.size} of them were published, root {made.checkpoint.root}"
