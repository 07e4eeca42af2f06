"""
Why the ledger refuses a command.

Each refusal is a class whose docstring is the rule in one sentence; an instance adds what was found and what to do.
Nothing is recorded by a refused command.
"""

from __future__ import annotations

# What no engine, or not every one, can keep is refused in the same words wherever it is found.
NOT_UNICODE = "Text must be valid Unicode, without halves of surrogate pairs."
HOLDS_NUL = "Text must not contain the NUL character, which not every database can keep."


class Refused(Exception):
    """A command broke a rule of the programme; nothing was recorded."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class Unknown(Refused):
    """Nothing of that name is in the ledger."""


class Invalid(Refused):
    """A value cannot be used as it is."""


class UnusableIdentifier(Invalid):
    """Identifiers are 1 to 120 letters, digits and . _ : ~ - beginning with a letter or digit."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(
            f"{value[:60]!r} cannot be an identifier; use letters, digits and . _ : ~ - only.", field=field
        )


class AlreadyRecorded(Refused):
    """The identifier is taken by something with other content."""


class KeyReused(Invalid):
    """An idempotency key names one request; sent with another body it is refused."""


# Definitions


class SecondPersonNeeded(Refused):
    """This takes two different people."""


class NotApproved(Refused):
    """Only an approved version can be published or activated."""


class NotDrafted(Refused):
    """There is no draft to approve."""


class FrameworkNotMet(Refused):
    """A definition is approved only when every principle of the programme's framework was checked."""


class Retired(Refused):
    """What is retired takes nothing new."""


class NotPublished(Refused):
    """Learners can try only for a published achievement."""


class PreviewNeeded(Refused):
    """A version takes effect for holders only after a preview of who gains, loses and keeps."""


class PreviewDiffers(Refused):
    """A preview is what history up to its position leads to; what differs from that is no preview."""


class UnlistedLosers(Refused):
    """A version takes effect for holders only if everybody who would lose by it stands in the preview."""


class UnusableRule(Invalid):
    """A rule must be finite, satisfiable and name each existing achievement at most once."""


class UnusableDefinition(Invalid):
    """A definition must be complete and consistent."""


# Evidence and assessment


class EvidenceMissing(Refused):
    """This achievement asks for evidence."""


class ReflectionMissing(Refused):
    """This achievement asks for a reflection with the evidence."""


class RouteClosed(Refused):
    """The achievement does not take evidence by this route."""


class EvidenceTooOld(Refused):
    """Evidence must be younger than the achievement's maximum age when it is submitted."""


class AttemptsExhausted(Refused):
    """The achievement allows only so many attempts."""


class PrerequisitesMissing(Refused):
    """The achievement's prerequisites must be held, or waived by a registrar where that is allowed."""


class EvidenceClosed(Refused):
    """The evidence was withdrawn or has led to a decision already."""


class OwnEvidence(Refused):
    """Nobody judges their own evidence, nor evidence they recorded for the learner unless by observation."""


class AlreadyJudged(Refused):
    """One person judges the same evidence once."""


class Recused(Refused):
    """An assessor who declared a conflict of interest does not judge this learner."""


class NotAllowed(Refused):
    """The person does not hold the role this takes."""


class IncompleteJudgement(Invalid):
    """Every criterion is judged, and stated results agree with the outcome."""


class ContradictoryOutcome(Invalid):
    """An outcome may not contradict the pass mark of the stated result."""


class AppealLate(Refused):
    """An appeal is lodged within the time the achievement allows."""


class AppealOpen(Refused):
    """An appeal about this is being heard already."""


class AppealHeard(Refused):
    """One decision is appealed against once."""


class HeardByJudge(Refused):
    """An appeal is heard by somebody who had no part in the judgement."""


class WorsenedByAppeal(Refused):
    """An appeal never makes a result worse."""


# Awards


class AlreadyHeld(Refused):
    """A learner holds at most one live award of an achievement."""


class NotLive(Refused):
    """The award is no longer live."""


class NothingToConfirm(Refused):
    """What waited in the queue was decided already, or its ground has gone."""


class ConsequencesChanged(Refused):
    """What falls with the award changed since the first person signed; both must sign the same list."""


class NotSubstitutable(Refused):
    """An award can stand only for a component of a stack, and must be live."""


class BatchUndone(Refused):
    """The batch is undone already."""


class RecordConflict(Refused):
    """Others kept changing the same record; nothing was recorded, try again."""


class Stale(Refused):
    """What the decision was made upon has changed since it was seen; look again and decide again."""


class TooLarge(Invalid):
    """One command can record only so much."""


class Erased(Refused):
    """The learner's personal data were erased; nothing can be added to the record."""
