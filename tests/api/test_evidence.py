from __future__ import annotations

from tests.api.conftest import Service

REFLECTION = {"achievement_id": "mig", "declaration": True, "narrative": "I learnt to read the puddle."}


def test_evidence_judged_met_becomes_an_award(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")

    submitted = learner.post(f"/learners/{learner.account}/evidence", REFLECTION)
    assessed = assessor.post(f"{submitted.headers['Location']}/assessments", {"met": True})
    service.catch_up()

    assert [201, 201] == [submitted.status_code, assessed.status_code]
    awards = service.person("registrar").get("/awards", learner=learner.account).get_json()["items"]
    assert [("mig", "live", "S-001")] == [(one["achievement"], one["status"], one["learner_ref"]) for one in awards]


def test_nobody_judges_evidence_that_they_recorded(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    path = f"/learners/{learner.account}/evidence"
    evidence = assessor.post(path, REFLECTION).get_json()["id"]

    refused = assessor.post(f"{path}/{evidence}/assessments", {"met": True})

    assert (403, "/problems/own-evidence") == (refused.status_code, refused.get_json()["type"])


def test_evidence_without_a_declaration_is_refused(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"

    missing = learner.post(path, {"achievement_id": "mig"})
    denied = learner.post(path, {"achievement_id": "mig", "declaration": False})

    assert [["declaration"]] * 2 == [
        [error["field"] for error in one.get_json()["errors"]] for one in (missing, denied)
    ]


def test_a_link_that_is_no_web_address_is_refused(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()

    for link in ("javascript:alert(1)", "file:///etc/passwd", "https://a b", "x"):
        refused = learner.post(f"/learners/{learner.account}/evidence", REFLECTION | {"evidence_url": link})
        assert ["evidence_url"] == [error["field"] for error in refused.get_json()["errors"]]


def test_not_yet_met_returns_evidence_and_it_can_be_withdrawn(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    path = f"/learners/{learner.account}/evidence"
    first = learner.post(path, REFLECTION).get_json()["id"]
    assert 201 == assessor.post(f"{path}/{first}/assessments", {"met": False, "feedback": "Again."}).status_code
    second = learner.post(path, REFLECTION).get_json()["id"]

    withdrawn = learner.post(f"{path}/{second}/withdrawal", {"reason": "The wrong photo."})

    assert 201 == withdrawn.status_code
    assert 404 == learner.post(f"{path}/evd_nothing/withdrawal").status_code


def test_a_judgement_is_amended_by_who_made_it(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    path = f"/learners/{learner.account}/evidence"
    evidence = learner.post(path, REFLECTION).get_json()["id"]
    judged = assessor.post(f"{path}/{evidence}/assessments", {"met": False}).get_json()["id"]
    amendments = f"/learners/{learner.account}/assessments/{judged}/amendments"

    foreign = service.person("assessor", "another").post(amendments, {"met": True, "reason": "I disagree."})
    own = assessor.post(amendments, {"met": True, "reason": "I took it for another's."})

    assert [403, 201] == [foreign.status_code, own.status_code]


def test_an_appeal_is_lodged_by_the_learner_and_heard_by_another(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    path = f"/learners/{learner.account}/evidence"
    evidence = learner.post(path, REFLECTION).get_json()["id"]
    judged = assessor.post(f"{path}/{evidence}/assessments", {"met": False}).get_json()["id"]

    lodged = learner.post(f"/learners/{learner.account}/appeals", {"grounds": "It is met.", "assessment_id": judged})
    decision = f"/learners/{learner.account}/appeals/{lodged.get_json()['id']}/decision"
    own = assessor.post(decision, {"upheld": True, "reason": "Yes."})
    heard = service.person("adjudicator").post(decision, {"upheld": True, "reason": "It is."})

    assert [201, 403, 201] == [lodged.status_code, own.status_code, heard.status_code], heard.get_json()
    both = learner.post(
        f"/learners/{learner.account}/appeals", {"grounds": "x", "assessment_id": judged, "award_id": "awd_x"}
    )
    assert ["assessment_id"] == [error["field"] for error in both.get_json()["errors"]]


def test_prior_learning_is_recognised_with_its_source(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    body = {"achievement_id": "mig", "source": "Journeyman's certificate 2019"}

    recognised = service.person("assessor").post(f"/learners/{learner.account}/prior-learning", body)
    service.catch_up()

    assert 201 == recognised.status_code
    assert 1 == len(service.person("registrar").get("/awards").get_json()["items"])


def test_prerequisites_are_waived_by_a_registrar(service: Service) -> None:
    service.publish("mig")
    service.publish("tig", prerequisites={"achievement": "mig"}, prerequisites_waivable=True)
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"
    refused = learner.post(path, REFLECTION | {"achievement_id": "tig"})

    waived = service.person("registrar").post(
        f"/learners/{learner.account}/waivers", {"achievement_id": "tig", "reason": "Ten years at the yard."}
    )
    accepted = learner.post(path, REFLECTION | {"achievement_id": "tig"})

    assert [409, 201, 201] == [refused.status_code, waived.status_code, accepted.status_code]
