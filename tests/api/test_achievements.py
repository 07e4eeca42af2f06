from __future__ import annotations

from tests.api.conftest import CHECK, Service, definition


def test_an_achievement_is_drafted_approved_by_another_and_published(service: Service) -> None:
    designer, reviewer = service.person("designer"), service.person("quality_reviewer")

    drafted = designer.post("/achievements", definition("mig", credits=1.5, groups={"area": "welding"}))
    approved = reviewer.post("/achievements/mig/versions/1/approval", {"check": CHECK})
    published = designer.post("/achievements/mig/versions/1/publication")
    shown = designer.get("/achievements/mig")

    assert [201, 201, 201, 200] == [drafted.status_code, approved.status_code, published.status_code, shown.status_code]
    assert "/achievements/mig" == drafted.headers["Location"]
    version = shown.get_json()["versions"][0]
    assert ("published", designer.account, reviewer.account) == (
        version["status"],
        version["drafted_by"],
        version["approved_by"],
    )
    assert '"credits":1.5' in shown.get_data(as_text=True)
    assert f'"{published.get_json()["position"]}"' == shown.headers["ETag"]


def test_nobody_approves_their_own_draft(service: Service) -> None:
    designer = service.person("designer")
    designer.post("/achievements", definition("mig"))

    refused = designer.post("/achievements/mig/versions/1/approval", {"check": CHECK})

    assert (403, "/problems/second-person-needed") == (refused.status_code, refused.get_json()["type"])


def test_drafting_the_same_again_answers_200_and_another_409(service: Service) -> None:
    designer = service.person("designer")
    first = designer.post("/achievements", definition("mig"))

    again = designer.post("/achievements", definition("mig"))
    other = designer.post("/achievements", definition("mig", hours=3))

    assert [201, 200, 409] == [first.status_code, again.status_code, other.status_code]
    assert first.get_json()["position"] == again.get_json()["position"]


def test_every_unusable_field_is_named_by_its_path(service: Service) -> None:
    body = definition("mig", credits="1", criteria={"items": [{"id": "x"}]}, colour="red", valid_for="1 year")

    refused = service.person("designer").post("/achievements", body)

    assert 422 == refused.status_code
    fields = {error["field"] for error in refused.get_json()["errors"]}
    assert {"credits", "criteria.narrative", "criteria.items[0].text", "colour", "valid_for"} == fields
    assert 404 == service.person("designer").get("/achievements/mig").status_code


def test_a_partner_endorses_one_version_and_only_that_partner_withdraws(service: Service) -> None:
    service.publish("mig")
    partner, other = service.person("partner", "ACME"), service.person("partner", "Bolt Ltd")

    endorsed = partner.post("/achievements/mig/versions/1/endorsements", {"statement": "We hire for this."})
    endorsement = endorsed.get_json()["id"]
    foreign = other.post(f"/endorsements/{endorsement}/withdrawal", {"reason": "No."})
    withdrawn = partner.post(f"/endorsements/{endorsement}/withdrawal", {"reason": "Not any more."})

    assert [201, 403, 201] == [endorsed.status_code, foreign.status_code, withdrawn.status_code]
    version = partner.get("/achievements/mig/versions/1").get_json()
    assert [("Not any more.", partner.account)] == [
        (one["withdrawn"], one["partner"]) for one in version["endorsements"]
    ]


def test_a_revision_becomes_the_next_version_and_retirement_takes_nothing_new(service: Service) -> None:
    service.publish("mig")
    designer = service.person("designer")
    body = definition("mig", hours=10)
    body.pop("id")

    revised = designer.post("/achievements/mig/revisions", body)
    retired = designer.post("/achievements/mig/retirement", {"reason": "Replaced by TIG."})
    refused = designer.post("/achievements/mig/revisions", body | {"hours": 11})

    assert [201, 201, 409] == [revised.status_code, retired.status_code, refused.status_code]
    shown = designer.get("/achievements/mig").get_json()
    assert (True, 1, 2) == (shown["retired"], shown["published"], shown["newest"])


def test_lists_are_paged_by_cursor(service: Service) -> None:
    for name in ("a", "b", "c"):
        service.publish(name)
    reader = service.person("designer")

    first = reader.get("/achievements", limit=2).get_json()
    second = reader.get("/achievements", limit=2, cursor=first["next"]).get_json()

    assert (["a", "b"], ["c"], None) == (
        [item["id"] for item in first["items"]],
        [item["id"] for item in second["items"]],
        second["next"],
    )
    assert 422 == reader.get("/achievements", cursor="%%%").status_code
