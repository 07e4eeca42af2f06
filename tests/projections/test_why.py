"""Why an award is held, or was lost: the chain down to evidence, as data and as sentences."""

from __future__ import annotations

import msgspec
import pytest

from ledger import events as e
from ledger.errors import Unknown
from ledger.event import Event
from projections.why import Why, why
from tests import examples as ex
from tests.projections.story import SEALED, broken, completed, earned, revoked, story

CATALOGUE = ex.catalogue_of(
    ex.WELDING,
    ex.published("master", ex.milestone("Master welder")),
    ex.activated("mastery", ex.stack("master", ex.all_of(ex.WELDER))),
)
DONE = (
    *earned(ex.MIG, 1), *earned(ex.TIG, 2), *earned(ex.SAFETY, 3),
    *completed(ex.WELDER, "welding", ex.MIG, ex.TIG, ex.SAFETY, day=3),
    *completed("master", "mastery", ex.WELDER, day=3),
)  # fmt: skip


def _why(award_id: str, *more: tuple[float, Event], day: float = 90) -> Why:
    return why(award_id, story(*DONE, *more), CATALOGUE, ex.after(day))


def test_an_award_is_explained_by_judgements_and_evidence_with_its_digest() -> None:
    explained = _why("aw-mig")

    assert explained.evidence is not None
    assert ("ev-mig", "sha256:0123", 100) == (
        explained.evidence.evidence_id, explained.evidence.digest, explained.evidence.position,
    )  # fmt: skip
    assert [(ex.ANA, "marker", True, 101)] == [
        (judgement.assessor, judgement.capacity, judgement.met, judgement.position)
        for judgement in explained.judgements
    ]
    assert (
        (
            "MIG welding (version 1) was awarded on 6 January 2026, because the evidence submitted on 6 January 2026 "
            "was judged met by per_ana (marker)."
        ),
        "Stated results: score 72.",
        "The evidence is ev-mig, digest sha256:0123.",
        "It counts.",
    ) == explained.sentences


def test_a_milestone_is_explained_by_its_rule_and_each_award_that_matched() -> None:
    explained = _why("aw-welder")

    assert explained.stack is not None
    assert ("welding", 1, 7) == (
        explained.stack.stack_id,
        explained.stack.version,
        explained.stack.definitions_position,
    )
    assert ex.all_of(ex.MIG, ex.TIG, ex.SAFETY) == explained.stack.rule
    assert ["aw-mig", "aw-tig", "aw-safety"] == [component.award_id for component in explained.stack.components]
    assert (
        "Welder (version 1) was awarded on 8 January 2026, because MIG welding, TIG welding and Safe working complete "
        "version 1 of Stack of welder, which asks for MIG welding, TIG welding and Safe working."
    ) == explained.sentences[0]


def test_a_chain_of_milestones_is_explained_to_the_bottom() -> None:
    explained = _why("aw-master")

    assert explained.stack is not None
    (welder,) = explained.stack.components
    assert welder.stack is not None
    assert {"sha256:0123"} == {c.evidence.digest for c in welder.stack.components if c.evidence is not None}


def test_a_loss_is_explained_with_its_cause() -> None:
    lapsed = e.AwardLapsed(effective_at=ex.after(50), award_id="aw-welder", break_id="br-welding")
    explained = _why(
        "aw-welder",
        (20, revoked(ex.MIG, 20)),
        (20, broken(ex.WELDER, "welding", ex.MIG, 20, grace=30, policy="lapse")),
        (50, lapsed),
    )

    assert "lapsed" == explained.status
    assert ["StackBroken", "AwardLapsed"] == [befell.fact for befell in explained.history]
    assert (
        (
            "On 25 January 2026 MIG welding, which it rests on, no longer counted (revoked); "
            "unless something replaces it by 24 February 2026, it lapses, without fault."
        ),
        "MIG welding: It was revoked on 25 January 2026; two people decided so.",
        "It lapsed on 24 February 2026, without fault, because awards it rested on no longer count.",
        "It has lapsed.",
    ) == explained.sentences[-4:]


def test_a_basis_that_was_replaced_is_shown_beside_what_completed_it() -> None:
    replaced = e.StackBasisReplaced(
        effective_at=ex.after(20), completion_id="cmp-welding", stack_version=1, awards=("aw-tig", "aw-safety")
    )

    explained = _why("aw-welder", (20, revoked(ex.MIG, 20)), (20, replaced))

    assert explained.stack is not None
    assert ("aw-mig", "aw-tig", "aw-safety") == explained.stack.completed_by
    assert ("aw-tig", "aw-safety") == explained.stack.rests_on
    assert "Since 25 January 2026 it rests on TIG welding and Safe working; nothing was lost." in explained.sentences


def test_recognised_learning_is_named_as_such() -> None:
    recognised = e.PriorLearningRecognised(
        effective_at=ex.after(1), recognition_id="rec", achievement_id=ex.MIG, achievement_version=1,
        recognised_by=ex.BEN, compared=(ex.BEN, ex.LEE), source=SEALED,
    )  # fmt: skip
    award = e.AchievementAwarded(
        effective_at=ex.after(1), award_id="aw", achievement_id=ex.MIG, achievement_version=1,
        basis=e.Basis(recognition="rec"),
    )  # fmt: skip

    explained = why("aw", story((1, recognised), (1, award)), CATALOGUE, ex.after(2))

    assert explained.recognition is not None
    assert ex.BEN == explained.recognition.recognised_by
    assert "because prior learning was recognised on 6 January 2026." in explained.sentences[0]


def test_the_judgements_of_a_voided_award_are_still_told() -> None:
    facts = (
        e.AssessmentVoided(effective_at=ex.after(9), assessment_id="as-mig-per_ana", voided_by=ex.REGISTRAR),
        e.AwardRevoked(effective_at=ex.after(9), award_id="aw-mig", cause="voided"),
    )

    explained = _why("aw-mig", *((9, fact) for fact in facts))

    assert "voided" == explained.status
    assert [True] == [judgement.voided for judgement in explained.judgements]


def test_an_award_is_unknown_before_it_was_recorded() -> None:
    with pytest.raises(Unknown):
        why("aw-mig", story(*DONE)[:2], CATALOGUE, ex.after(90))


def test_an_explanation_is_json() -> None:
    explained = _why("aw-master")

    assert explained == msgspec.json.decode(msgspec.json.encode(explained), type=Why)
