"""Who would gain, lose and keep: what a preview says is what settling does once the version takes effect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ledger import errors
from ledger.definition import StackDefinition
from ledger.events import AchievementAwarded, AwardQueued, StackActivated
from ledger.foresight import AppliesTo, Foreseen, PreviewName, Supposed
from ledger.learners import commands as c
from ledger.previewing import Preview, preview
from ledger.stacks import ActivateStack, ApproveStack, DraftStack, ReviseStack
from tests import examples as ex
from tests.projections.college import OFFICE, WHY, College, live_through

LEE, MO, NIA = "lrn_lee", "lrn_mo", "lrn_nia"
BOTH = ex.stack(ex.WELDER, ex.all_of(ex.MIG, ex.TIG, "arc"))
LEARNERS = (LEE, MO, NIA)


@pytest.fixture
def college(tmp_path: Path) -> Iterator[College]:
    with closing(College(tmp_path)) as college:
        yield college


@pytest.fixture
def welders(college: College) -> College:
    """Lee and Mo are welders by MIG and safe working, Mo also by TIG welding; Nia has MIG welding alone."""
    become_welders(college)
    return college


def become_welders(college: College) -> None:
    for learner in LEARNERS:
        college.earn(learner, ex.MIG)
    for learner in (LEE, MO):
        earn_safety(college, learner)
        college.do(c.Settle(learner_id=learner))


def earn_safety(college: College, learner: str) -> None:
    college.earn(learner, ex.SAFETY)
    again = c.AssessEvidence(
        learner_id=learner, assessment_id=f"second-{learner}", evidence_id=f"ev-{learner}-{ex.SAFETY}",
        assessor=ex.BEN, met=True,
    )  # fmt: skip
    college.do(again)


def previewed(
    college: College,
    definition: StackDefinition,
    applies_to: AppliesTo = "holders",
    *,
    stack_id: str = "welding",
    position: int | None = None,
    **more: Any,
) -> tuple[Preview, list[Foreseen]]:
    lines: list[Foreseen] = []
    ledger = college.ledger
    supposed = Supposed(stack_id=stack_id, definition=definition, applies_to=applies_to, **more)
    found = preview(
        ledger.store, ledger.catalogue_at, supposed, position=position or ledger.store.head(), at=ledger.now(),
        take=lines.append,
    )  # fmt: skip
    return found, lines


def outcomes(lines: list[Foreseen]) -> list[tuple[str, str, str]]:
    return [(line.learner_id, line.outcome, line.why) for line in lines]


def revise(college: College, definition: StackDefinition) -> int:
    """Revise and approve the welding stack; return the version."""
    college.ledger.execute(ReviseStack(stack_id="welding", definition=definition, by=ex.DESIGNER), actor=OFFICE)
    version = college.ledger.catalogue().stack("welding").newest
    college.ledger.execute(ApproveStack(stack_id="welding", version=version, by=ex.REVIEWER), actor=OFFICE)
    return version


def activate(college: College, version: int, name: str | None, applies_to: AppliesTo = "holders", **more: Any) -> Any:
    command = ActivateStack(
        stack_id="welding", version=version, by=ex.DESIGNER, applies_to=applies_to, preview=name, **more
    )
    return college.ledger.execute(command, actor=OFFICE)


# What it says


def test_who_holds_a_milestone_that_the_new_rule_does_not_give_would_lose_it_to_a_review(welders: College) -> None:
    found, lines = previewed(welders, ex.stack(ex.WELDER, ex.all_of(ex.MIG, ex.SAFETY, "arc")))

    assert [(LEE, "loses", "does not fit"), (MO, "loses", "does not fit")] == outcomes(lines)
    assert ["review", "review"] == [line.policy for line in lines]
    assert [("arc",), ("arc",)] == [line.would_keep for line in lines]
    assert (0, 2, 0, 2) == (found.gains, found.loses, found.keeps, found.version)


def test_for_new_completions_holders_keep_theirs_and_who_fits_gains(welders: College) -> None:
    found, lines = previewed(welders, ex.stack(ex.WELDER, ex.leaf(ex.MIG)), "new")

    assert [(LEE, "keeps", "pinned"), (MO, "keeps", "pinned"), (NIA, "gains", "completes")] == outcomes(lines)
    assert [1, 1, 2] == [line.version for line in lines]
    assert ((ex.MIG,), (1, 0, 2)) == (lines[-1].components, (found.gains, found.loses, found.keeps))


def test_for_holders_who_fits_moves(welders: College) -> None:
    _, lines = previewed(welders, ex.stack(ex.WELDER, ex.leaf(ex.MIG)))

    assert [(LEE, "keeps", "moves"), (MO, "keeps", "moves"), (NIA, "gains", "completes")] == outcomes(lines)


def test_a_milestone_at_risk_may_be_saved_by_a_revision(welders: College) -> None:
    (safety,) = [a for a in welders.ledger.record(LEE).awards.values() if a.achievement_id == ex.SAFETY]
    welders.do(
        c.SuspendAward(learner_id=LEE, award_id=safety.award_id, by=ex.REGISTRAR, reason=WHY), c.Settle(learner_id=LEE)
    )

    _, lines = previewed(welders, ex.stack(ex.WELDER, ex.leaf(ex.MIG)))

    assert (LEE, "keeps", "mended") == outcomes(lines)[0]


def test_a_milestone_gained_completes_what_is_built_on_it(welders: College) -> None:
    welders.earn(NIA, "arc")
    (queue_id,) = welders.ledger.record(NIA).queued
    welders.do(c.ConferAward(learner_id=NIA, queue_id=queue_id, by=ex.REGISTRAR))

    _, lines = previewed(welders, ex.stack(ex.WELDER, ex.leaf(ex.MIG)))

    assert [(NIA, "gains", "completes"), (NIA, "gains", "chain")] == outcomes(lines)[-2:]
    assert "master" == lines[-1].achievement_id


def test_a_stack_that_is_nowhere_drafted_can_be_previewed_with_its_milestone(welders: College) -> None:
    definition = ex.stack("beginner", ex.leaf(ex.MIG), awarding="confirm")

    found, lines = previewed(welders, definition, "new", stack_id="begin", milestone=ex.milestone("Beginner"))

    assert [(learner, "gains", "awaits confirmation") for learner in LEARNERS] == outcomes(lines)
    assert (1, "begin") == (found.version, found.stack_id)


def test_a_version_that_begins_later_is_judged_then(welders: College) -> None:
    welders.earn(NIA, ex.TIG)
    later = ex.stack(ex.WELDER, ex.all_of(ex.MIG, ex.TIG), starts_at=welders.now + timedelta(days=90))
    sooner = replace(later, starts_at=welders.now + timedelta(days=2))

    assert not any(line.learner_id == NIA and line.outcome == "gains" for line in previewed(welders, later)[1])
    assert welders.now + timedelta(days=2) == previewed(welders, sooner)[0].effective_at


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (ex.stack(ex.WELDER, ex.leaf("brazing")), errors.UnusableRule),
        (ex.stack("nothing", ex.leaf(ex.MIG)), errors.UnusableDefinition),
        (ex.stack(ex.MIG, ex.leaf(ex.WELDER)), errors.UnusableRule),
    ],
)
def test_what_could_not_be_drafted_cannot_be_previewed(
    college: College, definition: StackDefinition, reason: type[errors.Refused]
) -> None:
    with pytest.raises(reason):
        previewed(college, definition)


def test_what_is_in_effect_needs_no_preview(college: College) -> None:
    with pytest.raises(errors.AlreadyRecorded, match="nothing to preview"):
        previewed(college, college.ledger.catalogue().stack_version("welding", 1).definition)


# How it is made


def test_a_preview_writes_nothing_and_says_the_same_whenever_it_is_asked(welders: College) -> None:
    with closing(welders.views()) as views:
        views.catch_up(welders.ledger.store)
        with views.reading() as connection:
            before = list(connection.execute("SELECT * FROM award_register"))
        head = welders.ledger.store.head()

        first = previewed(welders, BOTH)
        welders.earn("lrn_new", ex.MIG)

        assert (first[0], first[1]) == previewed(welders, BOTH, position=head)
        with views.reading() as connection:
            assert before == list(connection.execute("SELECT * FROM award_register"))
    assert first[0].name != previewed(welders, BOTH)[0].name


def test_a_preview_is_named_by_its_position_instant_and_digest(welders: College) -> None:
    found, _ = previewed(welders, BOTH)
    name = PreviewName.read(found.name)

    assert name is not None
    assert (welders.ledger.store.head(), welders.ledger.now(), found.name) == (name.position, name.at, str(name))


@pytest.mark.parametrize(
    "text", ["", "prv_1_2_3", f"prv_01_2_{'a' * 64}", f"prv_1_2_{'A' * 64}", f"prv_1_2_{'a' * 64}\n"]
)
def test_what_is_written_otherwise_names_no_preview(text: str) -> None:
    assert PreviewName.read(text) is None


# Acting on it


def test_a_version_takes_effect_for_holders_under_its_preview(welders: College) -> None:
    found, _ = previewed(welders, BOTH)
    version = revise(welders, BOTH)

    receipt = activate(welders, version, found.name)

    (fact,) = [one.fact for one in welders.ledger.facts("stack-welding") if one.position == receipt.position]
    assert isinstance(fact, StackActivated)
    assert (found.name, receipt.position - 1) == (fact.preview, fact.rechecked_to)
    assert () == activate(welders, version, found.name).recorded


def test_no_door_leads_around_the_preview(welders: College) -> None:
    version = revise(welders, BOTH)
    command = ActivateStack(stack_id="welding", version=version, by=ex.DESIGNER, applies_to="holders")

    with pytest.raises(errors.PreviewNeeded):
        welders.ledger.execute(command, actor=OFFICE)
    answers = welders.ledger.execute_many(
        [command, replace(command, preview=f"prv_1_1_{'0' * 64}"), replace(command, preview="prv")], actor=OFFICE
    )
    assert [errors.PreviewNeeded, errors.PreviewDiffers, errors.PreviewDiffers] == [type(one) for one in answers]


def test_a_tampered_or_foreign_preview_is_refused(welders: College) -> None:
    found, _ = previewed(welders, BOTH)
    other, _ = previewed(welders, ex.stack(ex.WELDER, ex.leaf(ex.MIG)))
    for_new, _ = previewed(welders, BOTH, "new")
    version = revise(welders, BOTH)
    name = PreviewName.read(found.name)
    assert name is not None
    tampered = [
        str(name._replace(position=name.position - 1)),
        str(name._replace(position=10**9)),
        str(name._replace(at=name.at - timedelta(microseconds=1))),
        str(name._replace(at=name.at + timedelta(days=1))),
        str(name._replace(digest=name.digest[::-1])),
        other.name,
        for_new.name,
    ]

    for text in tampered:
        with pytest.raises(errors.PreviewDiffers):
            activate(welders, version, text)
    with pytest.raises(errors.PreviewDiffers):
        activate(welders, version, found.name, effective_at=welders.now + timedelta(days=3))
    assert activate(welders, version, found.name).recorded


def test_a_stale_preview_is_refused_only_for_losers_it_does_not_list(welders: College) -> None:
    version = revise(welders, BOTH)
    found, lines = previewed(welders, BOTH)
    assert {LEE, MO} == {line.learner_id for line in lines if line.outcome == "loses"}

    welders.earn(MO, ex.TIG)
    welders.earn("lrn_omar", ex.MIG)
    earn_safety(welders, "lrn_omar")
    welders.do(c.Settle(learner_id="lrn_omar"))

    with pytest.raises(errors.UnlistedLosers, match="lrn_omar would lose"):
        activate(welders, version, found.name)
    again, _ = previewed(welders, BOTH)
    welders.earn("lrn_pia", ex.TIG)
    assert activate(welders, version, again.name).recorded


def test_who_would_lose_by_the_clock_alone_is_seen_too(welders: College) -> None:
    welders.earn(LEE, ex.TIG)
    tig = next(e for e in welders.ledger.record(LEE).evidence if ex.TIG in e)
    if not any(a.achievement_id == ex.TIG for a in welders.ledger.record(LEE).awards.values()):
        moderation = c.AssessEvidence(
            learner_id=LEE, assessment_id="as-mod", evidence_id=tig, assessor=ex.CLEO, met=True, capacity="moderator"
        )
        welders.do(moderation)
    rule = ex.stack(ex.WELDER, ex.all_of(ex.MIG, ex.TIG))
    version = revise(welders, rule)
    found, lines = previewed(welders, rule)
    assert (LEE, "keeps", "moves") in outcomes(lines)

    welders.pass_(days=61)

    with pytest.raises(errors.UnlistedLosers, match=LEE):
        activate(welders, version, found.name)


def test_the_preview_of_a_file_holds_for_what_is_drafted_from_it(welders: College) -> None:
    definition, milestone = ex.stack("beginner", ex.leaf(ex.MIG)), ex.milestone("Beginner")
    found, _ = previewed(welders, definition, stack_id="begin", milestone=milestone)
    welders.say(*ex.published("beginner", milestone))
    ledger = welders.ledger
    ledger.execute(DraftStack(stack_id="begin", definition=definition, by=ex.DESIGNER), actor=OFFICE)
    ledger.execute(ApproveStack(stack_id="begin", version=1, by=ex.REVIEWER), actor=OFFICE)

    command = ActivateStack(stack_id="begin", version=1, by=ex.DESIGNER, applies_to="holders", preview=found.name)

    assert ledger.execute(command, actor=OFFICE).recorded


# The law

RULES = (
    ex.leaf(ex.MIG),
    ex.all_of(ex.MIG, ex.SAFETY),
    {"at_least": 2, "of": [ex.leaf(ex.MIG), ex.leaf(ex.TIG), ex.leaf("arc")]},
    {"any": [ex.leaf(ex.SAFETY), ex.leaf("arc")]},
    {"credits": 2, "of": [ex.leaf(ex.MIG), ex.leaf(ex.TIG)]},
)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("applies_to", ["new", "holders"])
def test_what_is_foreseen_is_what_settling_does(college: College, seed: int, applies_to: AppliesTo) -> None:
    """Over random histories, whatever the learners' states: suspended, at risk, waiting, chained."""
    live_through(college, seed, steps=180)
    definition = ex.stack(ex.WELDER, RULES[seed % len(RULES)], awarding="confirm" if seed % 4 == 3 else "automatic")
    version = revise(college, definition)
    found, lines = previewed(college, definition, applies_to)
    college.do(*(c.Settle(learner_id=learner) for learner in LEARNERS))
    head = college.ledger.store.head()

    activate(college, version, found.name if applies_to == "holders" else None, applies_to)
    college.do(*(c.Settle(learner_id=learner) for learner in LEARNERS))

    facts = [one for one in college.ledger.log(head, 10**6) if one.stream.startswith("learner-")]
    gained = {(one.subject, one.fact.award_id) for one in facts if isinstance(one.fact, AchievementAwarded)}
    gained |= {
        (one.subject, one.fact.award_id or "")
        for one in facts
        if isinstance(one.fact, AwardQueued) and one.fact.queue == "confirm"
    }
    lost = {
        (one.subject, one.fact.award_id)
        for one in facts
        if isinstance(one.fact, AwardQueued) and one.fact.queue == "review"
    }
    assert gained == {(line.learner_id, line.award_id) for line in lines if line.outcome == "gains"}
    assert lost == {(line.learner_id, line.award_id) for line in lines if line.outcome == "loses"}
    for line in lines:
        if line.outcome == "keeps":
            record = college.ledger.record(line.learner_id)
            completion = record.completion_of(line.award_id)
            assert completion is not None
            assert (line.version, line.awards) == (completion.version, completion.awards)
