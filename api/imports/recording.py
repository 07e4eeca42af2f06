"""
Where the commands of an import are carried out: `Recording` in the ledger, `Preview` on copies beside it.

Both decide by the same rules, so that a preview says what recording will find.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from api.imports.commands import Commands
from api.imports.rehearsal import Rehearsal
from api.imports.rows import Row
from consumers import newcomers
from ledger.application import Ledger
from ledger.decider import Setting
from ledger.errors import Refused
from ledger.event import Actor
from ledger.keys import seal_command
from ledger.learners import Record, learners
from ledger.learners.commands import LearnerCommand, Together

Unit = Sequence[LearnerCommand]


class Recording:
    """Carries units of commands out in the ledger, after registering whom the rows name."""

    def __init__(self, ledger: Ledger, rows: Sequence[Row], batch_id: str, actor: Actor) -> None:
        self._ledger = ledger
        self._actor = actor
        self._batch_id = batch_id
        learner_refs, assessor_refs = _refs(rows)
        theirs = ledger.identities.register("learner", learner_refs)
        assessors = ledger.identities.register("person", assessor_refs)
        for command in newcomers.named(ledger, ledger.catalogue(), theirs, assessors, actor.id):
            ledger.execute(command, actor=actor, correlation=batch_id)
        ledger.keys.ensure(theirs.values())
        self.commands = Commands(ledger.catalogue(), ledger.keys.digest, theirs, assessors, batch_id, actor)

    def carry_out(self, units: Sequence[Unit]) -> list[bool | Refused]:
        """Record each unit, whole or not at all; say whether it was new, or why it was refused."""
        commands = [self._together(unit) for unit in units]
        answers = self._ledger.execute_many(commands, actor=self._actor, correlation=self._batch_id)
        return [answer if isinstance(answer, Refused) else bool(answer.recorded) for answer in answers]

    def _together(self, unit: Unit) -> Together:
        learner_id = unit[0].learner_id
        sealed = tuple([seal_command(self._ledger.keys, learner_id, command) for command in unit])
        return Together(learner_id=learner_id, commands=sealed)


class Preview:
    """Decides units of commands on copies of the catalogue and of each learner's record; records nothing."""

    def __init__(self, ledger: Ledger, rows: Sequence[Row], actor: Actor) -> None:
        self._ledger = ledger
        self._actor = actor
        learner_refs, assessor_refs = _refs(rows)
        theirs = _with_new("lrn", ledger.identities.find_all("learner", learner_refs), learner_refs)
        assessors = _with_new("per", ledger.identities.find_all("person", assessor_refs), assessor_refs)
        rehearsal = Rehearsal(ledger.catalogue(), ledger.now(), actor.id)
        for command in newcomers.named(ledger, rehearsal.catalogue, theirs, assessors, actor.id):
            rehearsal.decide(command)
        self._accounts = frozenset(account for account in theirs.values() if ledger.keys.has(account))
        self._records: dict[str, Record] = {}
        self._setting = Setting(now=ledger.now(), catalogue=rehearsal.catalogue, by=actor.id)
        self.commands = Commands(rehearsal.catalogue, self._digest, theirs, assessors, "bat_preview", actor)

    def carry_out(self, units: Sequence[Unit]) -> list[bool | Refused]:
        """Say of each unit whether it would be new, or why it would be refused."""
        return [self._decide(unit) for unit in units]

    def _decide(self, unit: Unit) -> bool | Refused:
        learner_id = unit[0].learner_id
        before = record = self._record(learner_id)
        try:
            for command in unit:
                sealed = self._sealed(learner_id, command)
                for fact in learners.decide(record, sealed, self._setting):
                    record = learners.evolve(record, fact)
        except Refused as refused:
            return refused
        self._records[learner_id] = record
        return record is not before

    def _record(self, learner_id: str) -> Record:
        if learner_id not in self._records:
            known = learner_id in self._accounts
            record: Record = self._ledger.record(learner_id) if known else learners.initial(learner_id)
            self._records[learner_id] = record
        return self._records[learner_id]

    def _sealed(self, learner_id: str, command: LearnerCommand) -> LearnerCommand:
        """Known text is compared sealed with sealed; of a new learner there is nothing to compare with."""
        return seal_command(self._ledger.keys, learner_id, command) if learner_id in self._accounts else command

    def _digest(self, learner_id: str, *parts: str) -> str:
        if learner_id in self._accounts:
            return self._ledger.keys.digest(learner_id, *parts)
        return hashlib.sha256("\x1f".join((learner_id, *parts)).encode()).hexdigest()


def _refs(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Return every learner and every assessor that the rows name, once."""
    return (
        list(dict.fromkeys(row.learner_ref for row in rows)),
        list(dict.fromkeys(row.judged.assessor_ref for row in rows if row.judged is not None)),
    )


def _with_new(prefix: str, known: dict[str, str], refs: Iterable[str]) -> dict[str, str]:
    """Return *known* with stand-ins for the accounts that recording would make."""
    return {ref: known.get(ref) or f"{prefix}_new{number}" for number, ref in enumerate(refs)}
