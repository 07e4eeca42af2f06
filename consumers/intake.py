"""
Evidence and judgements that other systems send by Kafka: each message is recorded once, repeated, or a dead letter.

Exactly once in effect: what a message asks for and the receipt for it are recorded in one transaction, under the
principal `intake:<source>` and the message's id. So a batch may come again, as a whole or in part, to the same process
or to two at once, and records nothing twice; an id that comes back with other content is refused.

Offsets are committed after `handle`. It raises only what passes (the store cannot be reached or is busy, others keep
changing the same records): then nothing is a dead letter yet, and the batch is handed in again.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from consumers import newcomers
from consumers.intake_messages import Asked, Judgement, Message, NotTaken, Submission, read, told
from ledger import Ledger, ids
from ledger.application import Keyed, Receipt
from ledger.definition import AchievementDefinition, Route
from ledger.errors import AlreadyRecorded, IncompleteJudgement, KeyReused, OwnEvidence, RecordConflict, Refused, Unknown
from ledger.event import Actor
from ledger.identities import written
from ledger.keys import NoKey, seal_command
from ledger.learners.commands import AssessEvidence, LearnerCommand, RegisterLearner, SubmitEvidence, Together
from ledger.private import Private, private
from ledger.store import StoreUnavailable

CLIENT = "intake"
_FIELDS = {"achievement_id": "achievement", "assessor": "assessor_ref", "outcome": "met", "by": "assessor_ref"}
_REUSED = "ce_id was used for another message of this source; give each message an id of its own."
_ALREADY = "evidence_id, or this judgement of it, is recorded already with other content; correct it by hand."
_NO_LEARNER = "learner_ref names nobody here; the evidence is sent before its judgement."
_NO_EVIDENCE = "evidence_id names no evidence of this learner; the evidence is sent before its judgement."

_log = logging.getLogger(__name__)


class DeadLetter(NamedTuple):
    """A message that was not taken, by where it stands; what was in it is not copied, for it may be personal."""

    topic: str
    partition: int
    offset: int
    source: str
    message_id: str
    code: str
    reason: str


class Intake:
    """Takes batches of messages from the systems in *sources* into the ledger; to be used by one thread."""

    def __init__(self, ledger: Ledger, sources: Iterable[str]) -> None:
        self._ledger = ledger
        self._sources = frozenset(sources)

    def handle(self, messages: Sequence[Message]) -> list[DeadLetter]:
        """Record what *messages* ask for; return those that are refused, each with its reason."""
        refused: dict[int, tuple[str, str]] = {}
        of_source: dict[str, list[tuple[int, Asked]]] = {}
        for index, message in enumerate(messages):
            try:
                asked = read(message, self._sources)
            except NotTaken as refusal:
                refused[index] = refusal.code, refusal.sentence
            else:
                of_source.setdefault(asked.source, []).append((index, asked))
        for source, numbered in of_source.items():
            answers = self._answers(source, [asked for _, asked in numbered])
            for (index, asked), answer in zip(numbered, answers, strict=True):
                if isinstance(answer, NotTaken):
                    refused[index] = answer.code, answer.sentence
                elif isinstance(answer, Refused):
                    refused[index] = _kebab(type(answer).__name__), _sentence(answer, asked)
        return [_dead(messages[index], *refused[index]) for index in sorted(refused)]

    def _answers(self, source: str, asked: Sequence[Asked]) -> Sequence[Receipt | Refused | NotTaken]:
        """Carry out what one source asks for; where that fails unforeseen, one by one, to find which it is."""
        try:
            return self._carry_out(source, asked)
        except (StoreUnavailable, RecordConflict):
            raise
        except Exception as error:  # noqa: BLE001  one message, whatever it does, must not stop the others
            _log.error("a batch of %d messages of %s failed: %s; trying each alone", len(asked), source, _where(error))
        answers: list[Receipt | Refused | NotTaken] = []
        for one in asked:
            try:
                answers += self._carry_out(source, [one])
            except (StoreUnavailable, RecordConflict):
                raise
            except Refused as refusal:
                answers.append(refusal)
            except Exception as error:  # noqa: BLE001
                _log.error("message %s of %s failed: %s", one.message_id, source, _where(error))
                self._ledger.store.head()  # raises where it is the store that fails, and not the message
                sentence = f"The ledger failed at this message ({type(error).__name__})."
                answers.append(NotTaken("unforeseen", sentence))
        return answers

    def _carry_out(self, source: str, asked: Sequence[Asked]) -> list[Receipt | Refused]:
        actor = Actor(id=f"intake:{source}", role="service", client=CLIENT)
        keyed = [Keyed(one.message_id, one.request) for one in asked]
        made = _Commands(self._ledger, actor, [one.body for one in asked]).made
        answers: dict[int, Receipt | Refused] = {}
        wanted: dict[int, LearnerCommand] = {}
        for index, command in enumerate(made):
            if isinstance(command, Refused):
                # What was recorded under this id stays recorded, whatever has changed since.
                answers[index] = self._before(actor, keyed[index]) or command
            else:
                wanted[index] = command
        found = self._ledger.execute_many(wanted.values(), actor=actor, keyed=[keyed[index] for index in wanted])
        answers |= dict(zip(wanted, found, strict=True))
        for answer in answers.values():
            if isinstance(answer, RecordConflict):
                raise answer
        return [answers[index] for index in range(len(asked))]

    def _before(self, actor: Actor, keyed: Keyed) -> Receipt | Refused | None:
        try:
            return self._ledger.carried_out(keyed, actor=actor)
        except KeyReused as reused:
            return reused


class _Commands:
    """The commands that bodies ask for, or why none can be made; makes known whom they name."""

    def __init__(self, ledger: Ledger, actor: Actor, bodies: Sequence[Submission | Judgement]) -> None:
        self._ledger = ledger
        self._actor = actor
        self._catalogue = ledger.catalogue()
        refused = {index: refusal for index, body in enumerate(bodies) if (refusal := self._unusable(body))}
        usable = [body for index, body in enumerate(bodies) if index not in refused]
        self._learners = self._known_learners(usable)
        self._evidence: dict[str, str] = {}
        judging = [one for one in usable if isinstance(one, Judgement) and one.learner_ref in self._learners]
        self._assessors = self._known_assessors(judging)
        self.made = [refused.get(index) or self._made(body) for index, body in enumerate(bodies)]

    def _unusable(self, body: Submission | Judgement) -> Refused | None:
        """Return why *body* cannot be asked for, before anybody is registered for its sake."""
        if isinstance(body, Judgement):
            if written(body.assessor_ref) == written(body.learner_ref):
                return OwnEvidence("assessor_ref is the learner; somebody else must judge the evidence.")
            if body.met is None and not body.results:
                return IncompleteJudgement("met or results must say what was found.")
            return None
        if body.achievement not in self._catalogue.achievements:
            return Unknown("achievement names none that there is.")
        try:
            self._catalogue.published(body.achievement)
        except Refused as refusal:
            return refusal
        return None

    def _known_learners(self, bodies: Sequence[Submission | Judgement]) -> dict[str, str]:
        submitting = list(dict.fromkeys(body.learner_ref for body in bodies if isinstance(body, Submission)))
        judged = {body.learner_ref for body in bodies if isinstance(body, Judgement)}
        registered = self._ledger.identities.register("learner", submitting) if submitting else {}
        self._ledger.keys.ensure(registered.values())
        return registered | self._ledger.identities.find_all("learner", sorted(judged - registered.keys()))

    def _known_assessors(self, judging: Sequence[Judgement]) -> dict[str, str]:
        refs = list(dict.fromkeys(body.assessor_ref for body in judging))
        assessors = self._ledger.identities.register("person", refs) if refs else {}
        for command in newcomers.named(self._ledger, self._catalogue, self._learners, assessors, self._actor.id):
            self._ledger.execute(command, actor=self._actor)
        self._catalogue = self._ledger.catalogue()
        return assessors

    def _made(self, body: Submission | Judgement) -> LearnerCommand | Refused:
        learner_id = self._learners.get(body.learner_ref)
        if learner_id is None:
            return Unknown(_NO_LEARNER)
        try:
            digest = self._ledger.keys.digest(learner_id, "evidence_id", body.evidence_id)
        except NoKey:
            return Unknown(_NO_EVIDENCE)
        except Refused as erased:
            return erased
        evidence_id = f"evd_{digest[:24]}"
        if isinstance(body, Submission):
            return self._submit(learner_id, evidence_id, body)
        try:
            return self._assess(learner_id, evidence_id, body)
        except Refused as refusal:
            return refusal

    def _submit(self, learner_id: str, evidence_id: str, body: Submission) -> LearnerCommand:
        self._evidence[evidence_id] = body.achievement
        submit = SubmitEvidence(
            learner_id=learner_id,
            evidence_id=evidence_id,
            achievement_id=body.achievement,
            submitted_by=self._actor.id,
            route=body.route or self._route(body.achievement),
            declared_by="import",
            submitted_at=body.submitted_at,
            evidence_url=private(body.evidence_url),
            narrative=private(body.narrative),
            external_id=Private(plain=body.evidence_id),
        )
        register = RegisterLearner(learner_id=learner_id, origin="imported")
        return Together(learner_id=learner_id, commands=(register, seal_command(self._ledger.keys, learner_id, submit)))

    def _assess(self, learner_id: str, evidence_id: str, body: Judgement) -> LearnerCommand:
        assessor = self._assessors[body.assessor_ref]
        return AssessEvidence(
            learner_id=learner_id,
            assessment_id=ids.derived("asm", evidence_id, assessor),
            evidence_id=evidence_id,
            assessor=assessor,
            met=body.met,
            results=self._results(learner_id, evidence_id, body.results),
            assessed_at=body.assessed_at,
        )

    def _results(self, learner_id: str, evidence_id: str, stated: Mapping[str, float | str]) -> dict[str, Decimal]:
        """Return the results as numbers; levels of a rubric, by id or name, count their points."""
        if not any(isinstance(result, str) for result in stated.values()):
            return {name: Decimal(str(result)) for name, result in stated.items()}
        definition = self._definition(learner_id, evidence_id)
        points = {
            (result.id, word): level.points
            for result in definition.results
            for level in result.levels
            for word in (level.name, level.id)
        }
        found: dict[str, Decimal] = {}
        for name, result in stated.items():
            if isinstance(result, str) and (name, result) not in points:
                raise IncompleteJudgement("results gives a level that its rubric does not have.")
            found[name] = points[name, result] if isinstance(result, str) else Decimal(str(result))
        return found

    def _definition(self, learner_id: str, evidence_id: str) -> AchievementDefinition:
        """Return what the evidence went to: the version it was recorded for, else the one it will be."""
        recorded = self._ledger.record(learner_id).evidence.get(evidence_id)
        if recorded is not None:
            return self._catalogue.definition(recorded.achievement_id, recorded.achievement_version)
        if evidence_id in self._evidence:
            return self._catalogue.published(self._evidence[evidence_id])[1]
        raise Unknown(_NO_EVIDENCE)

    def _route(self, achievement: str) -> Route:
        """Where the message does not say: as work where the definition takes that, else as it asks."""
        routes = self._catalogue.published(achievement)[1].routes
        return "work_product" if "work_product" in routes else routes[0]


def _sentence(refusal: Refused, asked: Asked) -> str:
    """Return why, naming the field; the broken rule alone where more would repeat what was sent."""
    match refusal:
        case KeyReused():
            return _REUSED
        case AlreadyRecorded():
            return _ALREADY
        case Unknown() if refusal.field == "evidence_id":
            return _NO_EVIDENCE
    field = _FIELDS.get(refusal.field or "", refusal.field)
    if any(re.search(rf"(?<!\w){re.escape(text.strip())}(?!\w)", refusal.detail) for text in asked.personal()):
        rule = " ".join((type(refusal).__doc__ or "A rule is broken.").split())
        return rule if field is None else f"{field}: {rule}"
    return refusal.detail if field is None or field in refusal.detail else f"{field}: {refusal.detail}"


def _where(error: Exception) -> str:
    """Return what failed and where; the error's own text may quote what was sent."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} in " + " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)


def _dead(message: Message, code: str, reason: str) -> DeadLetter:
    source, message_id = told(message)
    return DeadLetter(message.topic, message.partition, message.offset, source, message_id, code, reason)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
