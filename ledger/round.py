"""
One round of many commands: decided one after another, recorded in one transaction.

Commands about one stream rest on each other, so they stand or fall together: where another writer came between,
all of them are left for the next round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ledger import codec
from ledger.decider import Command
from ledger.deciding import Deciding
from ledger.errors import Refused
from ledger.event import Actor, Event
from ledger.keys import LearnerKeys
from ledger.learners.commands import RegisterLearner
from ledger.receipt import Receipt
from ledger.store import Append, CatalogueMoved, NewFact, Store, is_reference


class Origin(NamedTuple):
    """Who asked, and in the course of what."""

    actor: Actor
    correlation: str | None = None
    causation: str | None = None
    trace: str | None = None

    def settle(self, facts: Iterable[Event]) -> tuple[tuple[NewFact, ...], list[Event]]:
        """Return *facts* as they will be stored, and as they will be read."""
        settled = [codec.settle(fact, *self) for fact in facts]
        return tuple([new for new, _ in settled]), [fact for _, fact in settled]


class _Decided(NamedTuple):
    number: int
    stream: str
    version: int
    append: int | None
    refusal: Refused | None


class Round:
    """Decides commands in the order given, each on what those before it led to, and appends what follows."""

    def __init__(self, store: Store, keys: LearnerKeys, deciding: Deciding, origin: Origin) -> None:
        self._store = store
        self._keys = keys
        self._deciding = deciding
        self._origin = origin

    def run(self, commands: Sequence[tuple[int, Command]]) -> dict[int, Receipt | Refused]:
        """
        Return answers by the commands' numbers; commands without one are for the next round.

        The round ends with a command that changes definitions or people, for the next decision may rest on it.
        """
        deciding = self._deciding
        routed = [(number, command, *deciding.route(command)) for number, command in commands]
        self._keys.ensure(command.learner_id for _, command in commands if isinstance(command, RegisterLearner))
        setting = deciding.setting(self._origin.actor.id, fresh=True)
        before = deciding.fresh({stream: rules for _, _, rules, stream in routed})
        states = dict(before)
        appends: list[Append] = []
        decided: list[_Decided] = []
        for number, command, rules, stream in routed:
            known = states[stream]
            try:
                new, settled = self._origin.settle(deciding.decide(rules, known, command, setting))
            except Refused as refusal:
                decided.append(_Decided(number, stream, known.version, None, refusal))
                continue
            if not new:
                decided.append(_Decided(number, stream, known.version, None, None))
                continue
            states[stream] = known = deciding.evolved(rules, known, settled, 0)
            decided.append(_Decided(number, stream, known.version, len(appends), None))
            appends.append(Append(stream, known.version - len(new), new))
            if is_reference(stream):
                break
        try:
            positions = self._store.append(appends, now=setting.now, catalogue_position=setting.catalogue.position)
        except CatalogueMoved:
            return {}
        moved = {append.stream for append, placed in zip(appends, positions, strict=True) if placed is None}
        last = {stream: known.position for stream, known in before.items()}
        answers: dict[int, Receipt | Refused] = {}
        for number, stream, version, append, broken in decided:
            if stream in moved:
                continue
            placed = () if append is None else positions[append] or ()
            if placed:
                last[stream] = placed[-1]
            answers[number] = broken or Receipt(stream=stream, version=version, position=last[stream], recorded=placed)
        for stream in {append.stream for append in appends} - moved:
            deciding.remember(stream, states[stream]._replace(position=last[stream]))
            if is_reference(stream):
                deciding.catalogue_moved()
        return answers
