"""`ledger deadletters`: messages of other systems that could not be taken, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from api.commands.options import database_option, json_option, reading

if TYPE_CHECKING:
    from consumers.dead_letters import DeadLetters, Kept, State
    from ledger.settings import Settings

_NONE = "No dead letters: nothing comes to this ledger by Kafka; LEDGER_KAFKA names its brokers."
_STATES: tuple[State, ...] = ("waiting", "retried", "skipped")


@click.group("deadletters")
@database_option
def deadletters_() -> None:
    """List, show, retry and skip messages that could not be taken in."""


@deadletters_.command("list")
@click.option(
    "--state", type=click.Choice([*_STATES, "all"]), default="waiting", show_default=True, help="In which state."
)
@click.option("--after", type=int, default=0, metavar="ID", help="Begin after this one.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many.")
@reading
def list_(state: Any, after: int, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first."""
    from api.commands.output import show_json, show_table

    with _letters() as (letters, _):
        found = [] if letters is None else letters.list(_STATES if state == "all" else [state], after, limit)
    if as_json:
        show_json({"dead_letters": list(map(_document, found))})
        return
    rows = [(one.id, f"{one.at:%Y-%m-%d %H:%M}", one.state, one.source, one.message_id, one.reason) for one in found]
    show_table(
        ("id", "refused", "state", "source", "message", "reason"), rows, empty=_NONE if letters is None else "Nothing."
    )


@deadletters_.command()
@click.argument("letter_id", metavar="ID", type=int)
@reading
def show(letter_id: int, as_json: bool) -> None:
    """Show one dead letter; what was in the message is not kept."""
    from api.commands.output import show_fields, show_json

    with _letters() as (letters, _):
        document = _document(_found(letters, letter_id))
    (show_json if as_json else show_fields)(document)


@deadletters_.command()
@click.argument("letter_ids", metavar="ID...", type=int, nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every one that waits.")
@json_option
@database_option
def retry(letter_ids: tuple[int, ...], every: bool, as_json: bool) -> None:
    """Read messages again where they stand and try to take them in; 4 when one is refused again."""
    from api.commands.faults import UNCHECKED, Unusable
    from api.commands.output import show_json, show_table
    from consumers.dead_letters import Unsettled
    from consumers.intake import Intake
    from consumers.originals import Originals
    from ledger import Ledger

    if bool(letter_ids) == every:
        raise Unusable("Name dead letters, or say --all.")
    results: list[dict[str, Any]] = []
    with _letters() as (letters, settings):
        if letters is None or settings.kafka is None:
            raise Unusable("Messages are read again from Kafka; set LEDGER_KAFKA to its brokers.")
        chosen = _waiting(letters) if every else (_found(letters, each) for each in letter_ids)
        with closing(Ledger.open(settings)) as ledger, closing(Originals(settings.kafka)) as originals:
            intake = Intake(ledger, settings.intake_sources)
            for letter in chosen:
                try:
                    refused = letters.retry(letter, originals, intake, by=_who(), now=ledger.now())
                except Unsettled as unsettled:
                    results.append({"id": letter.id, "taken": False, "reason": str(unsettled)})
                else:
                    results.append({"id": letter.id, "taken": not refused, "reason": refused and refused.reason})
    if as_json:
        show_json({"retried": results})
    else:
        rows = [(one["id"], "taken" if one["taken"] else "refused", one["reason"]) for one in results]
        show_table(("id", "became", "reason"), rows)
    if not all(one["taken"] for one in results):
        raise SystemExit(UNCHECKED)


@deadletters_.command()
@click.argument("letter_ids", metavar="ID...", type=int, nargs=-1, required=True)
@click.option("--because", required=True, metavar="TEXT", help="Why it is not to be taken; kept with who says so.")
@json_option
@database_option
def skip(letter_ids: tuple[int, ...], because: str, as_json: bool) -> None:
    """Decide that messages are not to be taken in."""
    from datetime import UTC, datetime

    from api.commands.faults import Unusable
    from api.commands.output import show_json
    from consumers.dead_letters import Unsettled

    if not because.strip() or len(because) > 500 or not because.isprintable():
        raise Unusable("Say why, in 1 to 500 visible characters.")
    with _letters() as (letters, _):
        chosen = [_found(letters, each) for each in letter_ids]
        for letter in chosen:
            assert letters is not None
            try:
                letters.skip(letter, by=_who(), because=because.strip(), now=datetime.now(UTC))
            except Unsettled as unsettled:
                raise Unusable(str(unsettled)) from None
    if as_json:
        show_json({"skipped": [letter.id for letter in chosen]})
    else:
        click.echo(f"Skipped {', '.join(str(letter.id) for letter in chosen)}.")


@contextmanager
def _letters() -> Iterator[tuple[DeadLetters | None, Settings]]:
    from api.commands.faults import Unusable
    from api.commands.opening import there_is_one
    from api.commands.options import database
    from consumers.dead_letters import DeadLetters
    from ledger.settings import Settings

    settings = Settings.from_environment(database=database())
    if not there_is_one():
        raise Unusable(f"There is no ledger at {settings.database}.")
    letters = DeadLetters.of_ledger(settings)
    try:
        yield letters, settings
    finally:
        if letters is not None:
            letters.close()


def _found(letters: DeadLetters | None, letter_id: int) -> Kept:
    from api.commands.faults import Unusable

    # SQLite and PostgreSQL count no further.
    found = letters.get(letter_id) if letters is not None and 0 < letter_id < 2**63 else None
    if found is None:
        raise Unusable(f"There is no dead letter {letter_id}." if letters is not None else _NONE)
    return found


def _waiting(letters: DeadLetters) -> Iterator[Kept]:
    """Yield those that wait now, page by page; those refused again keep waiting, and are not tried twice."""
    after = 0
    while page := letters.list(after=after):
        yield from page
        after = page[-1].id


def _document(letter: Kept) -> dict[str, Any]:
    return {
        "id": letter.id,
        "state": letter.state,
        "refused_at": letter.at,
        "source": letter.source,
        "message_id": letter.message_id,
        "code": letter.code,
        "reason": letter.reason,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "decided_at": letter.decided_at,
        "decided_by": letter.decided_by,
        "because": letter.because,
    }


def _who() -> str:
    """Return who sits at the command line, as far as the machine tells; it is trusted local administration."""
    import getpass

    from ledger.decider import LOCAL_ADMINISTRATION

    try:
        return f"{LOCAL_ADMINISTRATION}:{getpass.getuser()}"
    except (OSError, KeyError, ImportError):
        return LOCAL_ADMINISTRATION
