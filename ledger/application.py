"""
The front door: commands in, receipts out. Nothing else appends to the record.

A command is decided on the state its stream was folded into, and appended only if neither the stream nor the catalogue
has moved since; else it is decided again. What a crash can leave behind, at any line: a learner's key that sealed
nothing, or an account without its `LearnerRegistered`; both are taken up when the command is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from ledger import codec, errors
from ledger.catalogue import Catalogue
from ledger.decider import Command, Setting
from ledger.deciding import Deciding
from ledger.errors import Refused
from ledger.event import Actor, Event, Recorded
from ledger.identities import Identities
from ledger.keys import LearnerKeys
from ledger.learners.commands import LearnerCommand
from ledger.memory import Known
from ledger.opening import opened
from ledger.receipt import Keyed, Receipt
from ledger.rechecking import Recheck
from ledger.round import Origin, Round
from ledger.rules import RULES, Rules
from ledger.settings import Settings
from ledger.store import Append, CatalogueMoved, KeyedReceipt, Store, is_reference

__all__ = ["Keyed", "Ledger", "Receipt", "refuse_stale", "utc_now"]

_ATTEMPTS = 50
_LANES = 64
_MANY = "requests-of_many_commands"  # under which receipts are kept that are about no one stream
_CONFLICT = "Others kept changing the same record; nothing was recorded, try again."
_canonical = msgspec.json.Encoder(order="sorted").encode


def utc_now() -> datetime:
    """Return the instant by the machine's clock."""
    return datetime.now(UTC)


class _Asked(NamedTuple):
    """A command with all that came with it."""

    command: Command
    rules: Rules
    stream: str
    origin: Origin
    request: KeyedReceipt | None = None
    expect: int | None = None


class Ledger:
    """The ledger of one store; to be used from any thread, but not across a fork."""

    def __init__(
        self,
        store: Store,
        keys: LearnerKeys,
        identities: Identities,
        clock: Callable[[], datetime] = utc_now,
        rules: Mapping[type[Command], Rules] = RULES,
    ) -> None:
        self.store = store
        self.keys = keys
        self.identities = identities
        self.clock = clock
        self._deciding = Deciding(store, keys, clock, rules)
        self._lanes = [Lock() for _ in range(_LANES)]

    @classmethod
    def open(cls, settings: Settings, *, create: bool = False, clock: Callable[[], datetime] = utc_now) -> Ledger:
        """Open the ledger that *settings* name; with *create*, make it where there is none."""
        return cls(*opened(settings, create=create), clock)

    def close(self) -> None:
        """Release everything."""
        self.store.close()
        self.keys.close()
        self.identities.close()

    def execute(
        self,
        command: Command,
        *,
        actor: Actor,
        key: str | None = None,
        correlation: str | None = None,
        causation: str | None = None,
        trace: str | None = None,
        expect: int | None = None,
    ) -> Receipt:
        """
        Decide *command*, record what follows, and return once that is durable; raise Refused if a rule is broken.

        Sent again under the same *key* it records nothing and answers as the first time. *expect* is the position that
        the person saw: Stale if the stream has a later fact.
        """
        rules, stream = self._deciding.route(command)
        origin = Origin(actor, correlation, causation, trace)
        request = None if key is None else self._request(command, actor, key, stream)
        return self._execute(_Asked(command, rules, stream, origin, request, expect))

    def execute_many(
        self,
        commands: Iterable[Command],
        *,
        actor: Actor,
        correlation: str | None = None,
        keyed: Sequence[Keyed | None] = (),
    ) -> list[Receipt | Refused]:
        """
        Decide and record many commands in one durable transaction; return a receipt or a refusal for each.

        Commands about one learner are decided one after another, each on what those before it led to; a refused one
        leaves the others. A command that changes definitions or people ends the transaction, and another begins.
        With *keyed*, one for each command, receipts are kept beside the facts and repetition is answered as by
        `execute`; a key may stand several times.
        """
        left = dict(enumerate(commands))
        answers: dict[int, Receipt | Refused] = {}
        attempts = 0
        requests = {number: self._keyed(left[number], one, actor) for number, one in enumerate(keyed) if one}
        round_ = Round(self.store, self.keys, self._deciding, Origin(actor, correlation), requests)
        while left and attempts < _ATTEMPTS:
            found = round_.run(list(left.items()))
            if (number := round_.alone) is not None:
                found[number] = self._alone(left[number], requests.get(number), round_.origin)
            # What is left or refused although it came under a key may have been carried out under it before.
            found |= self._repeated_of({number: requests[number] for number in left if number in requests}, found)
            answers |= found
            for number in found:
                del left[number]
            attempts = 0 if found else attempts + 1
        answers |= {number: errors.RecordConflict(_CONFLICT) for number in left}
        return [answers[number] for number in range(len(answers))]

    def repeated(self, command: Command, *, actor: Actor, key: str | None) -> Receipt | None:
        """Return the first answer to *command* under *key*, if it was carried out; KeyReused if that was another."""
        _, stream = self._deciding.route(command)
        return None if key is None else self._repeated(self._request(command, actor, key, stream))

    def carried_out(self, keyed: Keyed, *, actor: Actor) -> Receipt | None:
        """Return the first answer to a command of `execute_many`, if it was carried out; KeyReused if another was."""
        return self._repeated(KeyedReceipt(actor.id, keyed.key, self.keys.fingerprint(keyed.request), ""))

    def answered(self, request: bytes, *, actor: Actor, key: str) -> str | None:
        """Return what was answered to a *request* of many commands, if it was; KeyReused if the key names another."""
        first = self._first(KeyedReceipt(actor.id, key, self.keys.fingerprint(request), _MANY))
        return first and first.status

    def keep_answer(self, request: bytes, answer: str, *, actor: Actor, key: str) -> None:
        """Keep what is answered to a *request* of many commands; nothing personal, for it is kept as it is."""
        receipt = KeyedReceipt(actor.id, key, self.keys.fingerprint(request), _MANY, status=answer)
        (placed,) = self.store.append([Append(_MANY, 0, (), receipt)], now=self.now(), catalogue_position=None)
        if placed is None:
            self._first(receipt)

    def now(self) -> datetime:
        """Return the instant by the ledger's clock, which never goes back."""
        return self._deciding.now()

    def catalogue(self) -> Catalogue:
        """Return definitions and people as they are now."""
        return self._deciding.catalogue()

    def catalogue_at(self, position: int) -> Catalogue:
        """Return definitions and people as they were at *position*."""
        return self._deciding.catalogue_as_of(position)

    def record(self, learner_id: str) -> Any:
        """Return the state of a learner's record as it is now."""
        rules = self._deciding.rules_of(LearnerCommand)
        stream = f"{rules.category}-{learner_id}"
        return self._deciding.fresh({stream: rules})[stream].state

    def facts(self, stream: str, until: int | None = None) -> list[Recorded]:
        """Return the facts of one stream, up to position *until*."""
        return [codec.decode(stored) for stored in self.store.read(stream, until=until)]

    def log(self, after: int, limit: int, until: int | None = None) -> list[Recorded]:
        """Return up to *limit* facts after position *after*, up to position *until*."""
        return [codec.decode(stored) for stored in self.store.read_log(after, limit, until)]

    def _alone(self, command: Command, request: KeyedReceipt | None, origin: Origin) -> Receipt | Refused:
        """Decide one of many commands by itself, for it asks what only the head of the log can answer."""
        try:
            return self._execute(_Asked(command, *self._deciding.route(command), origin, request))
        except Refused as refusal:
            return refusal

    def _execute(self, asked: _Asked) -> Receipt:
        command, rules, stream, origin, request, expect = asked
        by, recheck = origin.actor.id, None
        if rules.asks is not None:  # looked up before others have to wait for their turn
            known = self._deciding.known(stream, rules)
            with suppress(Refused):  # said below, where what is remembered is known to be the newest
                recheck = self._deciding.recheck(rules, known, command, self._deciding.setting(by))
        with self._lanes[hash(stream) % _LANES]:  # commands about one stream take turns rather than attempts
            for _ in range(_ATTEMPTS):
                known = self._deciding.known(stream, rules)
                setting = self._deciding.setting(by)
                facts: list[Event] = []
                refusal: Refused | None = None
                try:
                    refuse_stale(known.position, expect)
                    recheck = self._deciding.recheck(rules, known, command, setting, recheck)
                    if recheck is None:
                        facts = self._deciding.decide(rules, known, command, setting)
                except Refused as broken:
                    refusal = broken
                to_be_decided = recheck is not None and refusal is None
                if not (facts or to_be_decided) and self._deciding.behind(stream, rules, known, setting.catalogue):
                    continue
                receipt = None
                if recheck is not None and refusal is None:
                    receipt, refusal = self._record_at_head(asked, known, setting, recheck)
                elif refusal is None:
                    new, settled = origin.settle(facts)
                    append = Append(stream, known.version, new, _receipt(request, known))
                    receipt = self._record(append, settled, rules, known, setting)
                if receipt is not None:
                    return receipt
                if request is not None and (repeated := self._repeated(request)) is not None:
                    return repeated
                if refusal is not None:
                    raise refusal
                self._deciding.behind(stream, rules, known, setting.catalogue)
        raise errors.RecordConflict(_CONFLICT)

    def _record_at_head(
        self, asked: _Asked, known: Known, setting: Setting, recheck: Recheck
    ) -> tuple[Receipt | None, Refused | None]:
        """Decide and append while nobody else can, so that whoever has changed is looked at; as `_record` otherwise."""
        command, rules, stream, origin, request, _ = asked
        settled: list[Event] = []
        refusal: Refused | None = None

        def decide(head: int) -> Append:
            nonlocal settled, refusal
            refusal = None
            recheck.advance(head)
            try:
                facts = self._deciding.decide(rules, known, command, replace(setting, rechecked=recheck.found()))
            except Refused as broken:
                refusal = broken
                return Append(stream, known.version, ())
            new, settled = origin.settle(facts)
            return Append(stream, known.version, new, _receipt(request, known))

        try:
            placed = self.store.append_at_head(decide, now=setting.now, catalogue_position=setting.catalogue.position)
        except CatalogueMoved:
            return None, None
        if placed is None or refusal is not None:
            return None, None if placed is None else refusal
        return self._recorded(stream, placed, settled, rules, known), None

    def _record(
        self, append: Append, settled: list[Event], rules: Rules, known: Known, setting: Setting
    ) -> Receipt | None:
        """Append facts and the receipt that an idempotency key asks for; None where something has moved."""
        stream, _, facts, request = append
        if not facts and request is None:
            return Receipt(stream=stream, version=known.version, position=known.position)
        try:
            (placed,) = self.store.append([append], now=setting.now, catalogue_position=setting.catalogue.position)
        except CatalogueMoved:
            return None
        return None if placed is None else self._recorded(stream, placed, settled, rules, known)

    def _recorded(
        self, stream: str, placed: tuple[int, ...], settled: list[Event], rules: Rules, known: Known
    ) -> Receipt:
        if placed:
            known = self._deciding.evolved(rules, known, settled, placed[-1])
            self._deciding.remember(stream, known)
            if is_reference(stream):
                self._deciding.catalogue_moved()
        return Receipt(stream=stream, version=known.version, position=known.position, recorded=placed)

    def _keyed(self, command: Command, keyed: Keyed, actor: Actor) -> KeyedReceipt:
        stream = ""
        with suppress(Refused):  # what can name nobody is refused when it is decided
            _, stream = self._deciding.route(command)
        return KeyedReceipt(actor.id, keyed.key, self.keys.fingerprint(keyed.request), stream)

    def _repeated_of(
        self, requests: Mapping[int, KeyedReceipt], found: Mapping[int, Receipt | Refused]
    ) -> dict[int, Receipt | Refused]:
        """Return the first answers to those of *requests* that were not carried out just now, but were before."""
        repeated: dict[int, Receipt | Refused] = {}
        for number, request in requests.items():
            if not isinstance(found.get(number), Receipt):
                try:
                    first = self._repeated(request)
                except Refused as reused:
                    repeated[number] = reused
                else:
                    repeated |= {} if first is None else {number: first}
        return repeated

    def _request(self, command: Command, actor: Actor, key: str, stream: str) -> KeyedReceipt:
        try:
            body = _canonical((type(command).__qualname__, command))
        except UnicodeEncodeError:
            raise errors.Invalid(errors.NOT_UNICODE) from None
        return KeyedReceipt(actor.id, key, self.keys.fingerprint(body), stream)

    def _repeated(self, request: KeyedReceipt) -> Receipt | None:
        """Return the first answer to *request* if it was carried out; KeyReused if that was another."""
        first = self._first(request)
        if first is None:
            return None
        recorded = tuple(range(first.position - first.recorded + 1, first.position + 1))
        return Receipt(
            stream=first.stream, version=first.version, position=first.position, recorded=recorded, repeated=True
        )

    def _first(self, request: KeyedReceipt) -> KeyedReceipt | None:
        first = self.store.receipt(request.principal, request.key)
        if first is not None and first.request_hash != request.request_hash:
            msg = "This idempotency key was used for another request; use a new one."
            raise errors.KeyReused(msg)
        return first


def refuse_stale(position: int, expect: int | None) -> None:
    """Raise Stale if something stands at *position*, later than what the person saw."""
    if expect is not None and position > expect:
        msg = "The record has changed since you saw it; look again, then decide."
        raise errors.Stale(msg)


def _receipt(request: KeyedReceipt | None, known: Known) -> KeyedReceipt | None:
    """Return the receipt to keep if nothing new is recorded; where facts are, the store puts their place in."""
    return request and request._replace(version=known.version, position=known.position)
