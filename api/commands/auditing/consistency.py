"""`ledger audit consistency`."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.auditing.trusting import FILE, key_option
from api.commands.options import database, reading


@click.command("consistency")
@click.argument("earlier", type=FILE)
@click.argument("later", type=FILE)
@key_option
@reading
def consistency_(earlier: Path, later: Path, keys: tuple[str, ...], as_json: bool) -> None:
    """Prove that the log of the checkpoint in EARLIER is how that of the one in LATER began."""
    from api.audit.given import read
    from api.audit.source import opened
    from api.commands.auditing.trusting import keys_of_logs
    from api.commands.faults import Fault, Wrong
    from api.commands.output import show_json
    from ledger.settings import Settings
    from ledger.transparency.merkle import verify_consistency
    from ledger.transparency.note import encoded

    with opened(Settings.from_environment(database=database())) as source:
        trusted = keys_of_logs(keys) or source.keys()
        first, second = (read(path, trusted)[-1].checkpoint for path in (earlier, later))
        if first.origin != second.origin:
            raise Fault(f"They are of two logs, {first.origin} and {second.origin}.")
        if first.size > second.size:
            raise Fault(f"{earlier} covers {first.size} facts, {later} only {second.size}: exchange them.")
        size = source.tree.size()
        if second.size > size:
            raise Wrong(
                f"{later} covers {second.size} facts, but the tree here only {size}: it was cut off, or is older."
            )
        path = source.tree.consistency(first.size, second.size)
    verify_consistency(first.size, second.size, path, first.root, second.root)
    if as_json:
        show_json({"from": first.size, "to": second.size, "hashes": [encoded(one) for one in path]})
    else:
        began = f"The log of size {first.size} is how that of size {second.size} began"
        click.echo(f"{began}; the proof:" if path else f"{began}: that takes no hashes.")
        for one in path:
            click.echo(encoded(one))
