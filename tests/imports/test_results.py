"""Importing results: rows recorded whole or not at all, nothing twice, previewed and undone as one unit."""

from __future__ import annotations

import pytest

from api.imports.catalogue import import_catalogue
from api.imports.results import Outcome, import_results, preview_results, read_file
from ledger.application import Ledger
from ledger.events import AccountLinked, AchievementAwarded, EvidenceSubmitted, RoleGranted
from tests.imports.files import CATALOGUE, catalogue, results, row


def take_in(ledger: Ledger, *rows: dict[str, str]) -> Outcome:
    return import_results(ledger, read_file(results(*rows), ledger.catalogue()))


def codes(outcome: Outcome) -> list[str]:
    return [report.code for report in outcome.reports]


def awards(ledger: Ledger, ref: str) -> list[str]:
    learner = ledger.identities.find("learner", ref)
    facts = [recorded.fact for recorded in ledger.facts(f"learner-{learner}")]
    return [fact.achievement_id for fact in facts if isinstance(fact, AchievementAwarded)]


def test_a_row_that_passes_is_awarded(ledger: Ledger) -> None:
    outcome = take_in(ledger, row())

    assert (outcome.rows, outcome.recorded, outcome.refused) == (1, 1, 0)
    assert awards(ledger, "lea") == ["filing"]


def test_a_row_below_the_pass_mark_is_not_yet_met(ledger: Ledger) -> None:
    outcome = take_in(ledger, row(result="39"))

    assert outcome.recorded == 1
    assert awards(ledger, "lea") == []


def test_an_outcome_that_contradicts_the_pass_mark_refuses_the_row(ledger: Ledger) -> None:
    assert codes(take_in(ledger, row(outcome="not_yet_met"))) == ["contradictory-outcome"]


def test_valid_rows_are_recorded_although_others_are_refused(ledger: Ledger) -> None:
    outcome = take_in(
        ledger,
        row(submitted_at="?"),
        row(learner_ref="leo"),
        row(learner_ref="mia", achievement="tapping", result="", outcome="met"),
    )

    assert codes(outcome) == ["invalid", "recorded", "prerequisites-missing"]
    assert awards(ledger, "leo") == ["filing"]


def test_a_refused_row_leaves_no_trace_in_the_learner_s_record(ledger: Ledger) -> None:
    take_in(ledger, row(learner_ref="mia", achievement="tapping", result="", outcome="met"))
    learner = ledger.identities.find("learner", "mia")

    assert ledger.facts(f"learner-{learner}") == []


def test_rows_of_one_learner_keep_the_file_s_order(ledger: Ledger) -> None:
    drilled = row(evidence_id="d", achievement="drilling", result="", outcome="met")
    tapped = row(evidence_id="t", achievement="tapping", result="", outcome="met")

    assert codes(take_in(ledger, drilled, tapped)) == ["recorded", "recorded"]


def test_sent_again_nothing_is_recorded_twice(ledger: Ledger) -> None:
    first = take_in(ledger, row(), row(learner_ref="leo"))
    before = ledger.store.head()
    second = take_in(ledger, row(), row(learner_ref="leo"))

    assert (second.recorded, second.repeated) == (0, 2)
    assert second.batch_id == first.batch_id
    assert ledger.store.head() == before


def test_a_longer_file_records_only_what_is_new(ledger: Ledger) -> None:
    first = take_in(ledger, row())
    second = take_in(ledger, row(), row(learner_ref="leo"))

    assert codes(second) == ["repeated", "recorded"]
    assert second.batch_id != first.batch_id


def test_the_same_evidence_with_other_content_is_refused(ledger: Ledger) -> None:
    take_in(ledger, row())

    assert codes(take_in(ledger, row(narrative="Something else."))) == ["already-recorded"]


def test_people_not_known_yet_are_registered_with_just_the_role_they_need(ledger: Ledger) -> None:
    take_in(ledger, row())
    ana = ledger.identities.find("person", "ana")
    facts = [recorded.fact for recorded in ledger.facts(f"person-{ana}")]

    assert ledger.catalogue().people[ana or ""].origin == "imported"
    assert [fact.role for fact in facts if isinstance(fact, RoleGranted)] == ["assessor"]


def test_somebody_known_without_the_role_does_not_get_it_by_a_file(ledger: Ledger) -> None:
    assert codes(take_in(ledger, row(assessor_ref="dora"))) == ["not-allowed"]


def test_one_ref_on_both_sides_is_one_human_being(ledger: Ledger) -> None:
    take_in(ledger, row(learner_ref="lea", assessor_ref="ana"))
    take_in(ledger, row(learner_ref="ana", assessor_ref="bo"))
    ana = ledger.identities.find("person", "ana")
    facts = [recorded.fact for recorded in ledger.facts(f"person-{ana}")]

    assert [fact.account for fact in facts if isinstance(fact, AccountLinked)] == [
        ledger.identities.find("learner", "ana")
    ]


def test_what_is_personal_is_sealed(ledger: Ledger) -> None:
    take_in(ledger, row())
    learner = ledger.identities.find("learner", "lea")
    (evidence,) = [r.fact for r in ledger.facts(f"learner-{learner}") if isinstance(r.fact, EvidenceSubmitted)]
    stored = b"".join(stored.body for stored in ledger.store.read(f"learner-{learner}"))

    assert evidence.declared_by == "import"
    assert evidence.submitted_by == "local"
    assert b"work.example" not in stored
    assert b"I filed" not in stored
    assert b'"e1"' not in stored


@pytest.mark.parametrize("before", [(), (row(),)])
def test_a_preview_says_what_recording_finds_and_records_nothing(
    ledger: Ledger, before: tuple[dict[str, str], ...]
) -> None:
    if before:
        take_in(ledger, *before)
    rows = (
        row(),
        row(narrative="Other."),
        row(learner_ref="leo", assessor_ref="dora"),
        row(learner_ref="mia", achievement="tapping", result="", outcome="met"),
        row(learner_ref="leo", evidence_id="e9", submitted_at="2026-03-01"),
        row(learner_ref="max", assessor_ref="bo"),
    )
    head, people = ledger.store.head(), len(ledger.identities.search("", 100))
    preview = preview_results(ledger, read_file(results(*rows), ledger.catalogue()))

    assert preview.dry_run
    assert (ledger.store.head(), len(ledger.identities.search("", 100))) == (head, people)
    assert codes(preview) == codes(take_in(ledger, *rows))


def test_an_import_cut_short_goes_on_in_the_same_batch(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(row(learner_ref=f"lea{number}") for number in range(6))
    file = read_file(results(*rows), ledger.catalogue())
    monkeypatch.setattr("api.imports.results.AT_ONCE", 2)

    def killed(done: int, _: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_results(ledger, file, progress=killed)
    outcome = import_results(ledger, file)
    evidence = [
        recorded.fact
        for number in range(6)
        for recorded in ledger.facts(f"learner-{ledger.identities.find('learner', f'lea{number}')}")
        if isinstance(recorded.fact, EvidenceSubmitted)
    ]

    assert (outcome.recorded, outcome.repeated) == (2, 4)
    assert [outcome.batch_id] * 6 == [fact.batch_id for fact in evidence]


def test_an_address_is_asked_for_only_where_the_catalogue_says_so(ledger: Ledger) -> None:
    without = row(evidence_url="")
    assert codes(take_in(ledger, without)) == ["recorded"]

    filing = {**CATALOGUE["achievements"][2], "evidence_required": True}
    raw = catalogue(achievements=[filing], stacks=[])
    import_catalogue(ledger, raw, name="catalogue.json", by="dora", approved_by="board")

    assert codes(take_in(ledger, {**without, "learner_ref": "leo"})) == ["evidence-missing"]
