"""The transparency log over HTTP: whoever has no key can check that an award is in it, and that it only grew."""

from __future__ import annotations

import base64

import pytest
from flask.testing import FlaskClient

from ledger.transparency import checkpoint, leaf, merkle, note, tiles
from ledger.transparency.merkle import perfect
from tests.api.conftest import Caller, Service


@pytest.fixture
def anybody(service: Service) -> FlaskClient:
    service.publish("sql")
    service.catch_up()
    return service.app.test_client()


def keys_of(client: FlaskClient) -> list[note.VerifierKey]:
    return [note.read_key(key["verifier"]) for key in client.get("/log/keys").get_json()["keys"]]


def newest(client: FlaskClient) -> checkpoint.Checkpoint:
    return checkpoint.opened(client.get("/checkpoint").data, keys_of(client))[0]


def test_the_checkpoint_is_signed_and_not_kept_by_caches(service: Service, anybody: FlaskClient) -> None:
    answer = anybody.get("/checkpoint")
    found = newest(anybody)

    assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]
    assert "no-cache" == answer.headers["Cache-Control"]
    assert service.ledger.store.head() == found.size
    assert anybody.get("/log/keys").get_json()["origin"] == found.origin


def test_tiles_make_the_root_that_was_signed(anybody: FlaskClient) -> None:
    found = newest(anybody)
    (tile,) = tiles.tiles_of(found.size)
    answer = anybody.get(f"/{tile.path}")
    hashes = answer.data

    assert ("application/octet-stream", "public, max-age=31536000, immutable") == (
        answer.headers["Content-Type"], answer.headers["Cache-Control"],
    )  # fmt: skip
    nodes = merkle.Frontier()
    for start in range(0, len(hashes), 32):
        nodes.add(hashes[start : start + 32])
    assert found.root == nodes.root()


def test_auditors_read_entries_that_hash_to_the_tile(service: Service, anybody: FlaskClient) -> None:
    size = newest(anybody).size
    auditor = service.person("auditor")
    entries = tiles.read_bundle(auditor.get(f"/tile/entries/000.p/{size}").data)

    assert anybody.get(f"/tile/0/000.p/{size}").data == b"".join(map(merkle.leaf_hash, entries))
    assert [leaf.hash_of(fact) for fact in service.ledger.store.read_log(0, size)] == [*map(merkle.leaf_hash, entries)]
    assert 401 == anybody.get("/tile/entries/000.p/1").status_code
    assert 403 == service.person("registrar").get("/tile/entries/000.p/1").status_code


def test_inclusion_and_consistency_are_proven(anybody: FlaskClient) -> None:
    found = newest(anybody)
    inclusion = anybody.get("/log/proof/inclusion", query_string={"index": 3}).get_json()
    path = [base64.b64decode(one) for one in inclusion["hashes"]]
    merkle.verify_inclusion(base64.b64decode(inclusion["leaf_hash"]), 3, found.size, path, found.root)
    growth = anybody.get("/log/proof/consistency", query_string={"from": 3}).get_json()
    path = [base64.b64decode(one) for one in growth["hashes"]]
    before = base64.b64decode(growth["from_root"])

    merkle.verify_consistency(3, found.size, path, before, found.root)
    first = anybody.get("/tile/0/000.p/3").data
    assert before == merkle.node_hash(perfect(first[:64]), first[64:])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tile/0/999", 404),
        ("/tile/0/000", 404),
        ("/tile/0/0", 404),
        ("/tile/00/000.p/1", 404),
        ("/tile/64/000.p/1", 404),
        ("/tile/0/000.p/0", 404),
        ("/tile/1/000.p/1", 404),
        ("/log/proof/inclusion", 422),
        ("/log/proof/inclusion?index=-1", 422),
        ("/log/proof/inclusion?index=1.5", 422),
        ("/log/proof/inclusion?index=5&size=5", 422),
        ("/log/proof/inclusion?index=5&size=0", 422),
        ("/log/proof/inclusion?index=5&size=99999999", 404),
        ("/log/proof/inclusion?index=5&size=5&more=1", 422),
        ("/log/proof/consistency?from=3&to=2", 422),
        ("/log/proof/consistency?from=3&to=99999999", 404),
        ("/log/proof/consistency", 422),
    ],
)
def test_what_there_is_not_is_said_so(anybody: FlaskClient, path: str, status: int) -> None:
    answer = anybody.get(path)

    assert status == answer.status_code
    assert "application/problem+json" == answer.content_type


def test_nothing_is_published_before_there_is_anything(service: Service) -> None:
    client = service.app.test_client()

    assert 404 == client.get("/checkpoint").status_code
    assert 404 == client.get("/log/proof/consistency?from=0").status_code
    assert {"origin": None} == {"origin": client.get("/log/keys").get_json()["origin"]}


def test_an_award_says_where_it_stands_in_the_log(service: Service) -> None:
    registrar, award = awarded(service)
    before = registrar.get(f"/awards/{award}").get_json()
    service.catch_up()
    shown = registrar.get(f"/awards/{award}").get_json()["log"]

    assert before["position"] - 1 == shown["index"] == before["log"]["index"]
    assert shown["sequenced"] is True
    assert shown["published"]["size"] > shown["index"]
    assert {"index", "recorded_at", "sequenced", "published"} == set(shown)


def awarded(service: Service) -> tuple[Caller, str]:
    service.publish("sql")
    service.award(service.learner(), "sql")
    registrar = service.person("registrar")
    return registrar, registrar.get("/awards").get_json()["items"][0]["id"]


def test_a_ledger_whose_head_does_not_follow_answers_commands_503_and_reads_go_on(
    service: Service, anybody: FlaskClient
) -> None:
    designer = service.person("designer")
    service.catch_up()
    with service.log._database.writing() as writing:
        writing.execute("UPDATE tiles SET hashes = substr(hashes, 1, 64) WHERE level = 0")
    service.log.publish(service.ledger.now(), at_once=True)
    command = designer.post("/achievements/sql/retirement", {"reason": "It is out of date."})
    ready = anybody.get("/readyz")

    assert 503 == ready.status_code
    assert "read-only" in ready.get_json()["detail"]
    assert "audit accept-head" in ready.get_json()["detail"]
    assert (503, ready.get_json()["detail"]) == (command.status_code, command.get_json()["detail"])
    assert 200 == designer.get("/achievements/sql").status_code
    assert 200 == anybody.get("/checkpoint").status_code
