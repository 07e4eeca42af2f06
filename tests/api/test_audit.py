"""What auditors search, compare and are told over HTTP; and that each of their reads is itself recorded."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.event import Recorded
from ledger.events import RecordRead
from ledger.store import StoreUnavailable
from tests.api.conftest import Service


@pytest.fixture
def earned(service: Service) -> Service:
    service.publish("mig")
    service.publish("tig")
    service.award(service.learner("S-001"), "mig")
    return service


def _reads(service: Service) -> list[Recorded]:
    return [one for one in service.ledger.log(0, 10_000) if isinstance(one.fact, RecordRead)]


def _noted(service: Service) -> list[tuple[str, str | None]]:
    return [(one.fact.what, one.fact.learner) for one in _reads(service) if isinstance(one.fact, RecordRead)]


def test_facts_are_found_page_by_page(earned: Service) -> None:
    auditor = earned.person("auditor")

    first = auditor.get("/facts", q="learner:S-001", limit=2, order="oldest").get_json()
    second = auditor.get("/facts", q="learner:S-001", limit=2, order="oldest", cursor=first["next"]).get_json()

    types = [one["type"] for page in (first, second) for one in page["items"]]
    assert ["learner.registered.v1", "evidence.submitted.v1", "evidence.assessed.v1", "achievement.awarded.v1"] == types
    assert "I learnt to read the puddle." == first["items"][1]["fact"]["narrative"]


def test_what_is_sealed_is_not_searched(earned: Service) -> None:
    auditor = earned.person("auditor")

    assert [] == auditor.get("/facts", q="puddle").get_json()["items"]
    assert auditor.get("/facts", q="'mig'".strip("'")).get_json()["items"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("colour:red", "There is no term colour:"),
        ("type:award.vanished", "No fact is of the type award.vanished; of award there are"),
        ("after:yesterday", "after: 'yesterday' must be a date"),
        ("after:2026-01-01T10:00:00", "must say its offset"),
        ("position:9-3", "the first must not be after the last"),
        ('"open', "A quotation mark is not closed"),
        ("type:award.revoked type:award.revoked", "may stand only once"),
        ("actor:", "must be followed by"),
    ],
)
def test_what_cannot_be_searched_for_gets_one_clear_sentence(earned: Service, query: str, says: str) -> None:
    answered = earned.person("auditor").get("/facts", q=query)

    assert 422 == answered.status_code
    assert says in answered.get_json()["detail"]


def test_a_difference_is_told_by_learner(earned: Service) -> None:
    before = earned.ledger.store.head()
    earned.award(earned.learner("S-002"), "tig")
    auditor = earned.person("auditor")

    found = auditor.get("/audit/diff", **{"from": before, "to": earned.ledger.store.head()}).get_json()

    (learner,) = found["learners"]
    assert [("tig", "gained", None, "live")] == [
        (one["achievement_id"], one["change"], one["before"], one["after"]) for one in learner["awards"]
    ]
    assert {"gained": 1} == found["counts"]["awards"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": 1, "to": 10**6}, "to"),
        ({"from": 5, "to": 2}, "from"),
        ({"from": "2026-01-01T00:00:00", "to": 2}, "from"),
        ({"to": 2}, "from"),
    ],
)
def test_moments_that_are_none_are_refused_by_field(earned: Service, query: dict[str, Any], field: str) -> None:
    answered = earned.person("auditor").get("/audit/diff", **query)

    assert 422 == answered.status_code
    assert [field] == [one["field"] for one in answered.get_json()["errors"]]


def test_why_not_is_answered_to_staff_and_to_the_learner_alone(earned: Service) -> None:
    learner, other = earned.learner("S-003"), earned.learner("S-004")
    path = f"/learners/{learner.account}/why"

    for who in (earned.person("auditor"), learner):
        found = who.get(path, achievement="mig").get_json()
        assert (False, ["nothing submitted"]) == (found["holds"], [one["kind"] for one in found["reasons"]])
    assert 404 == other.get(path, achievement="mig").status_code
    assert 404 == learner.get(path, achievement="nowhere").status_code


def test_every_read_of_an_auditor_is_recorded_with_whom_it_concerns(earned: Service) -> None:
    auditor = earned.person("auditor")
    learner = earned.ledger.identities.find("learner", "S-001")
    award = next(iter(earned.ledger.record(str(learner)).awards))
    before = earned.ledger.catalogue().position

    auditor.get(f"/learners/{learner}/transcript")
    auditor.get(f"/awards/{award}/why")
    auditor.get("/facts", q="narrative of Ann Smith")
    auditor.get("/learners/lrn_nobody/transcript")

    assert [("learners.transcript", learner), ("awards.why", learner), ("audit.find", None)] == _noted(earned)
    assert before == earned.ledger.catalogue().position
    assert {f"audit-{auditor.account}.2026-03-02"} == {one.stream for one in _reads(earned)}
    assert not any(b"Smith" in one.body for one in earned.ledger.store.read_log(0, 10_000))


def test_pages_and_repeats_of_one_read_are_recorded_once(earned: Service) -> None:
    auditor = earned.person("auditor")

    page = auditor.get("/facts", limit=2).get_json()
    for _ in range(5):
        page = auditor.get("/facts", limit=2, cursor=page["next"]).get_json()
    auditor.get("/facts")
    earned.clock.pass_(minutes=1)
    auditor.get("/facts")

    assert 2 == len(_reads(earned))


def test_reads_of_others_are_not_recorded(earned: Service) -> None:
    earned.person("registrar").get("/facts")

    assert [] == _reads(earned)


def test_who_read_a_record_can_be_searched_for(earned: Service) -> None:
    learner = earned.ledger.identities.find("learner", "S-001")
    auditor = earned.person("auditor")
    auditor.get(f"/learners/{learner}/transcript")
    earned.catch_up()

    found = earned.person("registrar").get("/facts", q="type:record.read learner:S-001").get_json()

    assert [auditor.account] == [one["actor"]["id"] for one in found["items"]]


def test_what_cannot_be_recorded_is_not_answered(earned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the disk is full")

    auditor = earned.person("auditor")
    monkeypatch.setattr(earned.ledger.store, "append", full)

    answered = auditor.get("/facts", q="type:achievement.awarded")

    assert (503, None) == (answered.status_code, answered.get_json().get("items"))
