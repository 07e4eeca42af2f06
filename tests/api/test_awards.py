from __future__ import annotations

import pytest

from api import reading
from tests.api.conftest import Caller, Service

REASON = {"reason": "The work was somebody else's."}


def held(service: Service, learner: Caller, achievement: str) -> str:
    items = (
        service.person("registrar").get("/awards", learner=learner.account, achievement=achievement).get_json()["items"]
    )
    award_id: str = items[-1]["id"]
    return award_id


def status(service: Service, award_id: str) -> str:
    standing: str = service.person("registrar").get(f"/awards/{award_id}").get_json()["status"]
    return standing


def test_an_award_is_suspended_and_reinstated(service: Service) -> None:
    service.publish("mig")
    learner, registrar = service.learner(), service.person("registrar")
    service.award(learner, "mig")
    award = held(service, learner, "mig")

    suspended = registrar.post(f"/awards/{award}/suspension", REASON)
    service.catch_up()
    between = status(service, award)
    reinstated = registrar.post(f"/awards/{award}/reinstatement", REASON)
    service.catch_up()

    assert [201, 201] == [suspended.status_code, reinstated.status_code]
    assert ["suspended", "live"] == [between, status(service, award)]


def test_revocation_takes_two_people_who_sign_what_falls_with_it(service: Service) -> None:
    service.publish("mig")
    service.activate("welder", "badge", {"all": [{"achievement": "mig"}]}, on_loss={"policy": "revoke"})
    learner = service.learner()
    first, second = service.person("registrar", "gail"), service.person("registrar", "hugo")
    service.award(learner, "mig")
    award, milestone = held(service, learner, "mig"), held(service, learner, "badge")

    falling = first.get(f"/awards/{award}/consequences").get_json()["consequences"]
    requested = first.post(f"/awards/{award}/revocation-requests", REASON).get_json()["id"]
    service.catch_up()
    (waiting,) = second.get("/queues/revocation").get_json()["items"]
    alone = first.post(f"/awards/{award}/revocations", {"request_id": requested})
    elsewhere = second.post(f"/awards/{milestone}/revocations", {"request_id": requested})
    together = second.post(f"/awards/{award}/revocations", {"request_id": requested}, key="k-1")
    service.catch_up()
    again = second.post(f"/awards/{award}/revocations", {"request_id": requested}, key="k-1")

    assert any(milestone in line for line in falling)
    assert (requested, award, falling) == (waiting["request_id"], waiting["award_id"], waiting["consequences"])
    assert [] == second.get("/queues/revocation").get_json()["items"]
    assert [403, 404, 201] == [alone.status_code, elsewhere.status_code, together.status_code]
    assert together.get_json() == again.get_json()
    assert ["revoked", "revoked"] == [status(service, award), status(service, milestone)]


def test_an_award_is_found_at_once_after_it_was_made(service: Service) -> None:
    service.publish("mig")
    service.followers.start()
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"
    evidence = learner.post(path, {"achievement_id": "mig", "declaration": True}).get_json()["id"]
    assessed = service.person("assessor").post(f"{path}/{evidence}/assessments", {"met": True}).get_json()

    listed = service.person("registrar").get("/awards", at_least=assessed["position"]).get_json()["items"]

    assert ["mig"] == [award["achievement"] for award in listed]


def test_a_position_that_the_log_does_not_have_is_refused(service: Service) -> None:
    registrar = service.person("registrar")

    for path in ("/awards", "/stats", "/batches", "/learners"):
        refused = registrar.get(path, at_least=10_000)
        assert ["at_least"] == [error["field"] for error in refused.get_json()["errors"]]


def test_views_that_do_not_come_up_in_time_are_a_503_to_ask_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE_S", 0.05)
    registrar = service.person("registrar")

    answered = registrar.get("/awards", at_least=service.ledger.store.head())

    assert (503, "/problems/unavailable") == (answered.status_code, answered.get_json()["type"])
    assert "Retry-After" in answered.headers


def test_extension_needs_one_date_and_a_later_one(service: Service) -> None:
    service.publish("mig", valid_for="P1Y")
    learner, registrar = service.learner(), service.person("registrar")
    service.award(learner, "mig")
    award = held(service, learner, "mig")

    neither = registrar.post(f"/awards/{award}/extension", REASON)
    naive = registrar.post(f"/awards/{award}/extension", REASON | {"valid_until": "2030-01-01T00:00:00"})
    later = registrar.post(f"/awards/{award}/extension", REASON | {"valid_until": "2030-01-01T00:00:00Z"})
    service.catch_up()

    assert [422, 422, 201] == [neither.status_code, naive.status_code, later.status_code]
    assert "2030-01-01T00:00:00Z" == registrar.get(f"/awards/{award}").get_json()["valid_until"]


def test_an_expired_award_is_renewed_no_more_but_a_live_one_is(service: Service) -> None:
    service.publish("mig", valid_for="P1Y")
    learner, registrar = service.learner(), service.person("registrar")
    service.award(learner, "mig")
    award = held(service, learner, "mig")
    service.clock.pass_(days=300)
    evidence = service.award(learner, "mig")

    renewed = registrar.post(f"/awards/{award}/renewal", {"evidence_id": evidence})
    service.catch_up()

    assert 201 == renewed.status_code, renewed.get_json()
    assert "renewed" == status(service, award)


def test_learners_read_their_own_awards_alone(service: Service) -> None:
    service.publish("mig")
    one, other = service.learner("S-1"), service.learner("S-2")
    service.award(one, "mig")
    award = held(service, one, "mig")

    assert [200, 404, 404] == [
        one.get(f"/awards/{award}").status_code,
        other.get(f"/awards/{award}").status_code,
        one.get("/awards/awd_nothing").status_code,
    ]


def test_why_leads_from_a_milestone_to_the_evidence(service: Service) -> None:
    service.publish("mig")
    service.activate("welder", "badge", {"all": [{"achievement": "mig"}]})
    learner = service.learner()
    evidence = service.award(learner, "mig")
    milestone = held(service, learner, "badge")

    explained = learner.get(f"/awards/{milestone}/why").get_json()

    (component,) = explained["stack"]["components"]
    assert ("welder", 1, evidence) == (
        explained["stack"]["stack_id"],
        explained["stack"]["version"],
        component["evidence"]["evidence_id"],
    )
    assert explained["sentences"]


def test_the_etag_of_an_award_holds_until_the_learners_record_changes(service: Service) -> None:
    service.publish("welding")
    service.publish("safety")
    learner, registrar = service.learner(), service.person("registrar")
    service.award(learner, "welding")
    service.award(learner, "safety")
    award = registrar.get("/awards").get_json()["items"][0]["id"]

    seen = registrar.get(f"/awards/{award}").headers["ETag"]
    first = registrar.post(f"/awards/{award}/suspension", {"reason": "A complaint."}, If_Match=seen)
    second = registrar.post(f"/awards/{award}/reinstatement", {"reason": "Settled."}, If_Match=seen)

    assert (201, 412) == (first.status_code, second.status_code)


def test_a_learner_is_not_told_whether_there_is_an_award_of_somebody_else(service: Service) -> None:
    service.publish("welding")
    service.award(service.learner("S-001"), "welding")
    award = service.person("registrar").get("/awards").get_json()["items"][0]["id"]
    other = service.learner("S-002")

    theirs, nobodys = (other.get(f"/awards/{one}") for one in (award, "awd_nobody"))

    assert (404, 404) == (theirs.status_code, nobodys.status_code)
    assert theirs.get_json()["detail"].replace(award, "awd_nobody") == nobodys.get_json()["detail"]
    assert theirs.get_json().keys() == nobodys.get_json().keys()
