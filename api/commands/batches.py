"""`ledger batches`: imported files as units."""

from __future__ import annotations

import click

from api.commands.options import database_option, json_option, reading


@click.group("batches")
@database_option
def batches_() -> None:
    """List, show and undo imported batches."""


@batches_.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="CURSOR", help="The `next` of the list before.")
@reading
def list_(limit: int, after: int, as_json: bool) -> None:
    """List batches in the order in which they were recorded."""
    from api.commands.opening import opened
    from api.commands.output import show_json, show_table
    from projections.batches import batches

    with opened() as at, at.reading() as connection:
        found = batches(connection, after=after, limit=limit + 1)
    items = found[:limit]
    more = items[-1].position if len(found) > limit else None
    if as_json:
        show_json({"items": items, "next": more})
        return
    rows = [(b.batch_id, f"{b.recorded_at:%Y-%m-%d %H:%M}", b.rows, b.recorded, b.refused, b.state) for b in items]
    show_table(("batch", "recorded at", "rows", "recorded", "refused", "state"), rows, empty="No batches.")
    if more is not None:
        click.echo(f"More: --after {more}")


@batches_.command()
@click.argument("batch_id")
@reading
def show(batch_id: str, as_json: bool) -> None:
    """Show one batch."""
    import msgspec

    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from api.commands.output import show_fields, show_json
    from projections.batches import batch

    with opened() as at, at.reading() as connection:
        found = batch(connection, batch_id)
    if found is None:
        raise Unusable(f"There is no batch {batch_id!r}.")
    if as_json:
        show_json(found)
    else:
        show_fields(msgspec.structs.asdict(found))


@batches_.command()
@click.argument("batch_id")
@click.option("--by", metavar="PERSON", help="Who undoes; default: local administration.")
@click.option("--approved-by", metavar="PERSON", help="A second person, for a batch older than a day.")
@json_option
@database_option
def undo(batch_id: str, by: str | None, approved_by: str | None, as_json: bool) -> None:
    """Void everything that a batch recorded; its file can be imported again."""
    from api.commands.opening import opened, person_id
    from api.commands.output import show_json
    from api.commands.progress import progress
    from api.imports.undo import undo_batch
    from ledger.decider import LOCAL_ADMINISTRATION

    with opened() as at:
        at.follow()
        with progress("undoing") as tell:
            receipt = undo_batch(
                at.ledger,
                at.views,
                batch_id,
                by=LOCAL_ADMINISTRATION if by is None else person_id(at.ledger, by),
                approved_by=None if approved_by is None else person_id(at.ledger, approved_by),
                progress=tell,
            )
        at.follow()
    if as_json:
        show_json({"batch_id": batch_id, "undone": bool(receipt.recorded), "position": receipt.position})
    else:
        click.echo(f"Batch {batch_id} {'is undone' if receipt.recorded else 'was undone before'}.")
