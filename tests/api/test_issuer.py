from __future__ import annotations

from tests.api.conftest import Service

COLLEGE = {"id": "https://college.example/#profile", "name": "A college", "url": "https://college.example"}


def test_the_issuer_is_described_once_and_shown_to_everybody(service: Service) -> None:
    registrar = service.person("registrar")
    designer, learner = service.person("designer"), service.learner()

    before = learner.get("/issuer")
    first, again = registrar.post("/issuer", COLLEGE), designer.post("/issuer", COLLEGE)
    shown = learner.get("/issuer")

    assert [404, 201, 200, 200] == [one.status_code for one in (before, first, again, shown)], first.get_json()
    assert (COLLEGE["id"], "issuer-self", "/issuer") == (
        first.get_json()["id"], first.get_json()["stream"], first.headers["Location"]
    )  # fmt: skip
    assert COLLEGE | {"described_by": registrar.account, "described_at": "2026-03-02T09:00:00Z"} == shown.get_json()
    assert first.headers["ETag"] == shown.headers["ETag"]


def test_another_description_takes_its_place_unless_somebody_was_quicker(service: Service) -> None:
    designer = service.person("designer")
    seen = designer.post("/issuer", COLLEGE).headers["ETag"]

    changed = designer.post("/issuer", COLLEGE | {"name": "A university"}, If_Match=seen)
    late = designer.post("/issuer", COLLEGE | {"name": "A school"}, If_Match=seen)

    assert [201, 412] == [changed.status_code, late.status_code]
    assert "A university" == designer.get("/issuer").get_json()["name"]


def test_what_is_no_description_is_refused_by_its_field(service: Service) -> None:
    designer = service.person("designer")

    for changes, field in (
        ({"url": "college.example"}, "url"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"id": None}, "id"),
        ({"email": "office@college.example"}, "email"),
    ):
        refused = designer.post("/issuer", COLLEGE | changes)
        assert (422, [field]) == (refused.status_code, [error["field"] for error in refused.get_json()["errors"]])
    assert 404 == designer.get("/issuer").status_code


def test_a_transcript_names_who_issued_as_known_then(service: Service) -> None:
    learner, designer = service.learner(), service.person("designer")
    path = f"/learners/{learner.account}/transcript"

    unsaid = learner.get(path).get_json()["issuer"]
    first = designer.post("/issuer", COLLEGE).get_json()["position"]
    designer.post("/issuer", COLLEGE | {"name": "A university"})

    assert unsaid is None
    assert COLLEGE == learner.get(path, at=first).get_json()["issuer"]
    assert COLLEGE | {"name": "A university"} == learner.get(path).get_json()["issuer"]
