from __future__ import annotations

import json
from typing import Any

from werkzeug.test import TestResponse

from tests.api.conftest import Caller, Service, definition

CSV = (
    "learner_ref,achievement,evidence_id,evidence_url,narrative,submitted_at,assessor_ref,assessed_at,result,outcome\r\n"
    "S-1,mig,e-1,https://college.example/e/1,First,2026-01-10T10:00:00Z,T-1,2026-01-12T10:00:00Z,70,met\r\n"
    "S-2,mig,e-2,https://college.example/e/2,Second,2026-01-10T10:00:00Z,T-1,2026-01-12T10:00:00Z,20,\r\n"
    "S-3,nothing,e-3,https://college.example/e/3,Third,2026-01-10T10:00:00Z,,,,\r\n"
)
RESULTS: list[dict[str, Any]] = [{"id": "score", "type": "Percent", "pass_at": 40}]


def package(title: str) -> dict[str, Any]:
    """Return a framework of one competency."""
    item = {"identifier": "c-1", "uri": "https://case.example/c-1", "fullStatement": "Strikes an arc."}
    document = {"identifier": "fw-1", "uri": "https://case.example/fw-1", "title": title}
    return {"CFDocument": document, "CFItems": [item], "CFAssociations": []}


def send(who: Caller, path: str, body: str, media: str = "text/csv", **headers: str) -> TestResponse:
    return who.app.test_client().post(path, data=body.encode(), headers=who.headers(Content_Type=media, **headers))


def test_results_are_previewed_recorded_and_not_doubled(service: Service) -> None:
    service.publish("mig", results=RESULTS)
    registrar = service.person("registrar")

    head = service.ledger.store.head()
    preview = send(registrar, "/imports/results?dry_run=true", CSV).get_json()
    unchanged = service.ledger.store.head()
    first = send(registrar, "/imports/results", CSV).get_json()
    again = send(registrar, "/imports/results", CSV).get_json()

    assert head == unchanged
    assert [(3, 2, 0, 1)] * 2 == [
        (one["rows"], one["recorded"], one["repeated"], one["refused"]) for one in (preview, first)
    ]
    assert (0, 2, 1) == (again["recorded"], again["repeated"], again["refused"])
    assert first["batch_id"] == again["batch_id"]
    stats = registrar.get("/stats").get_json()
    assert (1, 2, 2) == (stats["awards_live"], stats["evidence"], stats["assessments"])


def test_a_batch_is_undone_as_a_unit_alone_on_the_day_and_by_two_later(service: Service) -> None:
    service.publish("mig", results=RESULTS)
    registrar, second = service.person("registrar", "gail"), service.person("registrar", "hugo")
    batch = send(registrar, "/imports/results", CSV).get_json()["batch_id"]
    service.clock.pass_(days=2)

    alone = registrar.post(f"/batches/{batch}/undo")
    together = registrar.post(f"/batches/{batch}/undo", Second_Authorization=f"Bearer {second.key}")

    assert [403, 201] == [alone.status_code, together.status_code], together.get_json()
    assert "undone" == registrar.get(f"/batches/{batch}").get_json()["state"]
    assert 0 == registrar.get("/stats").get_json()["awards_live"]
    assert [batch] == [one["batch_id"] for one in registrar.get("/batches").get_json()["items"]]


def test_results_sent_again_under_their_key_are_answered_as_the_first_time(service: Service) -> None:
    service.publish("mig", results=RESULTS)
    registrar = service.person("registrar")

    first = send(registrar, "/imports/results", CSV, Idempotency_Key="k")
    batch = first.get_json()["batch_id"]
    soon = send(registrar, "/imports/results", CSV, Idempotency_Key="k")
    assert 201 == registrar.post(f"/batches/{batch}/undo").status_code
    head = service.ledger.store.head()
    late = send(registrar, "/imports/results", CSV, Idempotency_Key="k")

    assert [first.get_json()] * 2 == [soon.get_json(), late.get_json()]
    assert [None, "true", "true"] == [one.headers.get("Idempotent-Replayed") for one in (first, soon, late)]
    assert first.headers["ETag"] == late.headers["ETag"]
    assert head == service.ledger.store.head()


def test_a_catalogue_sent_again_under_its_key_is_answered_as_the_first_time(service: Service) -> None:
    designer, reviewer = service.person("designer"), service.person("quality_reviewer")
    file = json.dumps({"achievements": [definition("mig")], "stacks": []})
    headers = {"Second_Authorization": f"Bearer {reviewer.key}", "Idempotency_Key": "k"}

    first, again = (send(designer, "/imports/catalogue", file, "application/json", **headers) for _ in range(2))

    assert (1, first.get_json()) == (first.get_json()["new_versions"], again.get_json())
    assert [None, "true"] == [one.headers.get("Idempotent-Replayed") for one in (first, again)]


def test_one_key_names_one_import_or_undoing(service: Service) -> None:
    service.publish("mig", results=RESULTS)
    registrar, designer = service.person("registrar"), service.person("designer")
    second = {"Second_Authorization": f"Bearer {service.person('quality_reviewer').key}"}
    files = [json.dumps({"achievements": [definition(name)], "stacks": []}) for name in ("tig", "mag")]
    batch = send(registrar, "/imports/results", CSV, Idempotency_Key="k").get_json()["batch_id"]
    send(designer, "/imports/catalogue", files[0], "application/json", Idempotency_Key="k", **second)
    designer.post("/frameworks", package("one"), key="f")
    head = service.ledger.store.head()

    refused = [
        send(registrar, "/imports/results", CSV.replace("e-1", "e-9"), Idempotency_Key="k"),
        send(designer, "/imports/catalogue", files[1], "application/json", Idempotency_Key="k", **second),
        registrar.post(f"/batches/{batch}/undo", key="k"),
        designer.post("/frameworks", package("two"), key="f"),
        designer.post("/frameworks", package("two"), key="k"),
    ]

    assert [(422, "/problems/key-reused")] * 5 == [(one.status_code, one.get_json()["type"]) for one in refused]
    assert head == service.ledger.store.head()


def test_an_import_or_undoing_upon_an_older_state_is_refused(service: Service) -> None:
    service.publish("mig", results=RESULTS)
    registrar, designer = service.person("registrar"), service.person("designer")
    second = {"Second_Authorization": f"Bearer {service.person('quality_reviewer').key}"}
    file = json.dumps({"achievements": [definition("tig")], "stacks": []})
    batch = send(registrar, "/imports/results", CSV).get_json()["batch_id"]
    designer.post("/frameworks", package("one"))
    head = service.ledger.store.head()

    stale = [
        registrar.post(f"/batches/{batch}/undo", If_Match='"1"'),
        send(registrar, "/imports/results", CSV.replace("e-1", "e-9"), If_Match='"1"'),
        send(designer, "/imports/catalogue", file, "application/json", If_Match='"1"', **second),
        designer.post("/frameworks", package("two"), If_Match='"1"'),
    ]

    assert [412] * 4 == [one.status_code for one in stale]
    assert head == service.ledger.store.head()
    seen = registrar.get(f"/batches/{batch}").headers["ETag"]
    undone = [registrar.post(f"/batches/{batch}/undo", key="u", If_Match=seen) for _ in range(2)]
    assert [(201, None), (201, "true")] == [(one.status_code, one.headers.get("Idempotent-Replayed")) for one in undone]


def test_who_checked_is_named_to_those_alone_who_may_see_people(service: Service) -> None:
    designer, reviewer = service.person("designer"), service.person("quality_reviewer", "board")
    file = json.dumps({"achievements": [definition("mig")], "stacks": []})
    second = {"Second_Authorization": f"Bearer {reviewer.key}"}
    assert 200 == send(designer, "/imports/catalogue", file, "application/json", **second).status_code

    def checked_by(who: Caller) -> list[str]:
        whole, one = who.get("/achievements/mig").get_json()["versions"][0], who.get("/achievements/mig/versions/1")
        return [whole["check"]["body"], one.get_json()["check"]["body"]]

    assert ["board"] * 2 == checked_by(designer)
    assert [reviewer.account] * 2 == checked_by(service.learner())


def test_an_unusable_file_is_refused_whole(service: Service) -> None:
    registrar = service.person("registrar")

    refused = send(registrar, "/imports/results", "a,b\r\n1,2\r\n")
    other = send(registrar, "/imports/results", "{}", "application/json")

    assert [(422, "/problems/unusable-file"), (415, "/problems/media-type")] == [
        (one.status_code, one.get_json()["type"]) for one in (refused, other)
    ]


def test_a_catalogue_is_imported_by_two_people_with_two_keys(service: Service) -> None:
    designer, reviewer = service.person("designer"), service.person("quality_reviewer")
    file = json.dumps({"achievements": [definition("mig")], "stacks": []})
    second = {"Second_Authorization": f"Bearer {reviewer.key}"}

    alone = send(designer, "/imports/catalogue", file, "application/json")
    own = send(designer, "/imports/catalogue", file, "application/json", Second_Authorization=f"Bearer {designer.key}")
    together = send(designer, "/imports/catalogue", file, "application/json", **second)
    unusable = send(designer, "/imports/catalogue", '{"achievements": [{"id": "x"}]}', "application/json", **second)

    assert [403, 200] == [alone.status_code, together.status_code], together.get_json()
    assert own.status_code in {403, 422}
    assert "achievements[0].name" in unusable.get_json()["detail"]
    version = designer.get("/achievements/mig").get_json()["versions"][0]
    assert (designer.account, reviewer.account) == (version["drafted_by"], version["approved_by"])


def test_a_framework_is_imported_from_a_case_package(service: Service) -> None:
    designer = service.person("designer")
    first, again = (designer.post("/frameworks", package("Welding")) for _ in range(2))

    assert [201, 200] == [first.status_code, again.status_code], first.get_json()
    assert ["Strikes an arc."] == [
        one["statement"] for one in designer.get("/frameworks/fw-1").get_json()["competencies"]
    ]
    assert ["fw-1"] == [one["id"] for one in designer.get("/frameworks").get_json()["items"]]
    assert 422 == designer.post("/frameworks", {"CFItems": []}).status_code
