from __future__ import annotations

from tests.api.conftest import Service

REFLECTION = {"achievement_id": "mig", "declaration": True, "narrative": "I learnt to read the puddle."}


def test_a_learner_is_registered_once_and_found_by_ref(service: Service) -> None:
    registrar = service.person("registrar")
    body = {"ref": "S-001", "name": "Lee", "email": "lee@college.example"}

    first, again = registrar.post("/learners", body), registrar.post("/learners", {"ref": "S-001"})
    other = registrar.post("/learners", body | {"email": "else@college.example"})
    (found,) = registrar.get("/learners", ref="S-001").get_json()["items"]

    assert [201, 200, 409] == [first.status_code, again.status_code, other.status_code]
    assert ("Lee", first.get_json()["id"]) == (found["name"], found["id"])
    assert [] == registrar.get("/learners", ref="S-999").get_json()["items"]
    service.catch_up()
    assert ["S-001"] == [one["ref"] for one in registrar.get("/learners").get_json()["items"]]
    assessor = service.person("assessor")
    assert [200, 403] == [assessor.get("/learners", ref="S-001").status_code, assessor.get("/learners").status_code]


def test_the_official_transcript_shows_live_awards_with_their_sums(service: Service) -> None:
    service.publish("mig", credits=1.5, hours=20)
    service.publish("tig", credits=2.25)
    service.activate("welder", "badge", {"all": [{"achievement": "mig"}, {"achievement": "tig"}]})
    learner = service.learner()
    service.award(learner, "mig")
    service.award(learner, "tig")

    document = learner.get(f"/learners/{learner.account}/transcript").get_json()

    assert ["badge", "mig", "tig"] == sorted(award["achievement_id"] for award in document["awards"])
    assert (3.75, 20.0, "S-001") == (float(document["credits"]), float(document["hours"]), document["learner"]["ref"])
    assert "only where" in document["legend"]


def test_a_milestone_is_there_for_who_reads_just_after_completing_it(service: Service) -> None:
    service.publish("mig")
    service.activate("welder", "badge", {"all": [{"achievement": "mig"}]})
    service.followers.start()
    learner, assessor = service.learner(), service.person("assessor")
    evidence = learner.post(f"/learners/{learner.account}/evidence", REFLECTION).headers["Location"]

    assessor.post(f"{evidence}/assessments", {"met": True})
    document = learner.get(f"/learners/{learner.account}/transcript").get_json()

    assert ["badge", "mig"] == sorted(award["achievement_id"] for award in document["awards"])


def test_at_selects_what_was_known_and_on_what_was_valid(service: Service) -> None:
    service.publish("mig", valid_for="P1Y")
    learner = service.learner()
    before = service.ledger.store.head()
    service.award(learner, "mig")
    path = f"/learners/{learner.account}"

    def held(**query: object) -> list[str]:
        return [award["achievement_id"] for award in learner.get(f"{path}/transcript", **query).get_json()["awards"]]

    service.clock.pass_(days=400)
    assert [] == held()
    assert [] == held(at=before)
    assert ["mig"] == held(on="2026-06-01")
    assert ["mig"] == held(at=service.ledger.store.head(), on="2026-06-01T00:00:00+02:00")
    assert ["mig"] == held(at="2026-03-02T12:00:00Z")
    assert [] == held(on="2026-03-01")
    assert ["expired"] == [one["status"] for one in learner.get(f"{path}/awards").get_json()["items"]]
    assert 404 == learner.get(f"{path}/transcript", at=1).status_code


def test_unusable_moments_are_named(service: Service) -> None:
    learner = service.learner()
    path = f"/learners/{learner.account}/transcript"

    for query in (
        {"at": 10_000},
        {"at": "2026-03-02T12:00:00"},
        {"on": "2026-02-30"},
        {"on": "7"},
        {"at": "soon"},
        {"view": "x"},
    ):
        refused = learner.get(path, **query)
        assert (422, list(query)) == (refused.status_code, [error["field"] for error in refused.get_json()["errors"]])


def test_the_full_transcript_is_for_records_and_the_learner(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    service.award(learner, "mig")
    path = f"/learners/{learner.account}/transcript"

    seen = {
        role: service.person(role).get(path, view="full").status_code for role in ("registrar", "auditor", "assessor")
    }

    assert {"registrar": 200, "auditor": 200, "assessor": 403} == seen
    full = learner.get(path, view="full").get_json()
    assert 1 == len(full["evidence"]) == len(full["evidence"][0]["judgements"])


def test_progress_says_what_would_close_a_milestone(service: Service) -> None:
    service.publish("mig")
    service.publish("tig")
    service.activate("welder", "badge", {"all": [{"achievement": "mig"}, {"achievement": "tig"}]})
    learner = service.learner()
    service.award(learner, "mig")

    (stack,) = learner.get(f"/learners/{learner.account}/progress").get_json()["stacks"]

    assert (["tig"], False) == ([one["achievement"] for one in stack["closes"]], stack["satisfied"])


def test_evidence_is_read_in_plain_text_by_whom_it_concerns(service: Service) -> None:
    service.publish("mig", criteria={"narrative": "Welds.", "items": [{"id": "arc", "text": "Strikes an arc."}]})
    learner, assessor = service.learner(), service.person("assessor")
    path = f"/learners/{learner.account}/evidence"
    link = "https://college.example/e/1"
    evidence = learner.post(path, REFLECTION | {"evidence_url": link}).headers["Location"]
    judged = {
        "judgements": [{"criterion": "arc", "met": True}], "feedback": "Steady.", "comments": {"arc": "Clean start."},
    }  # fmt: skip
    assert 201 == assessor.post(f"{evidence}/assessments", judged).status_code

    document = learner.get(evidence).get_json()

    assert ("I learnt to read the puddle.", link) == (document["narrative"], document["evidence_url"])
    (assessment,) = document["assessments"]
    assert ("Steady.", "Clean start.") == (assessment["feedback"], assessment["judgements"][0]["comment"])
    assert 403 == service.person("designer").get(evidence).status_code


def test_a_blind_marker_reads_the_others_judgement_only_after_giving_their_own(service: Service) -> None:
    service.publish("mig", blind=True, assessors_required=2)
    learner = service.learner()
    first, second = service.person("assessor", "ana"), service.person("assessor", "ben")
    evidence = learner.post(f"/learners/{learner.account}/evidence", REFLECTION).headers["Location"]
    first.post(f"{evidence}/assessments", {"met": True})

    before = {who.account: len(who.get(evidence).get_json()["assessments"]) for who in (first, second, learner)}
    second.post(f"{evidence}/assessments", {"met": True})
    after = {who.account: len(who.get(evidence).get_json()["assessments"]) for who in (first, second, learner)}

    assert {first.account: 1, second.account: 0, learner.account: 0} == before
    assert {first.account: 2, second.account: 2, learner.account: 2} == after


def test_facts_are_read_in_order_and_revealed_to_who_keeps_the_records(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    learner.post(f"/learners/{learner.account}/evidence", REFLECTION)
    auditor = service.person("auditor")

    first = auditor.get(f"/learners/{learner.account}/facts", limit=1).get_json()
    second = auditor.get(f"/learners/{learner.account}/facts", limit=1, cursor=first["next"]).get_json()

    assert ["learner.registered.v1", "evidence.submitted.v1"] == [page["items"][0]["type"] for page in (first, second)]
    fact = second["items"][0]
    assert (REFLECTION["narrative"], learner.account) == (fact["fact"]["narrative"], fact["actor"]["id"])
    assert 403 == learner.get(f"/learners/{learner.account}/facts").status_code
