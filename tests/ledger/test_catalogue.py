from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ledger.catalogue import EMPTY
from ledger.errors import NotPublished, Retired, Unknown
from ledger.events import RoleGranted, RoleWithdrawn
from tests.examples import (
    ANA,
    BEN,
    CLEO,
    LEE,
    MIG,
    REGISTRAR,
    SAFETY,
    START,
    TIG,
    WELDER,
    WELDING,
    Said,
    activated,
    after,
    all_of,
    catalogue_of,
    drafted,
    issued_by,
    leaf,
    micro_credential,
    milestone,
    person,
    published,
    recorded,
    retired,
    stack,
    stack_approved,
    stack_retired,
    staff,
)

CHAIN: Said = (
    *WELDING,
    *published("crafter", milestone("Crafter")),
    *activated("a-craft", stack("crafter", {"any": [leaf(WELDER), leaf(MIG)]})),
    *issued_by("A college"),
)
NEXT = micro_credential("MIG welding", credits=Decimal(7), groups={"module": "X"})


@for_all(cut=st.integers(0, len(CHAIN) + len(staff())))
def test_a_catalogue_taken_forward_is_the_catalogue_folded_at_once(cut: int) -> None:
    facts = recorded(CHAIN, staff())
    step_by_step = EMPTY
    for one in facts:
        step_by_step = step_by_step.apply(one)

    assert EMPTY.advance(facts) == EMPTY.advance(facts[:cut]).advance(facts[cut:]) == step_by_step


def test_taking_a_catalogue_forward_leaves_the_former_as_it_was() -> None:
    before = catalogue_of(WELDING)
    later = before.advance(recorded(published(MIG, NEXT, version=2), first=100))

    assert 1 == before.published(MIG)[0]
    assert (2, NEXT) == later.published(MIG)
    assert (len(WELDING), 102) == (before.position, later.position)


# Achievements


def test_the_published_version_is_the_newest_published_and_earlier_ones_stay_known() -> None:
    catalogue = catalogue_of(WELDING, published(MIG, NEXT, version=2), drafted(MIG, version=3))

    assert (2, NEXT) == catalogue.published(MIG)
    assert Decimal(2) == catalogue.definition(MIG, 1).credits
    assert len(WELDING) + 3 == catalogue.achievement_version(MIG, 2).published_position


def test_what_cannot_be_earned_says_why() -> None:
    catalogue = catalogue_of(drafted(MIG), published(TIG), retired(TIG))

    with pytest.raises(Unknown):
        catalogue.published("unheard-of")
    with pytest.raises(NotPublished):
        catalogue.published(MIG)
    with pytest.raises(Retired):
        catalogue.published(TIG)
    with pytest.raises(Unknown):
        catalogue.definition(MIG, 2)
    assert [None, None, None] == [catalogue.offer(name, START) for name in (MIG, TIG, "unheard-of")]


def test_a_holding_has_the_credits_and_groups_of_its_pinned_version() -> None:
    catalogue = catalogue_of(WELDING, published(MIG, NEXT, version=2))
    of_first, of_second = (catalogue.holding("awd_1", MIG, version, START, {}) for version in (1, 2))

    assert (Decimal(2), {}) == (of_first.credits, of_first.groups)
    assert (Decimal(7), {"module": "X"}) == (of_second.credits, of_second.groups)


# Stacks


def test_stacks_come_before_what_is_built_on_them() -> None:
    assert ["welding", "a-craft"] == [one.stack_id for one in catalogue_of(CHAIN).active_stacks(START)]


def test_a_stack_is_active_from_its_instant_on_in_its_newest_version() -> None:
    catalogue = catalogue_of(
        WELDING,
        activated("welding", stack(WELDER, all_of(MIG)), version=2, at=after(10), applies_to="holders"),
        stack_approved("welding", stack(WELDER, all_of(TIG)), version=3),
    )
    moments = (after(-1), after(0), after(9), after(10), after(99), after(0))

    assert [[], [1], [1], [2], [2], [1]] == [[one.version for one in catalogue.active_stacks(now)] for now in moments]
    assert "holders" == catalogue.active_stacks(after(10))[0].applies_to
    assert (after(10),) == catalogue.starts(after(0))


def test_a_retired_stack_is_active_no_more_but_keeps_its_versions() -> None:
    catalogue = catalogue_of(CHAIN, stack_retired("welding"))

    assert ["a-craft"] == [one.stack_id for one in catalogue.active_stacks(START)]
    assert WELDER == catalogue.stack_version("welding", 1).definition.milestone


def test_stacks_are_found_by_what_any_activated_version_names() -> None:
    catalogue = catalogue_of(
        CHAIN,
        activated("welding", stack(WELDER, all_of(MIG, TIG)), version=2),
        stack_approved("draft", stack("crafter", leaf(TIG))),
    )

    assert ("welding", "a-craft") == catalogue.stacks_naming(MIG)
    assert ("welding",) == catalogue.stacks_naming(SAFETY)
    assert () == catalogue.stacks_naming("crafter")


def test_what_is_not_known_is_refused_by_name() -> None:
    catalogue = catalogue_of(CHAIN)

    with pytest.raises(Unknown, match="no stack other"):
        catalogue.stack("other")
    with pytest.raises(Unknown, match="no version 2"):
        catalogue.stack_version("welding", 2)


# The issuer


def test_the_issuer_is_as_described_last_and_nobody_before() -> None:
    said = (*issued_by("A college"), *published(SAFETY), *issued_by("A university"))
    names = [one.issuer.name if one.issuer else None for one in (catalogue_of(WELDING), catalogue_of(WELDING, said))]

    assert [None, "A university"] == names


# People


def test_linked_accounts_have_one_root_however_they_were_linked() -> None:
    catalogue = catalogue_of(person(ANA, linked=(BEN,)), person(CLEO, linked=(LEE,)), person(BEN, linked=(LEE,)))

    assert 1 == len({catalogue.root(account) for account in (ANA, BEN, CLEO, LEE)})
    assert "per_stranger" == catalogue.root("per_stranger")


def test_a_role_is_held_under_every_linked_account_and_for_its_achievements_alone() -> None:
    until = after(30)
    some = RoleGranted(effective_at=START, role="assessor", granted_by=REGISTRAR, achievements=(MIG,), until=until)
    catalogue = catalogue_of(person(ANA, linked=(BEN,)), ((f"person-{ANA}", some),))

    assert catalogue.may(BEN, "assessor", MIG, START)
    assert catalogue.may(ANA, "assessor", None, START)
    assert not catalogue.may(ANA, "assessor", TIG, START)
    assert not catalogue.may(ANA, "registrar", None, START)
    assert not catalogue.may(ANA, "assessor", MIG, until)
    assert catalogue.may(ANA, "assessor", MIG, until - timedelta(seconds=1))


def test_a_withdrawn_role_is_held_no_more() -> None:
    withdrawn = RoleWithdrawn(effective_at=START, role="assessor", withdrawn_by=REGISTRAR)
    catalogue = catalogue_of(person(ANA, "assessor"), ((f"person-{ANA}", withdrawn),))

    assert not catalogue.may(ANA, "assessor", None, START)


def test_a_declared_conflict_recuses_under_every_account_of_both() -> None:
    catalogue = catalogue_of(person(ANA, linked=(BEN,), conflicts=(LEE,)), person(CLEO, linked=(LEE, "lrn_lee_too")))

    assert catalogue.recused(BEN, "lrn_lee_too")
    assert not catalogue.recused(CLEO, LEE)
    assert not catalogue.recused(ANA, "lrn_other")
