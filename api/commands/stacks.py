"""`ledger stacks`: what a changed rule would do, before it does it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from api.commands.options import database_option, reading

if TYPE_CHECKING:
    from api.schemas.previews import PreviewShown
    from ledger.foresight import AppliesTo

_MOST = 1_000_000


@click.group("stacks")
@database_option
def stacks_() -> None:
    """Preview what a stack's rule would do."""


@stacks_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--applies-to",
    type=click.Choice(["new", "holders"]),
    default="holders",
    show_default=True,
    help="For whom it would take effect.",
)
@click.option("--of", "name", metavar="PREVIEW", help="Look once more at the preview of this name.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=100, show_default=True, help="At most so many.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="CURSOR", help="The `next` of the page before.")
@reading
def preview(file: Path, applies_to: AppliesTo, name: str | None, limit: int, after: int, as_json: bool) -> None:
    """Replay history as if the stack in FILE (JSON) took effect: who gains, loses and keeps. Nothing is recorded."""
    from api.commands.opening import opened
    from api.commands.output import show_json
    from api.commands.progress import progress
    from api.imports.one_definition import read_stack, supposed_of
    from api.imports.unusable import UnusableFile
    from api.previews import moment_of, now, previewed
    from api.schemas.previews import PreviewShown
    from ledger.errors import Refused

    try:
        supposed = supposed_of(read_stack(file.read_bytes()), applies_to)
    except UnusableFile as error:
        raise UnusableFile(f"{file.name}: {error}") from None
    with opened() as at, progress("replaying") as tell:
        moment = moment_of(at.ledger, name) if name else now(at.ledger)
        start = perf_counter()
        try:
            page = previewed(at.ledger, supposed, moment, after=after, limit=limit + 1, progress=tell)
        except Refused as refused:
            raise UnusableFile(f"{file.name}: {refused.detail}") from None
        took = perf_counter() - start
    speed = f"{page.found.position:,} facts replayed in {took:.1f} s, {page.found.position / took:,.0f} facts/s"
    click.echo(f"{speed}; {page.found.folded:,} of them were of {page.found.learners:,} learners concerned.", err=True)
    more = after + limit if len(page.lines) > limit else None
    shown = PreviewShown.of(page.found, page.lines[:limit], None if more is None else str(more))
    if as_json:
        show_json(shown)
    else:
        _show(shown)


def _show(shown: PreviewShown) -> None:
    click.echo(shown.sentence)
    click.echo(f"Preview {shown.preview}")
    for line in shown.items:
        click.echo(f"{line.outcome.ljust(5)}  {line.learner_id}  {line.sentence}")
    if shown.next is not None:
        click.echo(f"More: --of {shown.preview} --after {shown.next}")
