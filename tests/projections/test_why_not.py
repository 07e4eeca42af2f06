"""Why a learner does not hold something: each way in which that comes about is told, with where it stands."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ledger import events as e
from ledger.errors import Unknown
from ledger.event import Event
from ledger.events import Judgement
from projections.why_not import WhyNot, why_not
from tests import examples as ex
from tests.projections.story import assessed, awarded, broken, completed, earned, revoked, story, submitted

_BLIND = ex.micro_credential("Safe working", assessors_required=2, blind=True)
CATALOGUE = ex.catalogue_of(
    ex.published(ex.MIG, ex.micro_credential("MIG welding")),
    ex.published(ex.TIG, ex.micro_credential("TIG welding")),
    ex.published(ex.SAFETY, _BLIND),
    ex.published(ex.WELDER, ex.milestone("Welder")),
    ex.published("later", ex.milestone("Later")),
    ex.published("nowhere", ex.milestone("Nowhere")),
    ex.activated("welding", ex.stack(ex.WELDER, ex.all_of(ex.MIG, ex.TIG))),
    ex.activated("afterwards", ex.stack("later", ex.all_of(ex.MIG)), at=ex.after(30)),
)
REGISTERED = e.LearnerRegistered(effective_at=ex.START)


def _why_not(achievement: str, *days: tuple[float, Event], on: float = 90) -> WhyNot:
    return why_not(ex.LEE, achievement, story((0, REGISTERED), *days), CATALOGUE, ex.after(on))


def _kinds(found: WhyNot) -> list[str]:
    return [reason.kind for reason in found.reasons]


def test_what_is_held_is_said_to_be() -> None:
    found = _why_not(ex.MIG, *earned(ex.MIG, 1))

    assert (True, "aw-mig", ["held"]) == (found.holds, found.award_id, _kinds(found))


def test_nothing_was_submitted() -> None:
    found = _why_not(ex.MIG)

    assert (False, ["nothing submitted"]) == (found.holds, _kinds(found))
    assert ("MIG welding is not held on 5 April 2026.", "No evidence was submitted towards it.") == found.sentences


def test_evidence_waits_and_says_for_whom() -> None:
    found = _why_not(ex.SAFETY, (1, submitted(ex.SAFETY, 1)), (2, assessed(ex.SAFETY, 2)))

    assert ["waits for a judge"] == _kinds(found)
    assert ((ex.ANA,), ("marker",)) == (found.reasons[0].by, found.reasons[0].wanting)
    assert "Evidence was submitted on 6 January 2026, judged by 1, and waits for a marker." == found.sentences[1]


def test_not_yet_met_names_who_judged_and_on_which_criterion() -> None:
    judged = msgspec.structs.replace(assessed(ex.MIG, 2, met=False), judgements=(Judgement(criterion="c1", met=False),))

    found = _why_not(ex.MIG, (1, submitted(ex.MIG, 1)), (2, judged))

    assert ["not yet met"] == _kinds(found)
    assert ((ex.ANA,), ("c1",)) == (found.reasons[0].by, found.reasons[0].wanting)


def test_evidence_that_was_taken_back_leads_to_nothing() -> None:
    taken_back = e.EvidenceWithdrawn(effective_at=ex.after(2), evidence_id="ev-mig", withdrawn_by=ex.LEE)

    assert ["withdrawn"] == _kinds(_why_not(ex.MIG, (1, submitted(ex.MIG, 1)), (2, taken_back)))


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        (revoked(ex.MIG, 5), "revoked"),
        (e.AwardExpired(effective_at=ex.after(5), award_id="aw-mig"), "expired"),
        (e.AwardSuspended(effective_at=ex.after(5), award_id="aw-mig", cause="hand"), "suspended"),
        (e.AwardRevoked(effective_at=ex.after(5), award_id="aw-mig", cause="voided"), "voided"),
    ],
)
def test_what_became_of_an_award_is_told(lost: Event, kind: str) -> None:
    found = _why_not(ex.MIG, *earned(ex.MIG, 1), (5, lost))

    assert [kind] == _kinds(found)
    assert found.reasons[0].position == found.position
    assert ["aw-mig"] == [one.award_id for one in found.awards]


def test_validity_ends_without_any_fact() -> None:
    found = _why_not(ex.MIG, *earned(ex.MIG, 1, valid_until=ex.after(30)))

    assert ["expired"] == _kinds(found)
    assert "It was awarded on 6 January 2026. It expired on 4 February 2026." == found.sentences[1]


def test_a_confirmation_or_a_review_is_waited_for() -> None:
    def queued(queue: Any, award_id: str | None = None) -> e.AwardQueued:
        return e.AwardQueued(
            effective_at=ex.after(3), queue_id="q", queue=queue, reason="its turn", achievement_id=ex.MIG,
            achievement_version=1, basis=awarded(ex.MIG).basis, award_id=award_id,
        )  # fmt: skip

    begun = ((1, submitted(ex.MIG, 1)), (2, assessed(ex.MIG, 2)))
    declined = e.AwardDeclined(effective_at=ex.after(4), queue_id="q", declined_by=ex.REGISTRAR)
    suspended = e.AwardSuspended(effective_at=ex.after(2), award_id="aw-mig", cause="hand")
    reviewed = _why_not(ex.MIG, *earned(ex.MIG, 1), (2, suspended), (3, queued("review", "aw-mig")))

    assert ["waits for confirmation"] == _kinds(_why_not(ex.MIG, *begun, (3, queued("confirm"))))
    assert ["suspended", "under review"] == _kinds(reviewed)
    assert "declined" in _kinds(_why_not(ex.MIG, *begun, (3, queued("confirm")), (4, declined)))


def test_a_milestone_says_what_is_missing() -> None:
    found = _why_not(ex.WELDER, *earned(ex.MIG, 1))

    assert ["components missing"] == _kinds(found)
    assert (ex.TIG,) == found.reasons[0].wanting
    assert "This closes it: TIG welding." in found.sentences[1]


def test_a_milestone_that_was_lost_says_why_down_to_the_component() -> None:
    found = _why_not(
        ex.WELDER,
        *earned(ex.MIG, 1),
        *earned(ex.TIG, 1),
        *completed(ex.WELDER, "welding", ex.MIG, ex.TIG, day=2),
        (5, revoked(ex.MIG, 5)),
        (5, broken(ex.WELDER, "welding", ex.MIG, 5, grace=3, policy="lapse")),
        (8, e.AwardLapsed(effective_at=ex.after(8), award_id="aw-welder", break_id="br-welding")),
    )

    assert ["lapsed", "components missing"] == _kinds(found)
    assert any("MIG welding: It was revoked" in sentence for sentence in found.awards[0].sentences)


def test_a_rule_that_is_not_yet_in_effect_says_from_when() -> None:
    found = _why_not("later", *earned(ex.MIG, 1), on=10)

    assert ["rule not in effect"] == _kinds(found)
    assert ex.after(30) == found.reasons[0].since


def test_a_milestone_to_which_no_stack_leads_says_so() -> None:
    assert ["no rule"] == _kinds(_why_not("nowhere"))


def test_what_is_nowhere_defined_is_unknown() -> None:
    with pytest.raises(Unknown):
        _why_not("imagined")


def test_an_answer_is_json() -> None:
    found = _why_not(ex.WELDER, *earned(ex.MIG, 1))

    assert found == msgspec.json.decode(msgspec.json.encode(found), type=WhyNot)
