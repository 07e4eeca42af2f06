from __future__ import annotations

from tests.api.conftest import Service


def test_evidence_waits_in_the_assessment_queue_until_it_is_judged(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    path = f"/learners/{learner.account}/evidence"
    evidence = learner.post(path, {"achievement_id": "mig", "declaration": True}).get_json()["id"]
    service.catch_up()

    before = assessor.get("/queues/assessment", waits_for="marker", achievement="mig").get_json()["items"]
    assessor.post(f"{path}/{evidence}/assessments", {"met": True})
    service.catch_up()

    assert [evidence] == [one["evidence_id"] for one in before]
    assert [] == assessor.get("/queues/assessment").get_json()["items"]


def test_an_award_that_is_made_by_hand_waits_to_be_conferred_or_declined(service: Service) -> None:
    service.publish("mig", awarding="confirm")
    registrar = service.person("registrar")
    one, other = service.learner("S-1"), service.learner("S-2")
    service.award(one, "mig")
    service.award(other, "mig")
    first, second = (entry["queue_id"] for entry in registrar.get("/queues/confirm").get_json()["items"])

    conferred = registrar.post(f"/queues/confirm/{first}/conferral")
    declined = registrar.post(f"/queues/confirm/{second}/declination", {"reason": "The fee is open."})
    service.catch_up()

    assert [201, 201] == [conferred.status_code, declined.status_code]
    assert ["live"] == [award["status"] for award in registrar.get("/awards").get_json()["items"]]
    assert [] == registrar.get("/queues/confirm").get_json()["items"]
    assert 404 == registrar.post("/queues/confirm/que_nothing/conferral").status_code


def test_a_milestone_whose_ground_moved_is_decided_by_a_registrar(service: Service) -> None:
    service.publish("mig")
    service.activate("welder", "badge", {"all": [{"achievement": "mig"}]})
    learner = service.learner()
    first, second = service.person("registrar", "gail"), service.person("registrar", "hugo")
    service.award(learner, "mig")
    award = first.get("/awards", achievement="mig").get_json()["items"][0]["id"]
    request = first.post(f"/awards/{award}/revocation-requests", {"reason": "Forged."}).get_json()["id"]
    second.post(f"/awards/{award}/revocations", {"request_id": request})
    service.catch_up()

    (entry,) = first.get("/queues/review").get_json()["items"]
    decided = first.post(f"/queues/review/{entry['queue_id']}/decision", {"decision": "keep", "reason": "Not theirs."})
    service.catch_up()

    assert 201 == decided.status_code, decided.get_json()
    assert [] == first.get("/queues/review").get_json()["items"]
    assert ["live"] == [one["status"] for one in first.get("/awards", achievement="badge").get_json()["items"]]
