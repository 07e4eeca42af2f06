"""What fails over and over is one line in the log, and one when it is over; what nobody foresaw says where it was."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

import pytest

from consumers import trouble
from consumers.looping import Loop
from consumers.producing import NotSent, Sending
from consumers.trouble import Trouble
from ledger.errors import RecordConflict
from ledger.store import StoreUnavailable
from tests.consumers.messages import until


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "consumers")
    return caplog


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    passed = [0.0]
    monkeypatch.setattr(trouble, "monotonic", lambda: monotonic() + passed[0])

    def pass_time(seconds: float) -> None:
        passed[0] += seconds

    return pass_time


def raised(error: Exception) -> Exception:
    try:
        raise error  # noqa: TRY301  it needs to come from somewhere
    except Exception as caught:  # noqa: BLE001
        return caught


def told(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == "consumers.trouble"]


@pytest.mark.parametrize(
    "error", [OSError("the disk is full"), StoreUnavailable("away"), RecordConflict("busy"), NotSent("no broker")]
)
def test_what_comes_from_outside_is_one_line_until_it_is_over(log: pytest.LogCaptureFixture, error: Exception) -> None:
    relay = Trouble("relay", NotSent)
    for _ in range(20):
        relay.fails(raised(error))
    relay.over()
    relay.over()

    first, over = told(log)
    assert first == f"relay does not get on: {type(error).__name__}: {error}; it tries again until it does"
    assert over == "relay gets on again, after 0 s"
    assert "Traceback" not in log.text


def test_what_nobody_foresaw_says_where_it_came_from_and_once(log: pytest.LogCaptureFixture) -> None:
    settling = Trouble("settle")
    for _ in range(20):
        settling.fails(raised(KeyError("lrn_lee")))

    assert 1 == len(told(log))
    assert 1 == log.text.count("Traceback")
    assert "in raised" in log.text


def test_another_failure_is_news_and_numbers_are_none(log: pytest.LogCaptureFixture) -> None:
    relay = Trouble("relay", NotSent)
    for waited in range(20):
        relay.fails(NotSent(f"no answer within {waited} ms"))
        relay.fails(StoreUnavailable("the database is away"))

    assert 2 == len(told(log))


def test_now_and_then_it_is_told_again_for_how_long(
    log: pytest.LogCaptureFixture, pass_time: Callable[[float], None]
) -> None:
    relay = Trouble("relay")
    for _ in range(30):
        relay.fails(OSError("away"))
        pass_time(60)
    relay.over()

    assert [
        "relay does not get on: OSError: away; it tries again until it does",
        "relay does not get on, for 600 s now: OSError: away; it tries again until it does",
        "relay does not get on, for 1200 s now: OSError: away; it tries again until it does",
        "relay gets on again, after 1800 s",
    ] == told(log)


def test_failures_that_are_never_alike_are_not_kept_for_ever(log: pytest.LogCaptureFixture) -> None:
    strange = Trouble("strange")
    for number in range(1000):
        strange.fails(OSError("x" * number))

    assert len(strange._told_at) <= 100


def test_a_loop_without_brokers_tells_of_it_once(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.producing._CONNECT_MS", 5)
    away, tries = Sending("127.0.0.1:1", "tests"), [0]

    def step() -> int:
        tries[0] += 1
        if tries[0] < 6:
            away.connect()
        return 1

    loop = Loop("relay", step, lambda: None, 0.05, outside=(NotSent,), every=0.01)
    loop.start()
    until(lambda: tries[0] > 8)
    loop.stop()

    assert 2 == len(told(log))
    assert loop.failing is None
    assert "Traceback" not in log.text


def test_what_a_long_step_waits_for_is_told_once_and_when_it_is_over(log: pytest.LogCaptureFixture) -> None:
    def step() -> int:
        for position in range(5):
            loop.waits(f"Kafka does not take in what was sent after position {position}")
        return 1

    loop = Loop("relay", step, lambda: None, every=60.0)
    loop.start()
    until(lambda: len(told(log)) > 1)
    loop.stop()

    assert 2 == len(told(log))
