from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.problems import STATUS_OF, all_kinds, kebab, page_of_problems
from ledger.errors import Refused
from ledger.store import StoreUnavailable
from tests.api.conftest import Service, definition

ROOT = Path(__file__).parents[2]


def test_every_refusal_has_its_row_in_the_table() -> None:
    def descendants(cls: type[Refused]) -> set[type[Refused]]:
        return {cls, *(found for child in cls.__subclasses__() for found in descendants(child))}

    own = {cls for cls in descendants(Refused) if cls.__module__.startswith("ledger.")}
    assert set() == own - set(STATUS_OF)


def test_names_of_problems_are_distinct() -> None:
    names = [kind.name for kind in all_kinds()]

    assert sorted(set(names)) == names
    assert "own-evidence" == kebab("OwnEvidence")


def test_every_problem_has_a_page_and_stands_in_the_list(service: Service) -> None:
    client = service.app.test_client()
    listed = client.get("/problems").get_data(as_text=True)

    for kind in all_kinds():
        assert 200 == client.get(f"/problems/{kind.name}").status_code
        assert f"/problems/{kind.name}" in listed
    assert 404 == client.get("/problems/nothing").status_code


def test_the_documented_problems_are_those_of_the_code() -> None:
    assert (ROOT / "docs" / "problems.md").read_text(encoding="utf-8") == page_of_problems()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999999}', "large"),
        (b'{"a": 99999999999999999999}', "64 bits"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "deeper"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper"),
    ],
)
def test_what_cannot_be_read_is_a_400_that_says_why(service: Service, body: bytes, says: str) -> None:
    designer = service.person("designer")
    headers = designer.headers() | {"Content-Type": "application/json"}

    answered = service.app.test_client().post("/achievements", data=body, headers=headers)

    assert (400, "application/problem+json") == (answered.status_code, answered.content_type)
    assert says in answered.get_json()["detail"]


def test_other_media_types_too_large_bodies_and_methods_have_their_problem(service: Service) -> None:
    designer, client = service.person("designer"), service.app.test_client()
    json_headers = designer.headers() | {"Content-Type": "application/json"}

    form = client.post("/achievements", data={"id": "x"}, headers=designer.headers())
    large = client.post("/achievements", data=b" " * (1024 * 1024 + 1), headers=json_headers)
    method = client.delete("/achievements", headers=designer.headers())
    array = client.post("/achievements", data=b"[]", headers=json_headers)
    picky = client.get("/achievements", headers=designer.headers() | {"Accept": "image/png"})

    assert [415, 413, 405, 422, 406] == [one.status_code for one in (form, large, method, array, picky)]
    assert {"POST", "GET"} <= set(method.headers["Allow"].replace(",", " ").split())
    for one in (form, large, method, array, picky):
        assert "application/problem+json" == one.content_type
        assert {"type", "title", "status", "detail"} <= set(json.loads(one.get_data()))


@pytest.mark.parametrize("name", ["%00", "a%0Ab", "a%20b", "%ED%A0%80", "x" * 200, "%2e%2e", "-a"])
def test_odd_identifiers_are_not_found(service: Service, name: str) -> None:
    registrar = service.person("registrar")

    assert [404] * 3 == [
        registrar.get(f"/{kind}/{name}").status_code for kind in ("learners", "achievements", "awards")
    ]


def test_unknown_and_repeated_query_parameters_are_refused_by_name(service: Service) -> None:
    registrar = service.person("registrar")

    unknown = registrar.get("/awards", colour="red")
    repeated = service.app.test_client().get("/awards?limit=1&limit=2", headers=registrar.headers())

    assert ["colour"] == [error["field"] for error in unknown.get_json()["errors"]]
    assert ["limit"] == [error["field"] for error in repeated.get_json()["errors"]]


def test_a_fault_of_ours_is_a_problem_without_its_insides(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret")

    designer = service.person("designer")
    monkeypatch.setattr(service.ledger, "catalogue", broken)

    answered = designer.get("/achievements")

    assert (500, "/problems/fault") == (answered.status_code, answered.get_json()["type"])
    assert "secret" not in answered.get_data(as_text=True)


def test_a_store_that_cannot_be_used_is_a_503_to_try_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("The disk is full.")

    designer = service.person("designer")
    monkeypatch.setattr(service.ledger, "execute", full)

    answered = designer.post("/achievements", definition("mig"))

    assert (503, "1") == (answered.status_code, answered.headers["Retry-After"])
