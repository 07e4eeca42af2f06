"""
How a command comes to be decided: its rules found, its stream folded, its personal text sealed.

States and the catalogue are remembered and may be behind the store; whoever appends depends on neither having moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache, reduce
from threading import Lock

from ledger import codec
from ledger.catalogue import EMPTY, Catalogue
from ledger.decider import Command, Setting
from ledger.errors import Invalid
from ledger.event import Event
from ledger.foresight import Question
from ledger.keys import LearnerKeys, NoKey, seal_command
from ledger.memory import Known, Memory
from ledger.rechecking import Recheck
from ledger.rules import Rules, rules_for
from ledger.store import Store, Stored, StoreUnavailable

_STATES_REMEMBERED = 8192
_CATALOGUES_REMEMBERED = 16
_LONGEST_SUBJECT = 200
_LEARNER = "learner"


class Deciding:
    """Decides commands on what one store holds. It writes nothing but learners' keys."""

    def __init__(
        self, store: Store, keys: LearnerKeys, clock: Callable[[], datetime], rules: Mapping[type[Command], Rules]
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self.rules_of = cache(lambda cls: rules_for(cls, rules))
        self._memory = Memory(_STATES_REMEMBERED)
        self._catalogue = EMPTY
        self._catalogue_moved = True
        self._lock = Lock()
        self._catalogue_at = lru_cache(maxsize=_CATALOGUES_REMEMBERED)(self._fold_catalogue)
        self._latest = self._last_recorded()

    def route(self, command: Command) -> tuple[Rules, str]:
        """Return the rules for *command* and the stream it is about; Invalid if none can have that name."""
        rules = self.rules_of(type(command))
        subject = rules.subject(command)
        if not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
            raise Invalid("An identifier has 1 to 200 characters, all of them visible.")
        return rules, f"{rules.category}-{subject}"

    def now(self) -> datetime:
        """Return the instant by the ledger's clock: the machine's, but never before the last fact of any process."""
        self._latest = now = max(self._clock(), self._latest, self._last_recorded())
        return now

    def setting(self, by: str, *, fresh: bool = False) -> Setting:
        """Return an instant never before the last, and the catalogue: as the store has it now, or as remembered."""
        self._latest = now = max(self._clock(), self._latest)
        catalogue = self.catalogue() if fresh or self._catalogue_moved else self._catalogue
        return Setting(now=now, catalogue=catalogue, by=by)

    def recheck(
        self, rules: Rules, known: Known, command: Command, setting: Setting, before: Recheck | None = None
    ) -> Recheck | None:
        """
        Look up in the log what the rules ask before they decide *command*, which may take a while; None if nothing.

        What was rechecked *before* only catches up with the log, unless the catalogue has moved since.
        """
        question = self.question(rules, known, command)
        if question is None:
            return None
        if before is None or before.question != question or before.catalogue_position != setting.catalogue.position:
            before = Recheck(self._store, self.catalogue_as_of, question, setting)
        before.catch_up()
        return before

    def question(self, rules: Rules, known: Known, command: Command) -> Question | None:
        """Return what the rules ask of the log before they decide *command*."""
        return None if rules.asks is None else rules.asks(known.state, command)

    def decide(self, rules: Rules, known: Known, command: Command, setting: Setting) -> list[Event]:
        """
        Decide *command*; before it returns, the learner's key is durable if facts follow.

        No key is made for a learner of whom nothing is recorded, and nothing is to be.
        """
        if rules.category != _LEARNER:
            return rules.decide(known.state, command, setting)
        learner_id = rules.subject(command)
        try:
            sealed = seal_command(self._keys, learner_id, command)
        except NoKey:
            if known.version:
                msg = f"the key of {learner_id} is missing; put the right keys file back"
                raise StoreUnavailable(msg) from None
            if not rules.decide(known.state, command, setting):
                return []
            self._keys.ensure([learner_id])
            sealed = seal_command(self._keys, learner_id, command)
        facts = rules.decide(known.state, sealed, setting)
        if facts and known.version == 0:
            self._keys.ensure([learner_id])
        return facts

    def known(self, stream: str, rules: Rules) -> Known:
        """Return what is remembered of *stream*, read from the store if nothing is."""
        return self._memory.get(stream) or self._advance(
            stream, rules, _nothing(stream, rules), self._store.read(stream)
        )

    def fresh(self, streams: Mapping[str, Rules]) -> dict[str, Known]:
        """Return the states of many streams as the store has them now."""
        versions = self._store.versions(streams)
        states: dict[str, Known] = {}
        unread: list[str] = []
        for stream, rules in streams.items():
            known = self._memory.get(stream) or _nothing(stream, rules)
            states[stream] = known
            if known.version != versions[stream]:
                unread.append(stream)
        for stream, facts in self._store.read_many(unread).items():
            rules = streams[stream]
            states[stream] = self._advance(stream, rules, _nothing(stream, rules), facts)
        return states

    def behind(self, stream: str, rules: Rules, known: Known, catalogue: Catalogue) -> bool:
        """Whether a decision rested on a state or a catalogue that the store is ahead of; take in what is new."""
        newer = self._store.read(stream, known.version)
        self._advance(stream, rules, known, newer)
        return bool(newer) or self.catalogue().position != catalogue.position

    def evolved(self, rules: Rules, known: Known, facts: Sequence[Event], position: int) -> Known:
        """Return the state after *facts*, the last of which stands at *position*."""
        return Known(reduce(rules.evolve, facts, known.state), known.version + len(facts), position)

    def remember(self, stream: str, known: Known) -> None:
        """Keep the state that recorded facts led to."""
        self._memory.put(stream, known)

    def catalogue(self) -> Catalogue:
        """Return the catalogue as the store has it now."""
        self._catalogue_moved = False
        if self._store.reference_head() > self._catalogue.position:
            with self._lock:
                newer = self._store.read_reference(self._catalogue.position)
                self._catalogue = self._catalogue.advance(map(codec.decode, newer))
        return self._catalogue

    def catalogue_as_of(self, position: int) -> Catalogue:
        """Return the catalogue as it was at *position*."""
        last = self._store.reference_head(position)
        return self._catalogue if last == self._catalogue.position else self._catalogue_at(last)

    def catalogue_moved(self) -> None:
        """Note that definitions or people have changed, so that the next decision looks."""
        self._catalogue_moved = True

    def _last_recorded(self) -> datetime:
        newest = self._store.read_log(self._store.head() - 1, 1)
        return newest[0].recorded_at if newest else datetime.min.replace(tzinfo=UTC)

    def _fold_catalogue(self, position: int) -> Catalogue:
        return EMPTY.advance(map(codec.decode, self._store.read_reference(until=position)))

    def _advance(self, stream: str, rules: Rules, known: Known, newer: Iterable[Stored]) -> Known:
        facts = [codec.decode(stored) for stored in newer]
        if facts:
            known = self.evolved(rules, known, [recorded.fact for recorded in facts], facts[-1].position)
            self._latest = max(self._latest, facts[-1].recorded_at)
            self._memory.put(stream, known)
        return known


def _nothing(stream: str, rules: Rules) -> Known:
    return Known(rules.initial(stream.partition("-")[2]), 0, 0)
