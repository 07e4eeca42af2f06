from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ledger import errors
from ledger.achievements import (
    ApproveAchievement,
    DraftAchievement,
    EndorseAchievement,
    PublishAchievement,
    RetireAchievement,
    ReviseAchievement,
    WithdrawEndorsement,
    achievements,
)
from ledger.definition import PRINCIPLES, AchievementDefinition, Criteria, Criterion, FrameworkCheck, Level
from ledger.events import (
    AchievementApproved,
    AchievementDrafted,
    AchievementEndorsed,
    AchievementPublished,
    AchievementRetired,
    AchievementRevised,
    EndorsementWithdrawn,
)
from tests.examples import (
    BEN,
    CHECK,
    CRITERIA,
    DESIGNER,
    MIG,
    PERCENT,
    REVIEWER,
    RUBRIC,
    TIG,
    WELDING,
    approved,
    catalogue_of,
    drafted,
    facts_of,
    leaf,
    micro_credential,
    person,
    published,
    retired,
)
from tests.specification import NOW, given

FIRST = micro_credential("MIG welding")
SECOND = micro_credential("MIG welding", hours=Decimal(40))
DRAFTED, APPROVED, PUBLISHED = (facts_of(said(MIG, FIRST)) for said in (drafted, approved, published))
RETIRED = (*PUBLISHED, *facts_of(retired(MIG)))
APPROVE = ApproveAchievement(achievement_id=MIG, version=1, by=REVIEWER, check=CHECK)
PUBLISH = PublishAchievement(achievement_id=MIG, version=1, by=DESIGNER)
ENDORSE = EndorseAchievement(
    achievement_id=MIG, endorsement_id="end_1", version=1, partner="per_forge", statement="We hire on this."
)
ENDORSED = AchievementEndorsed(
    effective_at=NOW, endorsement_id="end_1", version=1, partner="per_forge", statement="We hire on this."
)


def draft(definition: AchievementDefinition = FIRST) -> DraftAchievement:
    return DraftAchievement(achievement_id=MIG, definition=definition, by=DESIGNER)


def revise(definition: AchievementDefinition = SECOND) -> ReviseAchievement:
    return ReviseAchievement(achievement_id=MIG, definition=definition, by=DESIGNER)


# Drafting


def test_a_designer_drafts_the_first_version() -> None:
    drafted_now = AchievementDrafted(effective_at=NOW, definition=FIRST, drafted_by=DESIGNER)

    given(achievements).when(draft()).then(drafted_now)


def test_drafting_the_same_again_records_nothing_also_after_revisions() -> None:
    revised = AchievementRevised(effective_at=NOW, version=2, definition=SECOND, revised_by=DESIGNER)

    given(achievements, *APPROVED).when(draft()).then()
    given(achievements, *APPROVED, revised).when(draft()).then()


def test_an_id_names_one_achievement() -> None:
    given(achievements, *DRAFTED).when(draft(SECOND)).then_refused(errors.AlreadyRecorded, field="achievement_id")


def test_an_unusable_id_is_refused() -> None:
    command = DraftAchievement(achievement_id="no spaces", definition=FIRST, by=DESIGNER)

    given(achievements).when(command).then_refused(errors.UnusableIdentifier, field="achievement_id")


def test_a_draft_is_replaced_until_it_is_approved() -> None:
    revised = AchievementRevised(effective_at=NOW, version=1, definition=SECOND, revised_by=DESIGNER)

    given(achievements, *DRAFTED).when(revise()).then(revised)


def test_a_change_of_an_approved_version_is_the_next_version() -> None:
    revised = AchievementRevised(effective_at=NOW, version=2, definition=SECOND, revised_by=DESIGNER)

    given(achievements, *APPROVED).when(revise()).then(revised)


def test_revising_to_the_same_records_nothing_however_numbers_are_written() -> None:
    stored = micro_credential(prerequisites={"credits": "1.5", "of": [leaf(TIG)]})
    written = micro_credential(prerequisites={"credits": Decimal("1.5"), "of": [leaf(TIG)]})

    given(achievements, *facts_of(approved(MIG, stored))).when(revise(written)).then()


def test_what_was_never_drafted_cannot_be_revised() -> None:
    given(achievements).when(revise()).then_refused(errors.Unknown, field="achievement_id")


# Completeness and consistency


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"description": ""}, "description"),
        ({"achievement_type": ""}, "achievement_type"),
        ({"criteria": Criteria(narrative="")}, "criteria.narrative"),
        (
            {"criteria": Criteria(narrative="x", items=(Criterion(id="a", text="x"), Criterion(id="a", text="y")))},
            "criteria.items.1",
        ),
        ({"results": (PERCENT, PERCENT)}, "results.1"),
        ({"results": (msgspec.structs.replace(PERCENT, pass_at=Decimal(101)),)}, "results.0.pass_at"),
        ({"results": (msgspec.structs.replace(PERCENT, pass_at=Decimal("NaN")),)}, "results.0.pass_at"),
        ({"results": (msgspec.structs.replace(PERCENT, minimum=Decimal(200)),)}, "results.0.minimum"),
        ({"results": (RUBRIC,)}, "results.0.criterion"),
        (
            {"criteria": CRITERIA, "results": (msgspec.structs.replace(RUBRIC, levels=RUBRIC.levels[::-1]),)},
            "results.0.levels",
        ),
        (
            {"criteria": CRITERIA, "results": (msgspec.structs.replace(RUBRIC, pass_at=Decimal(4)),)},
            "results.0.pass_at",
        ),
        (
            {
                "criteria": CRITERIA,
                "results": (msgspec.structs.replace(RUBRIC, levels=(Level(id="", name="", points=Decimal(2)),)),),
            },
            "results.0.levels.0",
        ),
        ({"routes": ()}, "routes"),
        ({"routes": ("test", "test")}, "routes.1"),
        ({"evidence_max_age": "P0D"}, "evidence_max_age"),
        ({"valid_for": "2 years"}, "valid_for"),
        ({"appeal_within": "soon"}, "appeal_within"),
        ({"assessors_required": 0}, "assessors_required"),
        ({"moderation_percent": 101}, "moderation_percent"),
        ({"attempts_allowed": 0}, "attempts_allowed"),
        ({"credits": Decimal(-1)}, "credits"),
        ({"hours": Decimal("Infinity")}, "hours"),
        ({"language": "English!"}, "language"),
        ({"groups": {"module": ""}}, "groups"),
    ],
)
def test_an_inconsistent_definition_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    given(achievements).when(draft(micro_credential(**changes))).then_refused(errors.UnusableDefinition, field=field)


def test_a_full_definition_is_taken() -> None:
    full = micro_credential(
        criteria=CRITERIA,
        results=(PERCENT, RUBRIC),
        prerequisites={"any": [leaf(TIG, min_version=1), leaf("safety")]},
        prerequisites_waivable=True,
        valid_for="P2Y",
        evidence_max_age="P6M",
        assessors_required=2,
        blind=True,
        moderation_percent=10,
        attempts_allowed=3,
        credits=Decimal("1.5"),
        language="fr-CA",
        groups={"module": "welding"},
    )
    drafted_now = AchievementDrafted(effective_at=NOW, definition=full, drafted_by=DESIGNER)

    given(achievements).when(draft(full), catalogue=catalogue_of(WELDING)).then(drafted_now)


@pytest.mark.parametrize(
    ("prerequisites", "field", "saying"),
    [
        ({"all": [leaf("unheard-of")]}, "prerequisites.all[0]", "no achievement unheard-of"),
        ({"all": [leaf(MIG)]}, "prerequisites.all[0]", "mig needs mig"),
        (leaf("welder"), "prerequisites", "mig needs welder needs mig"),
        ({"at_least": 2, "of": [leaf(TIG)]}, "prerequisites.at_least", "2 of 1"),
    ],
)
def test_prerequisites_that_nobody_could_meet_are_refused(
    prerequisites: dict[str, Any], field: str, saying: str
) -> None:
    command = draft(micro_credential(prerequisites=prerequisites))
    now = given(achievements).when(command, catalogue=catalogue_of(WELDING))

    now.then_refused(errors.UnusableRule, field=field, saying=saying)


# Approval


def test_a_second_person_approves_with_the_framework_check() -> None:
    approved_now = AchievementApproved(effective_at=NOW, version=1, approved_by=REVIEWER, check=CHECK)

    given(achievements, *DRAFTED).when(APPROVE).then(approved_now)


def test_the_drafter_does_not_approve() -> None:
    own = msgspec.structs.replace(APPROVE, by=DESIGNER)

    given(achievements, *DRAFTED).when(own).then_refused(errors.SecondPersonNeeded, field="by")


def test_nor_does_the_drafter_under_another_account() -> None:
    other_account = msgspec.structs.replace(APPROVE, by="per_dora_too")
    catalogue = catalogue_of(person(DESIGNER, linked=("per_dora_too",)))

    given(achievements, *DRAFTED).when(other_account, catalogue=catalogue).then_refused(errors.SecondPersonNeeded)


def test_who_replaced_the_draft_counts_as_its_drafter() -> None:
    by_reviewer = AchievementRevised(effective_at=NOW, version=1, definition=SECOND, revised_by=REVIEWER)

    given(achievements, *DRAFTED, by_reviewer).when(APPROVE).then_refused(errors.SecondPersonNeeded)


@for_all(checked=st.sets(st.sampled_from(PRINCIPLES)).filter(lambda some: len(some) < len(PRINCIPLES)))
def test_every_principle_of_the_framework_is_checked(checked: set[str]) -> None:
    partly = FrameworkCheck(principles=tuple(checked), body="QA", reference="1", review_on=CHECK.review_on)
    approve = msgspec.structs.replace(APPROVE, check=partly)

    given(achievements, *DRAFTED).when(approve).then_refused(errors.FrameworkNotMet, field="check.principles")


def test_a_check_names_its_body() -> None:
    nameless = msgspec.structs.replace(APPROVE, check=msgspec.structs.replace(CHECK, body=""))

    given(achievements, *DRAFTED).when(nameless).then_refused(errors.FrameworkNotMet, field="check.body")


def test_there_must_be_a_draft_to_approve() -> None:
    given(achievements).when(APPROVE).then_refused(errors.NotDrafted)
    given(achievements, *DRAFTED).when(msgspec.structs.replace(APPROVE, version=2)).then_refused(errors.NotDrafted)


def test_approving_again_records_nothing() -> None:
    given(achievements, *APPROVED).when(APPROVE).then()


# Publication


def test_an_approved_version_is_published_once() -> None:
    given(achievements, *APPROVED).when(PUBLISH).then(
        AchievementPublished(effective_at=NOW, version=1, published_by=DESIGNER)
    )
    given(achievements, *PUBLISHED).when(PUBLISH).then()


def test_a_draft_is_not_published() -> None:
    given(achievements, *DRAFTED).when(PUBLISH).then_refused(errors.NotApproved)


def test_an_older_version_is_not_published_over_a_newer() -> None:
    facts = (*APPROVED, *facts_of(published(MIG, SECOND, version=2)))

    given(achievements, *facts).when(PUBLISH).then_refused(errors.Invalid, field="version")


# Endorsement


def test_a_partner_endorses_an_approved_version_once() -> None:
    given(achievements, *APPROVED).when(ENDORSE).then(ENDORSED)
    given(achievements, *APPROVED, ENDORSED).when(ENDORSE).then()


def test_a_draft_which_may_still_change_is_not_endorsed() -> None:
    given(achievements, *DRAFTED).when(ENDORSE).then_refused(errors.NotApproved)


def test_an_endorsement_says_one_thing() -> None:
    otherwise = msgspec.structs.replace(ENDORSE, statement="Something else.")
    again = msgspec.structs.replace(otherwise, endorsement_id="end_2")

    given(achievements, *APPROVED, ENDORSED).when(otherwise).then_refused(
        errors.AlreadyRecorded, field="endorsement_id"
    )
    given(achievements, *APPROVED, ENDORSED).when(again).then_refused(errors.AlreadyRecorded, field="partner")


def test_a_partner_withdraws_and_may_endorse_again() -> None:
    withdraw = WithdrawEndorsement(achievement_id=MIG, endorsement_id="end_1", reason="Outdated.")
    withdrawn = EndorsementWithdrawn(effective_at=NOW, endorsement_id="end_1", reason="Outdated.")
    again = msgspec.structs.replace(ENDORSE, endorsement_id="end_2")
    endorsed_again = msgspec.structs.replace(ENDORSED, endorsement_id="end_2")

    given(achievements, *APPROVED, ENDORSED).when(withdraw).then(withdrawn)
    given(achievements, *APPROVED, ENDORSED, withdrawn).when(withdraw).then()
    given(achievements, *APPROVED, ENDORSED, withdrawn).when(again).then(endorsed_again)


def test_only_what_was_endorsed_is_withdrawn() -> None:
    withdraw = WithdrawEndorsement(achievement_id=MIG, endorsement_id="end_9", reason="")

    given(achievements, *APPROVED).when(withdraw).then_refused(errors.Unknown, field="endorsement_id")


# Retirement


def test_retiring_is_recorded_once() -> None:
    retire = RetireAchievement(achievement_id=MIG, by=BEN, reason="Replaced.")

    given(achievements, *PUBLISHED).when(retire).then(
        AchievementRetired(effective_at=NOW, retired_by=BEN, reason="Replaced.")
    )
    given(achievements, *RETIRED).when(retire).then()
    given(achievements).when(retire).then_refused(errors.Unknown)


@pytest.mark.parametrize("command", [revise(), ENDORSE, msgspec.structs.replace(APPROVE, version=2)])
def test_what_is_retired_takes_nothing_new(command: Any) -> None:
    facts = (*PUBLISHED, *facts_of(drafted(MIG, SECOND, version=2)), *facts_of(retired(MIG)))
    if isinstance(command, ReviseAchievement):
        command = revise(micro_credential("Something else"))

    given(achievements, *facts).when(command).then_refused(errors.Retired)


def test_the_record_keeps_every_version_with_who_drafted_and_approved_it() -> None:
    facts = (*PUBLISHED, *facts_of(approved(MIG, SECOND, version=2)))
    record = achievements.fold(MIG, facts)

    assert [FIRST, SECOND] == [version.definition for version in record.versions.values()]
    assert (1, 2) == (record.published, record.newest)
    assert {DESIGNER} == {version.drafted_by for version in record.versions.values()}
