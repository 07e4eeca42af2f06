"""`ledger audit prove`."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.options import database, database_option


@click.command("prove")
@click.argument("award_id", metavar="AWARD")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file (.tlog-proof).")
@database_option
def prove_(award_id: str, out: Path | None) -> None:
    """Write a proof that AWARD stands in the published log; `ledger audit check` needs it and the log's key alone."""
    from api.audit.proofs import prove
    from api.audit.source import opened as opened_log
    from api.commands.auditing.asking import noted
    from api.commands.auditing.writing import write_text
    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from ledger import codec
    from ledger.events import AchievementAwarded
    from ledger.settings import Settings
    from projections.award_register import award

    with opened() as at, at.reading() as connection, opened_log(Settings.from_environment(database=database())) as log:
        found = award(connection, award_id, at.ledger.now())
        if found is None:
            raise Unusable(f"There is no award {award_id!r}.")
        for stored in at.ledger.store.read(f"learner-{found.learner_id}"):
            fact = codec.decode(stored).fact
            if isinstance(fact, AchievementAwarded) and fact.award_id == award_id:
                proof = prove(log, stored)
                break
        else:
            raise Unusable(f"No fact says that {award_id!r} was awarded.")
        noted(at.ledger, "audit.prove", found.learner_id, award=award_id)
    if out is None:
        click.echo(str(proof), nl=False)
    else:
        write_text(out, str(proof))
        click.echo(f"Wrote the proof that {award_id} stands at index {proof.index} to {out}.")
