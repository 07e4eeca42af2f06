"""What `ledger run NAME` runs: the processes of a scaled ledger beside its API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing

from consumers.awarder import Awarder
from consumers.dead_letters import DeadLetters
from consumers.intake_member import IntakeMember
from consumers.looping import Loop
from consumers.positions import Positions
from consumers.relay import Relay, facts
from consumers.run import Projector
from consumers.sequencer import Sequencer
from consumers.shipping import Shipping
from consumers.topics import Topics, check
from consumers.transcripts import NAME as TRANSCRIPTS
from consumers.transcripts import transcripts
from consumers.turn import AdvisoryTurn
from ledger import Ledger
from ledger.settings import PostgresUrls, Settings, UnusableSettings
from ledger.transparency.log import Log
from projections.views import Views

Loops = tuple[Loop, ...]


def begin(name: str, settings: Settings, ledger: Ledger, views: Views, ends: ExitStack) -> Loops:
    """Start the process *name*, one of `PROCESSES`; *ends* gets what ends it. Refuses Kafka that cannot serve it."""
    if not isinstance(settings.database, PostgresUrls):
        raise UnusableSettings("processes of their own need PostgreSQL; `ledger serve` does it all on SQLite files")
    return PROCESSES[name](settings, ledger, views, ends)


def _projector(settings: Settings, ledger: Ledger, views: Views, ends: ExitStack) -> Loops:  # noqa: ARG001
    loop = Projector(ledger, views).loop
    loop.start()
    ends.callback(loop.stop)
    return (loop,)


def _sequencer(settings: Settings, ledger: Ledger, views: Views, ends: ExitStack) -> Loops:  # noqa: ARG001
    log = ends.enter_context(closing(Log.of_ledger(settings, ledger.store)))
    if not log.signs:
        raise UnusableSettings("LEDGER_LOG_KEYS and LEDGER_CHECKPOINTS are not set: nothing could be signed")
    sequencer = Sequencer.of_ledger(settings, log, ledger.store, ledger.now)
    ends.callback(sequencer.close)
    sequencer.loop.start()
    shipping = Shipping.of_ledger(settings, log, ends.enter_context(closing(Positions.of_ledger(settings))))
    ends.callback(shipping.close)
    shipping.start()
    return (sequencer.loop,)  # a witness that is away is no reason to start this process again


def _relay(settings: Settings, ledger: Ledger, views: Views, ends: ExitStack) -> Loops:  # noqa: ARG001
    bootstrap, topics = _kafka(settings), Topics()
    positions = ends.enter_context(closing(Positions.of_ledger(settings)))
    published = {"relay": facts(topics), TRANSCRIPTS: transcripts(ledger.store, topics.transcripts)}
    loops = []
    for name, publish in published.items():
        turn = _turn(settings, name)
        relay = Relay(name, ledger.store, positions, bootstrap, turn, publish, states=name == TRANSCRIPTS)
        ends.callback(relay.close)
        relay.loop.start()
        loops.append(relay.loop)
    return tuple(loops)


def _awarder(settings: Settings, ledger: Ledger, views: Views, ends: ExitStack) -> Loops:
    bootstrap = _kafka(settings)
    positions = ends.enter_context(closing(Positions.of_ledger(settings)))
    turn = _turn(settings, "scheduler")
    letters = _letters(settings, ends)
    awarder = Awarder(ledger, views, positions, bootstrap, letters, turn, instance=settings.instance)
    ends.callback(awarder.close)
    awarder.start()
    return awarder.loops


def _intake(settings: Settings, ledger: Ledger, views: Views, ends: ExitStack) -> Loops:  # noqa: ARG001
    bootstrap = _kafka(settings)
    letters = _letters(settings, ends)
    member = IntakeMember(ledger, settings.intake_sources, letters, bootstrap, instance=settings.instance)
    ends.callback(member.close)
    member.start()
    return (member.loop,)


def _kafka(settings: Settings) -> str:
    if settings.kafka is None:
        raise UnusableSettings("LEDGER_KAFKA is not set: without Kafka, `ledger serve` does this itself")
    check(settings.kafka)
    return settings.kafka


def _letters(settings: Settings, ends: ExitStack) -> DeadLetters:
    letters = DeadLetters.of_ledger(settings)
    assert letters is not None, "there is PostgreSQL"
    return ends.enter_context(closing(letters))


def _turn(settings: Settings, name: str) -> AdvisoryTurn:
    assert isinstance(settings.database, PostgresUrls)
    return AdvisoryTurn(settings.database.log, name)


PROCESSES: dict[str, Callable[[Settings, Ledger, Views, ExitStack], Loops]] = {
    "projector": _projector,
    "sequencer": _sequencer,
    "relay": _relay,
    "awarder": _awarder,
    "intake": _intake,
}
