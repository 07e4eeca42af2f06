from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ledger import ids
from ledger.application import Ledger
from tests.api.conftest import Service
from tests.places import settings_in

EVIDENCE = {"achievement_id": "mig", "declaration": True, "narrative": "My first bead."}


def test_the_same_post_under_the_same_key_answers_the_same_and_records_nothing(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"
    first = learner.post(path, EVIDENCE, key="k-1")
    head = service.ledger.store.head()

    again = learner.post(path, EVIDENCE, key="k-1")

    assert [201, 201] == [first.status_code, again.status_code]
    assert first.get_json() == again.get_json()
    assert [None, "true"] == [answer.headers.get("Idempotent-Replayed") for answer in (first, again)]
    assert head == service.ledger.store.head()


def test_the_same_key_with_another_body_is_refused(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"
    learner.post(path, EVIDENCE, key="k-1")

    refused = learner.post(path, EVIDENCE | {"narrative": "Another."}, key="k-1")

    assert (422, "/problems/key-reused") == (refused.status_code, refused.get_json()["type"])


def test_two_people_may_use_the_same_key(service: Service) -> None:
    service.publish("mig")
    one, other = service.learner("S-1"), service.learner("S-2")

    answers = [who.post(f"/learners/{who.account}/evidence", EVIDENCE, key="k-1") for who in (one, other)]

    assert [201, 201] == [answer.status_code for answer in answers]
    assert 2 == len({answer.get_json()["id"] for answer in answers})


def test_what_a_key_brings_into_being_cannot_be_known_from_the_key(service: Service, tmp_path: Path) -> None:
    service.publish("mig")
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"
    found = learner.post(path, EVIDENCE, key="k-1").get_json()["id"]
    settings = settings_in(tmp_path / "other")
    elsewhere = Ledger.open(settings, create=True)
    named = f"evd\x1f{learner.account}\x1fk-1".encode()

    digests = [ledger.keys.fingerprint(named).hex()[:30] for ledger in (service.ledger, elsewhere)]
    elsewhere.close()

    assert [True, False] == [found == f"evd_{digest}" for digest in digests]
    assert found != ids.derived("evd", learner.account, "k-1")


def test_a_refusal_is_not_kept_under_the_key(service: Service) -> None:
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"
    refused = learner.post(path, EVIDENCE, key="k-1")
    service.publish("mig")

    accepted = learner.post(path, EVIDENCE, key="k-1")

    assert [404, 201] == [refused.status_code, accepted.status_code]


def test_without_a_key_every_post_is_a_new_wish(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()

    ids = {learner.post(f"/learners/{learner.account}/evidence", EVIDENCE).get_json()["id"] for _ in range(2)}

    assert 2 == len(ids)


def test_an_unusable_key_or_precondition_is_named(service: Service) -> None:
    learner = service.learner()
    path = f"/learners/{learner.account}/evidence"

    for headers in ({"Idempotency_Key": "with blank"}, {"Idempotency_Key": "x" * 201}, {"If_Match": "latest"}):
        assert 422 == learner.post(path, EVIDENCE, **headers).status_code


def test_a_decision_on_an_older_state_is_refused(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    seen = learner.get(f"/learners/{learner.account}").headers["ETag"]
    path = f"/learners/{learner.account}/evidence"

    first = learner.post(path, EVIDENCE, If_Match=seen)
    second = learner.post(path, EVIDENCE, If_Match=seen)

    assert [201, 412] == [first.status_code, second.status_code]


def test_one_key_sent_by_many_at_once_records_once(service: Service) -> None:
    service.publish("mig")
    learner = service.learner()
    head = service.ledger.store.head()

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: learner.post(f"/learners/{learner.account}/evidence", EVIDENCE, key="k"), range(16))
        )

    assert {201} == {answer.status_code for answer in answers}
    assert 15 == sum("Idempotent-Replayed" in answer.headers for answer in answers)
    assert 1 == len({answer.get_json()["id"] for answer in answers})
    assert head + 1 == service.ledger.store.head()
