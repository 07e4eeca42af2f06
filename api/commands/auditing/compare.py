"""`ledger audit compare`: the live views against a rebuild from the first fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.commands.options import reading

if TYPE_CHECKING:
    from projections.comparing import Difference


@click.command("compare")
@click.option("--list", "most", type=click.IntRange(0, 1_000_000), default=1000, show_default=True,
              help="List at most so many rows; all are counted.")  # fmt: skip
@reading
def compare_(most: int, as_json: bool) -> None:
    """Rebuild every view beside the live ones, replacing none, and report rows that differ; 3 if there are any."""
    from api.audit.comparing import compare
    from api.commands.auditing.asking import noted
    from api.commands.faults import DISPROVEN, Fault
    from api.commands.opening import opened
    from api.commands.output import show_json
    from api.commands.progress import progress
    from projections.views import ViewsMissing

    with opened() as at:
        try:
            with progress("rebuilding") as tell:
                found = compare(at.ledger.store, at.views, tell, most)
        except ViewsMissing:
            raise Fault("There are no views to compare with; `ledger rebuild` makes them.") from None
        noted(at.ledger, "audit.compare")
    if as_json:
        show_json(found)
    else:
        for difference in found.differences:
            click.echo(_said(difference))
        if found.differing > len(found.differences):
            click.echo(f"… and {found.differing - len(found.differences)} more.")
        rows = "row differs" if found.differing == 1 else "rows differ"
        click.echo(f"At position {found.position}, {found.differing} {rows}, in {found.tables} tables.")
        click.echo(f"{found.seconds:.1f} s, {found.facts_per_second:,} facts a second.", err=True)
    if not found.same:
        raise SystemExit(DISPROVEN)


def _said(difference: Difference) -> str:
    key = ", ".join(f"{name} {value}" for name, value in difference.key.items())
    if difference.live is None:
        return f"{difference.table}: {key}: the live views lack this row"
    if difference.rebuilt is None:
        return f"{difference.table}: {key}: no facts lead to this row"
    changed = [
        f"{name} is {difference.live.get(name)!r}, from the facts {difference.rebuilt.get(name)!r}"
        for name in difference.columns
    ]
    return f"{difference.table}: {key}: {'; '.join(changed)}"
