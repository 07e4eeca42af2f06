from __future__ import annotations

from tests.api.conftest import Service


def test_a_person_is_registered_once_given_a_role_and_found_by_ref(service: Service) -> None:
    operator = service.person("operator")
    body = {"ref": "ana@college.example", "name": "Ana", "email": "ana@college.example"}

    first, again = operator.post("/people", body), operator.post("/people", body)
    other = operator.post("/people", body | {"name": "Anna"})
    person = first.get_json()["id"]
    granted = operator.post(f"/people/{person}/roles", {"role": "assessor", "achievements": None})

    assert [201, 200, 409, 201] == [first.status_code, again.status_code, other.status_code, granted.status_code]
    (found,) = operator.get("/people", ref="ana@college.example").get_json()["items"]
    assert ("Ana", ["assessor"]) == (found["name"], [grant["role"] for grant in found["roles"]])
    withdrawn = operator.post(f"/people/{person}/role-withdrawals", {"role": "assessor"})
    assert (201, []) == (withdrawn.status_code, operator.get(f"/people/{person}").get_json()["roles"])


def test_accounts_of_one_human_being_are_linked_and_count_as_one(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    linked = service.person("registrar").post(f"/people/{assessor.account}/accounts", {"account": learner.account})
    path = f"/learners/{learner.account}/evidence"
    evidence = learner.post(path, {"achievement_id": "mig", "declaration": True}).get_json()["id"]

    refused = assessor.post(f"{path}/{evidence}/assessments", {"met": True})

    assert [201, 403] == [linked.status_code, refused.status_code]


def test_an_assessor_with_a_conflict_of_interest_is_recused(service: Service) -> None:
    service.publish("mig")
    learner, assessor = service.learner(), service.person("assessor")
    declared = assessor.post(f"/people/{assessor.account}/conflicts", {"learner": learner.account})
    foreign = service.person("assessor", "ben").post(
        f"/people/{assessor.account}/conflicts", {"learner": learner.account}
    )
    path = f"/learners/{learner.account}/evidence"
    evidence = learner.post(path, {"achievement_id": "mig", "declaration": True}).get_json()["id"]

    refused = assessor.post(f"{path}/{evidence}/assessments", {"met": True})

    assert [201, 403, 403] == [declared.status_code, foreign.status_code, refused.status_code]
    assert "/problems/recused" == refused.get_json()["type"]


def test_roles_of_nobody_and_roles_that_ended_are_refused(service: Service) -> None:
    operator = service.person("operator")

    nobody = operator.post("/people/per_nobody/roles", {"role": "assessor"})
    ended = operator.post(f"/people/{operator.account}/roles", {"role": "assessor", "until": "2020-01-01T00:00:00Z"})
    unknown = operator.post(f"/people/{operator.account}/roles", {"role": "king"})

    assert [404, 422, 422] == [nobody.status_code, ended.status_code, unknown.status_code]


def test_what_nobody_is_known_by_is_neither_linked_nor_a_conflict(service: Service) -> None:
    registrar, assessor = service.person("registrar"), service.person("assessor")

    linked = registrar.post(f"/people/{assessor.account}/accounts", {"account": "lrn_nobody"})
    declared = registrar.post(f"/people/{assessor.account}/conflicts", {"learner": "lrn_nobody"})

    assert (404, 404) == (linked.status_code, declared.status_code)


def test_everybody_can_ask_whose_key_they_hold(service: Service) -> None:
    learner, assessor = service.learner("S-77"), service.person("assessor", "ben")

    assert {"account": learner.account, "role": "learner", "ref": "S-77", "name": None} == learner.get("/me").get_json()
    assert (assessor.account, "ben") == tuple(assessor.get("/me").get_json()[one] for one in ("account", "ref"))
