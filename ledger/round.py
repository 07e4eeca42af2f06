"""
One round of many commands: decided one after another, recorded in one transaction.

Commands about one stream rest on each other, so they stand or fall together: where another writer came between,
all of them are left for the next round. A command under an idempotency key is left where its key is taken: it was
carried out before, or stands twice among these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger import codec
from ledger.decider import Command, Setting
from ledger.deciding import Deciding
from ledger.errors import Refused
from ledger.event import Actor, Event
from ledger.keys import LearnerKeys
from ledger.learners.commands import RegisterLearner
from ledger.memory import Known
from ledger.receipt import Receipt
from ledger.rules import Rules
from ledger.store import Append, CatalogueMoved, KeyedReceipt, NewFact, Store, is_reference


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


class _Decision(NamedTuple):
    """What was decided on one command: which of the round's appends it takes, or why it is refused."""

    number: int
    stream: str
    version: int
    append: int | None = None
    refusal: Refused | None = None


class Round:
    """Decides commands in the order given, each on what those before it led to, and appends what follows."""

    def __init__(
        self,
        store: Store,
        keys: LearnerKeys,
        deciding: Deciding,
        origin: Origin,
        requests: Mapping[int, KeyedReceipt] | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._deciding = deciding
        self.origin = origin
        self.alone: int | None = None
        """The next command, where it has to be decided at the head of the log, by itself."""
        self._requests = requests or {}

    def run(self, commands: Sequence[tuple[int, Command]]) -> dict[int, Receipt | Refused]:
        """
        Return answers by the commands' numbers; commands without one are for the next round.

        The round ends with a command that changes definitions or people, for the next decision may rest on it.
        """
        answers: dict[int, Receipt | Refused] = {}
        routed: list[tuple[int, Command, Rules, str]] = []
        for number, command in commands:
            try:
                routed.append((number, command, *self._deciding.route(command)))
            except Refused as refusal:
                answers[number] = refusal
        self._keys.ensure(command.learner_id for _, command in commands if isinstance(command, RegisterLearner))
        setting = self._deciding.setting(self.origin.actor.id, fresh=True)
        before = self._deciding.fresh({stream: rules for _, _, rules, stream in routed})
        states = dict(before)
        appends, decisions = self._decide(routed, states, setting)
        try:
            placed = self._append(appends, setting)
        except CatalogueMoved:
            return answers
        moved = {append.stream for append, positions in zip(appends, placed, strict=True) if positions is None}
        # Where any append was taken the state was right, so what was decided before the one left out stands.
        left = moved - {
            append.stream for append, positions in zip(appends, placed, strict=True) if positions is not None
        }
        last = {stream: known.position for stream, known in before.items()}
        for number, stream, version, append, broken in decisions:
            if append is not None and placed[append] is None:
                left.add(stream)
            if stream not in left:
                recorded = () if append is None else placed[append] or ()
                last[stream] = recorded[-1] if recorded else last[stream]
                receipt = Receipt(stream=stream, version=version, position=last[stream], recorded=recorded)
                answers[number] = broken or receipt
        for stream in {append.stream for append in appends} - moved:
            self._deciding.remember(stream, states[stream]._replace(position=last[stream]))
        return answers

    def _decide(
        self, routed: Sequence[tuple[int, Command, Rules, str]], states: dict[str, Known], setting: Setting
    ) -> tuple[list[Append], list[_Decision]]:
        """Decide the commands on *states*, and take these to what follows."""
        appends: list[Append] = []
        decisions: list[_Decision] = []
        keys: set[str] = set()
        held: set[str] = set()
        grown: set[str] = set()
        self.alone = None
        for number, command, rules, stream in routed:
            known = states[stream]
            if self._deciding.question(rules, known, command) is not None:
                self.alone = None if decisions else number
                break
            request = self._requests.get(number)
            if stream in held or (request is not None and request.key in keys):
                held.add(stream)
                if request is not None:
                    keys.add(request.key)  # who came first under a key stays the first
                continue
            try:
                new, settled = self.origin.settle(self._deciding.decide(rules, known, command, setting))
            except Refused as refusal:
                decisions.append(_Decision(number, stream, known.version, refusal=refusal))
                continue
            if not new and request is None:
                decisions.append(_Decision(number, stream, known.version))
                continue
            if request is not None:
                keys.add(request.key)
                if not new and stream in grown:  # its receipt names the position, which is not known before the commit
                    held.add(stream)
                    continue
                request = request._replace(version=known.version, position=known.position)
            later = known
            if new:
                grown.add(stream)
                states[stream] = later = self._deciding.evolved(rules, known, settled, known.position)
            decisions.append(_Decision(number, stream, later.version, append=len(appends)))
            appends.append(Append(stream, known.version, new, request))
            if is_reference(stream):
                break
        return appends, decisions

    def _append(self, appends: Sequence[Append], setting: Setting) -> list[tuple[int, ...] | None]:
        if not appends:
            return []
        placed = self._store.append(appends, now=setting.now, catalogue_position=setting.catalogue.position)
        if is_reference(appends[-1].stream):
            self._deciding.catalogue_moved()
        return placed
