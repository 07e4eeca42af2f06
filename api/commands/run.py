"""`ledger run`: one of the processes of a scaled ledger, until a signal ends it."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.options import database_option

# Named here as well, so that `ledger run --help` needs no client of Kafka.
NAMES = ("projector", "sequencer", "relay", "awarder", "intake")
_LOOK_S = 1.0
_BEAT_S = 5.0


@click.command("run")
@click.argument("process", type=click.Choice(NAMES))
@click.option(
    "--heartbeat",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to touch every few seconds for as long as the process gets on.",
)
@database_option
def run_(process: str, heartbeat: Path | None) -> None:
    """
    Run one of the processes of a scaled ledger until SIGTERM or SIGINT.

    The projector keeps views up, the sequencer the transparency log; the relay hands facts to Kafka, the awarder
    settles learners, the intake takes in what other systems send.
    """
    import logging
    import signal
    from contextlib import ExitStack, closing
    from threading import Event

    from api.commands.opening import collect_less_often
    from api.commands.options import database
    from consumers.processes import begin
    from consumers.trouble import hush_kafka
    from ledger import Ledger
    from ledger.settings import Settings
    from projections.views import Views

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    hush_kafka()
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    settings = Settings.from_environment(database=database())
    collect_less_often()
    with ExitStack() as ends:
        ledger = ends.enter_context(closing(Ledger.open(settings)))
        views = ends.enter_context(closing(Views.of_ledger(settings)))
        loops = begin(process, settings, ledger, views, ends)
        click.echo(f"The {process} runs.")
        beats = 0.0
        while not ended.wait(_LOOK_S):
            beats += _LOOK_S
            well = all(loop.running and loop.failing is None for loop in loops)
            if heartbeat is not None and well and beats >= _BEAT_S:
                heartbeat.touch()
                beats = 0.0
