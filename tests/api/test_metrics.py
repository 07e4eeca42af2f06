"""What Prometheus is told: how far behind everything is, to those who run the service alone."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Caller, Service


def numbers(caller: Caller) -> dict[str, float]:
    """Return the numbers by name and follower."""
    answer = caller.get("/metrics")
    assert 200 == answer.status_code
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_an_operator_sees_how_far_behind_everything_is(service: Service) -> None:
    operator = service.person("operator")
    head = service.ledger.store.head()

    found = numbers(operator)

    assert head == found["ledger_log_position"]
    assert 0 == found["ledger_dead_letters_waiting"]
    assert head == found["ledger_follower_lag_facts views"] + service.views.position()
    assert {"ledger_follower_lag_facts settle", "ledger_follower_lag_seconds settle"} < found.keys()


def test_numbers_are_looked_up_once_a_second_however_many_ask(service: Service) -> None:
    operator = service.person("operator")
    before = numbers(operator)
    service.learner("S-077")

    assert before == numbers(operator)


def test_others_see_no_metrics(service: Service) -> None:
    assert 403 == service.person("registrar").get("/metrics").status_code
    assert 403 == service.learner().get("/metrics").status_code
    assert 401 == service.app.test_client().get("/metrics").status_code


def test_prometheus_asks_in_its_own_words(service: Service) -> None:
    operator = service.person("operator")
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"

    answer = service.app.test_client().get("/metrics", headers={**operator.headers(), "Accept": accept})

    assert 200 == answer.status_code
