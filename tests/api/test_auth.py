from __future__ import annotations

from datetime import UTC, datetime

from api.auth import POLICY, PUBLIC
from api.schemas.people import ROLES
from tests.api.conftest import Service, definition


def test_every_endpoint_stands_in_the_policy_or_is_public(service: Service) -> None:
    endpoints = {rule.endpoint for rule in service.app.url_map.iter_rules()}

    assert endpoints == {name for name in POLICY if ":" not in name} | PUBLIC
    assert all(roles <= set(ROLES) for roles in POLICY.values())


def test_every_endpoint_denies_every_role_that_the_policy_does_not_name(service: Service) -> None:
    keys = {role: service.person(role).key for role in ROLES}
    client = service.app.test_client()
    cells = 0

    for rule in service.app.url_map.iter_rules():
        path = rule.rule.replace("<number:version>", "1")
        for name in rule.arguments:
            path = path.replace(f"<id:{name}>", "someone")
        if rule.endpoint == "learners.listed":
            path += "?ref=someone"  # the whole list is for fewer
        if rule.endpoint in PUBLIC:
            continue
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        for role, key in keys.items():
            answered = client.open(path, method=method, headers={"Authorization": f"Bearer {key}"})
            assert (answered.status_code == 403) == (role not in POLICY[rule.endpoint]), (
                path,
                role,
                answered.status_code,
            )
            cells += 1
    assert cells > 500


def test_a_missing_unknown_or_expired_key_is_a_401_that_names_the_scheme(service: Service) -> None:
    client = service.app.test_client()
    expired = service.ledger.identities.create_key("designer", "per_x", datetime(2020, 1, 1, tzinfo=UTC))

    for header in (None, "", "Bearer", "Bearer ", "Basic abc", "Bearer ldg_x", "Bearer \xff", f"Bearer {expired}"):
        answered = client.get("/achievements", headers={} if header is None else {"Authorization": header})
        assert 401 == answered.status_code
        assert answered.headers["WWW-Authenticate"].startswith("Bearer")


def test_learners_see_themselves_and_nobody_else(service: Service) -> None:
    one, other = service.learner("S-001"), service.learner("S-002")

    own, foreign, unknown = (one.get(f"/learners/{who}") for who in (one.account, other.account, "lrn_nobody"))

    assert [200, 404, 404] == [own.status_code, foreign.status_code, unknown.status_code]
    assert foreign.get_json()["type"] == unknown.get_json()["type"]


def test_who_acted_is_who_asked(service: Service) -> None:
    designer = service.person("designer")

    refused = designer.post("/achievements", definition("mig", by="per_somebody_else"))

    assert ["by"] == [error["field"] for error in refused.get_json()["errors"]]


def test_every_answer_carries_the_headers_that_protect_it(service: Service) -> None:
    client = service.app.test_client()

    for path in ("/docs", "/static/docs.js", "/achievements", "/nowhere", "/livez"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "nosniff" == headers["X-Content-Type-Options"]
    assert "no-store" == client.get("/achievements").headers["Cache-Control"]


def test_a_key_is_good_no_longer_than_its_role(service: Service) -> None:
    registrar, assessor = service.person("registrar"), service.person("assessor")
    assert 200 == assessor.get("/queues/assessment").status_code

    registrar.post(f"/people/{assessor.account}/role-withdrawals", {"role": "assessor"})

    assert 401 == assessor.get("/queues/assessment").status_code
