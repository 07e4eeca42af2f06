"""Transcripts: what was valid on a day, with what was known at a position."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ledger import events as e
from ledger.event import Event
from projections.transcript import LEGEND, TranscriptIssuer, transcript
from tests import examples as ex
from tests.projections.story import awarded, completed, earned, revoked, story, submitted

CATALOGUE = ex.catalogue_of(ex.WELDING)
WELDER = story(
    *earned(ex.MIG, 1), *earned(ex.TIG, 2), *earned(ex.SAFETY, 3),
    *completed(ex.WELDER, "welding", ex.MIG, ex.TIG, ex.SAFETY, day=3),
)  # fmt: skip


def test_the_official_transcript_lists_live_awards_with_credits_and_hours_as_stated() -> None:
    document = transcript(ex.LEE, WELDER, CATALOGUE, ex.after(10))

    assert ["MIG welding", "TIG welding", "Safe working", "Welder"] == [award.name for award in document.awards]
    assert [Decimal(2), Decimal(3), Decimal("0.5"), Decimal(0)] == [award.credits for award in document.awards]
    assert (Decimal("5.5"), Decimal(55)) == (document.credits, document.hours)
    assert LEGEND == document.legend
    assert () == document.evidence


def test_the_credits_of_a_milestone_are_not_added_to_those_of_its_components() -> None:
    stated = ex.milestone("Welder", credits=Decimal("5.5"))
    catalogue = ex.catalogue_of(ex.WELDING[:9], ex.published(ex.WELDER, stated), ex.WELDING[12:])

    document = transcript(ex.LEE, WELDER, catalogue, ex.after(10))

    assert Decimal("5.5") == document.credits
    assert Decimal("5.5") == document.awards[-1].credits


def test_the_transcript_names_who_issues_once_the_catalogue_does() -> None:
    catalogue = ex.catalogue_of(ex.WELDING, ex.issued_by("A college"))
    unsaid, said = (transcript(ex.LEE, WELDER, known, ex.after(10)).issuer for known in (CATALOGUE, catalogue))

    address = "https://college.example"
    assert [None, TranscriptIssuer(id=address, name="A college", url=address)] == [unsaid, said]


def test_on_selects_what_was_valid_that_day_as_known_now() -> None:
    facts = story(*earned(ex.MIG, 1), (20, revoked(ex.MIG, 20)), (30, awarded(ex.TIG, 5)))

    assert ["mig", "tig"] == [a.achievement_id for a in transcript(ex.LEE, facts, CATALOGUE, ex.after(19)).awards]
    assert ["tig"] == [a.achievement_id for a in transcript(ex.LEE, facts, CATALOGUE, ex.after(20)).awards]
    assert [] == list(transcript(ex.LEE, facts, CATALOGUE, ex.after(0)).awards)


def test_at_selects_what_was_known_by_the_facts_that_go_in() -> None:
    facts = story(*earned(ex.MIG, 1), (20, revoked(ex.MIG, 20)))

    before = transcript(ex.LEE, facts[:-1], CATALOGUE, ex.after(25))

    assert ["mig"] == [award.achievement_id for award in before.awards]
    assert facts[-2].position == before.position


def test_an_award_is_over_from_its_valid_until_recorded_or_not() -> None:
    facts = story(*earned(ex.MIG, 1, valid_until=ex.after(9)))

    assert "live" == transcript(ex.LEE, facts, CATALOGUE, ex.after(9) - timedelta(seconds=1), "full").awards[0].status
    assert "expired" == transcript(ex.LEE, facts, CATALOGUE, ex.after(9), "full").awards[0].status


def test_what_was_voided_stood_on_no_day() -> None:
    voided = e.AwardRevoked(effective_at=ex.after(20), award_id="aw-mig", cause="voided")

    document = transcript(ex.LEE, story(*earned(ex.MIG, 1), (20, voided)), CATALOGUE, ex.after(10), "full")

    assert "voided" == document.awards[0].status
    assert Decimal(0) == document.credits


def test_a_suspension_lasts_while_any_cause_of_it_is_open() -> None:
    def suspended(cause: str, day: float) -> tuple[float, Event]:
        return day, e.AwardSuspended(effective_at=ex.after(day), award_id="aw-mig", cause=cause)  # type: ignore[arg-type]

    def lifted(cause: str, day: float) -> tuple[float, Event]:
        return day, e.AwardReinstated(effective_at=ex.after(day), award_id="aw-mig", lifts=cause)  # type: ignore[arg-type]

    facts = story(
        *earned(ex.MIG, 1), suspended("hand", 2), suspended("stack", 3), lifted("hand", 4), lifted("stack", 5)
    )
    days = [transcript(ex.LEE, facts, CATALOGUE, ex.after(day), "full").awards[0].status for day in range(1, 6)]

    assert ["live", "suspended", "suspended", "suspended", "live"] == days


def test_the_full_view_adds_history_evidence_and_judgements() -> None:
    facts = story(*earned(ex.MIG, 1), (2, submitted(ex.TIG, 2)), (20, revoked(ex.MIG, 20)))

    document = transcript(ex.LEE, facts, CATALOGUE, ex.after(30), "full")

    assert ["AwardRevoked"] == [befell.fact for befell in document.awards[0].history]
    assert ex.SECOND_REGISTRAR == document.awards[0].history[0].by
    assert ["ev-mig", "ev-tig"] == [evidence.evidence_id for evidence in document.evidence]
    assert [ex.ANA] == [judgement.assessor for judgement in document.evidence[0].judgements]
