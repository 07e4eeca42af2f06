from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ledger import errors
from ledger.definition import LossPolicy, OnLoss, StackDefinition
from ledger.events import StackActivated, StackApproved, StackDrafted, StackRetired, StackRevised
from ledger.foresight import Rechecked
from ledger.stacks import ActivateStack, ApproveStack, DraftStack, RetireStack, ReviseStack, stacks
from tests.examples import (
    DESIGNER,
    MIG,
    PERCENT,
    REVIEWER,
    RUBRIC,
    SAFETY,
    TIG,
    WELDER,
    WELDING,
    activated,
    all_of,
    catalogue_of,
    drafted,
    facts_of,
    leaf,
    losing,
    micro_credential,
    milestone,
    person,
    published,
    retired,
    stack,
    stack_approved,
    stack_drafted,
    stack_retired,
)
from tests.specification import NOW, given

ID = "craft"
PROGRAMME = catalogue_of(
    WELDING,
    published("crafter", milestone("Crafter")),
    published("marked", micro_credential(results=(PERCENT,), credits=Decimal(2), groups={"module": "X"})),
    published("twice-marked", micro_credential(results=(PERCENT, RUBRIC), credits=Decimal(1), groups={"module": "X"})),
)
FIRST = stack("crafter", all_of(MIG, WELDER))
SECOND = stack("crafter", all_of(TIG, WELDER))
DRAFTED = facts_of(stack_drafted(ID, FIRST))
APPROVED = facts_of(stack_approved(ID, FIRST))
ACTIVATED = facts_of(activated(ID, FIRST))
APPROVE = ApproveStack(stack_id=ID, version=1, by=REVIEWER)
ACTIVATE = ActivateStack(stack_id=ID, version=1, by=DESIGNER)
PREVIEW = f"prv_61_1767600000000000_{'a' * 64}"
FOR_HOLDERS = msgspec.structs.replace(ACTIVATE, applies_to="holders", preview=PREVIEW)


def draft(definition: StackDefinition = FIRST) -> DraftStack:
    return DraftStack(stack_id=ID, definition=definition, by=DESIGNER)


def revise(definition: StackDefinition = SECOND) -> ReviseStack:
    return ReviseStack(stack_id=ID, definition=definition, by=DESIGNER)


# Drafting


def test_a_designer_drafts_a_stack() -> None:
    given(stacks).when(draft(), catalogue=PROGRAMME).then(
        StackDrafted(effective_at=NOW, definition=FIRST, drafted_by=DESIGNER)
    )


def test_drafting_the_same_again_records_nothing() -> None:
    given(stacks, *ACTIVATED).when(draft(), catalogue=PROGRAMME).then()
    given(stacks, *ACTIVATED).when(revise(FIRST), catalogue=PROGRAMME).then()


def test_an_id_names_one_stack() -> None:
    given(stacks, *DRAFTED).when(draft(SECOND), catalogue=PROGRAMME).then_refused(errors.AlreadyRecorded)


def test_a_draft_is_replaced_and_an_approved_version_followed() -> None:
    revised = StackRevised(effective_at=NOW, version=1, definition=SECOND, revised_by=DESIGNER)

    given(stacks, *DRAFTED).when(revise(), catalogue=PROGRAMME).then(revised)
    given(stacks, *APPROVED).when(revise(), catalogue=PROGRAMME).then(msgspec.structs.replace(revised, version=2))


def test_the_milestone_must_be_known_and_not_retired() -> None:
    unheard_of = draft(stack("unheard-of", leaf(MIG)))
    gone = catalogue_of(WELDING, published("crafter", milestone()), retired("crafter"))

    given(stacks).when(unheard_of, catalogue=PROGRAMME).then_refused(errors.UnusableDefinition, field="milestone")
    given(stacks).when(draft(), catalogue=gone).then_refused(errors.Retired, field="milestone")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"on_loss": losing("lapse", "30 days")}, "on_loss.expired.grace"),
        ({"on_loss": OnLoss(revoked=LossPolicy(policy="revoke", grace="P1X"))}, "on_loss.revoked.grace"),
        ({"starts_at": NOW.replace(tzinfo=None)}, "starts_at"),
    ],
)
def test_an_inconsistent_stack_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    command = draft(stack("crafter", leaf(MIG), **changes))

    given(stacks).when(command, catalogue=PROGRAMME).then_refused(errors.UnusableDefinition, field=field)


# Rules that nobody could satisfy


@pytest.mark.parametrize(
    ("rule", "field", "saying"),
    [
        ({"some": []}, "rule", "exactly one of"),
        ({"all": [leaf(MIG), leaf("unheard-of")]}, "rule.all[1]", "no achievement unheard-of"),
        ({"any": [leaf(MIG), {"all": [leaf(MIG), leaf(TIG)]}]}, "rule.any[1].all[0]", "twice"),
        ({"any": [leaf("crafter")]}, "rule.any[0]", "crafter needs crafter"),
        ({"at_least": 3, "of": [leaf(MIG), leaf(TIG)]}, "rule.at_least", "3 of 2"),
        ({"any": [leaf(MIG, min_version=2)]}, "rule.any[0].min_version", "newest is 1"),
        ({"any": [leaf(MIG, min_result=50)]}, "rule.any[0].min_result", "states no result"),
        ({"any": [leaf("marked", min_result=101)]}, "rule.any[0].min_result", "up to 100"),
        ({"any": [leaf("twice-marked", min_result=50)]}, "rule.any[0].min_result", "name one of score, bead"),
        (
            {"any": [leaf("twice-marked", min_result={"result": "bead", "at_least": 4})]},
            "rule.any[0].min_result",
            "up to 3",
        ),
        (
            {"any": [leaf("marked", min_result={"result": "bead", "at_least": 1})]},
            "rule.any[0].min_result",
            "no result bead",
        ),
        ({"credits": 6, "of": [leaf(MIG), leaf(TIG), leaf(SAFETY)]}, "rule.credits", "together are worth 5.5"),
        (
            {"credits": 3, "of": [leaf("marked"), leaf("twice-marked")], "distinct_by": "module"},
            "rule.credits",
            "together are worth 2",
        ),
        (
            {"all": [{"at_least": 2, "of": [leaf("marked"), leaf("twice-marked")], "distinct_by": "module"}]},
            "rule.all[0].at_least",
            "2 different module, but there are only 1",
        ),
    ],
)
def test_a_rule_that_nobody_could_satisfy_is_refused_by_its_node(rule: dict[str, Any], field: str, saying: str) -> None:
    now = given(stacks).when(draft(stack("crafter", rule)), catalogue=PROGRAMME)

    now.then_refused(errors.UnusableRule, field=field, saying=saying)


@pytest.mark.parametrize(
    "rule",
    [
        leaf("marked", min_result=100),
        leaf("twice-marked", min_result={"result": "bead", "at_least": 3}),
        {"credits": "5.5", "of": [leaf(MIG), leaf(TIG), leaf(SAFETY)]},
        {"at_least": 3, "of": [leaf(MIG), leaf(TIG), leaf("marked")], "distinct_by": "module"},
        {"any": [{"all": [leaf(MIG, earned_within="P1Y"), leaf(TIG)]}, leaf(WELDER)]},
    ],
)
def test_a_rule_at_the_limit_of_what_can_be_reached_is_taken(rule: dict[str, Any]) -> None:
    definition = stack("crafter", rule)

    given(stacks).when(draft(definition), catalogue=PROGRAMME).then(
        StackDrafted(effective_at=NOW, definition=definition, drafted_by=DESIGNER)
    )


def test_a_circle_through_another_stack_is_refused_also_while_that_is_a_draft() -> None:
    catalogue = catalogue_of(
        published("a", milestone()), published("b", milestone()), stack_drafted("s", stack("a", leaf("b")))
    )
    command = draft(stack("b", leaf("a")))
    now = given(stacks).when(command, catalogue=catalogue)

    now.then_refused(errors.UnusableRule, field="rule", saying="b needs a needs b")


def test_a_circle_through_prerequisites_is_refused() -> None:
    catalogue = catalogue_of(
        published("b", milestone()), published("a", micro_credential(prerequisites={"any": [leaf("b")]}))
    )

    given(stacks).when(draft(stack("b", leaf("a"))), catalogue=catalogue).then_refused(errors.UnusableRule)


def test_what_a_retired_stack_asked_for_makes_no_circle() -> None:
    was = (*stack_drafted("s", stack("a", leaf("b"))), *stack_retired("s"))
    catalogue = catalogue_of(published("a", milestone()), published("b", milestone()), was)
    definition = stack("b", leaf("a"))

    given(stacks).when(draft(definition), catalogue=catalogue).then(
        StackDrafted(effective_at=NOW, definition=definition, drafted_by=DESIGNER)
    )


# Approval


def test_a_second_person_approves() -> None:
    given(stacks, *DRAFTED).when(APPROVE).then(StackApproved(effective_at=NOW, version=1, approved_by=REVIEWER))
    given(stacks, *APPROVED).when(APPROVE).then()


@pytest.mark.parametrize("by", [DESIGNER, "per_dora_too"])
def test_the_drafter_does_not_approve_under_any_account(by: str) -> None:
    catalogue = catalogue_of(person(DESIGNER, linked=("per_dora_too",)))
    own = msgspec.structs.replace(APPROVE, by=by)

    given(stacks, *DRAFTED).when(own, catalogue=catalogue).then_refused(errors.SecondPersonNeeded, field="by")


def test_there_must_be_a_draft_to_approve() -> None:
    given(stacks).when(APPROVE).then_refused(errors.NotDrafted)


# Activation


def test_an_approved_version_takes_effect_now() -> None:
    given(stacks, *APPROVED).when(ACTIVATE, catalogue=PROGRAMME).then(
        StackActivated(effective_at=NOW, version=1, activated_by=DESIGNER)
    )


def test_or_when_its_definition_says_or_when_the_activation_says() -> None:
    later, latest = NOW + timedelta(days=5), NOW + timedelta(days=9)
    facts = facts_of(stack_approved(ID, stack("crafter", leaf(MIG), starts_at=later)))
    at = msgspec.structs.replace(ACTIVATE, effective_at=latest)

    given(stacks, *facts).when(ACTIVATE, catalogue=PROGRAMME).then(
        StackActivated(effective_at=later, version=1, activated_by=DESIGNER)
    )
    given(stacks, *facts).when(at, catalogue=PROGRAMME).then(
        StackActivated(effective_at=latest, version=1, activated_by=DESIGNER)
    )


def test_for_holders_it_takes_effect_as_it_was_previewed() -> None:
    rechecked = Rechecked(PREVIEW, 70, PROGRAMME.position)

    given(stacks, *APPROVED).when(FOR_HOLDERS, catalogue=PROGRAMME, rechecked=rechecked).then(
        StackActivated(
            effective_at=NOW, version=1, activated_by=DESIGNER, applies_to="holders", preview=PREVIEW, rechecked_to=70
        )
    )


def test_without_a_preview_it_does_not_take_effect_for_holders() -> None:
    unnamed = msgspec.structs.replace(FOR_HOLDERS, preview=None)
    found = Rechecked(PREVIEW, 70, PROGRAMME.position)

    for command, rechecked in ((unnamed, found), (FOR_HOLDERS, None)):
        now = given(stacks, *APPROVED).when(command, catalogue=PROGRAMME, rechecked=rechecked)
        now.then_refused(errors.PreviewNeeded, field="preview")


def test_what_the_log_does_not_bear_out_is_no_preview() -> None:
    rechecked = Rechecked(PREVIEW.replace("a", "b"), 70, PROGRAMME.position)
    now = given(stacks, *APPROVED).when(FOR_HOLDERS, catalogue=PROGRAMME, rechecked=rechecked)

    now.then_refused(errors.PreviewDiffers, field="preview")


def test_who_would_lose_must_stand_in_the_preview() -> None:
    rechecked = Rechecked(PREVIEW, 70, PROGRAMME.position, ("lrn_lee", "lrn_mo"), 3)
    now = given(stacks, *APPROVED).when(FOR_HOLDERS, catalogue=PROGRAMME, rechecked=rechecked)

    now.then_refused(errors.UnlistedLosers, field="preview", saying="lrn_lee, lrn_mo and 3 more")


def test_for_new_completions_no_preview_is_asked_for() -> None:
    named = msgspec.structs.replace(ACTIVATE, preview=PREVIEW)

    given(stacks, *APPROVED).when(named, catalogue=PROGRAMME).then_refused(errors.Invalid, field="preview")


def test_a_draft_is_not_activated() -> None:
    given(stacks, *DRAFTED).when(ACTIVATE, catalogue=PROGRAMME).then_refused(errors.NotApproved)


def test_a_stack_is_activated_when_its_milestone_is_published() -> None:
    catalogue = catalogue_of(WELDING, drafted("crafter", milestone()))

    given(stacks, *APPROVED).when(ACTIVATE, catalogue=catalogue).then_refused(errors.NotPublished)


def test_activating_again_records_nothing_and_otherwise_is_refused() -> None:
    otherwise = FOR_HOLDERS

    given(stacks, *ACTIVATED).when(ACTIVATE, catalogue=PROGRAMME).then()
    given(stacks, *ACTIVATED).when(otherwise, catalogue=PROGRAMME).then_refused(errors.AlreadyRecorded)


def test_an_older_version_is_not_activated_over_a_newer() -> None:
    facts = (*APPROVED, *facts_of(activated(ID, SECOND, version=2)))

    given(stacks, *facts).when(ACTIVATE, catalogue=PROGRAMME).then_refused(errors.Invalid, field="version")


def test_a_naive_instant_is_refused() -> None:
    naive = msgspec.structs.replace(ACTIVATE, effective_at=NOW.replace(tzinfo=None))

    given(stacks, *APPROVED).when(naive, catalogue=PROGRAMME).then_refused(errors.Invalid, field="effective_at")


# Retirement


def test_a_retired_stack_takes_nothing_new() -> None:
    retire = RetireStack(stack_id=ID, by=DESIGNER, reason="Replaced.")
    gone = (*APPROVED, *facts_of(stack_retired(ID)))

    given(stacks, *ACTIVATED).when(retire).then(StackRetired(effective_at=NOW, retired_by=DESIGNER, reason="Replaced."))
    given(stacks, *gone).when(retire).then()
    given(stacks, *gone).when(ACTIVATE, catalogue=PROGRAMME).then_refused(errors.Retired)
    given(stacks, *gone).when(revise(), catalogue=PROGRAMME).then_refused(errors.Retired)
    given(stacks).when(retire).then_refused(errors.Unknown)
