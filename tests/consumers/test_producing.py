"""Handing messages to Kafka: what fails leaves nothing behind, and what gets on is let get on."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from consumers import group, group_lag, producing, topics
from consumers.group import Member
from consumers.producing import NotSent, Sending
from consumers.topics import Topics, check
from tests.consumers.messages import until
from tests.servers.kafka import Broker

NOWHERE = "127.0.0.1:1"
DESCRIPTORS = Path("/proc/self/fd")
counted = pytest.mark.skipif(not DESCRIPTORS.exists(), reason="descriptors cannot be counted here")


def _held() -> int:
    """Return how many threads and descriptors this process holds."""
    return threading.active_count() + len(list(DESCRIPTORS.iterdir()))


def _left_by(failing: Callable[[], object], times: int) -> int:
    """Return what *times* failures leave behind that nobody but the garbage collector would take away."""
    gc.collect()
    gc.disable()
    try:
        before = _held()
        for _ in range(times):
            with pytest.raises(Exception, match="Kafka"):
                failing()
        return _held() - before
    finally:
        gc.enable()


@counted
@pytest.mark.parametrize("alone", [False, True])
def test_brokers_that_are_away_leave_nothing_behind(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producing, "_CONNECT_MS", 20)
    sending = Sending(NOWHERE, "tests", alone=alone)

    assert _left_by(sending.connect, 20) <= 0
    assert _left_by(lambda: sending.hand_over([], 1), 20) <= 0


@counted
def test_a_member_that_does_not_find_its_brokers_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "_CONNECT_MS", 20)
    member = Member(NOWHERE, "ledger-tests", (Topics().events,), lambda _: None, (), {})  # type: ignore[arg-type]

    assert _left_by(member.step, 20) <= 0
    member.close()


@counted
def test_whoever_asks_brokers_that_are_away_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_PATIENCE_MS", 20)
    monkeypatch.setattr(group_lag, "_ANSWER_MS", 20)

    assert _left_by(lambda: check(NOWHERE), 20) <= 0
    assert _left_by(lambda: group_lag.groups(NOWHERE).__enter__(), 20) <= 0


@counted
@pytest.mark.parametrize("fails", ["init_transactions", "begin_transaction"])
def test_a_transaction_that_cannot_begin_leaves_no_thread_behind(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(_: Any) -> None:
        raise KafkaTimeoutError("not in time")

    monkeypatch.setattr(KafkaProducer, fails, fail)
    sending = Sending(kafka.bootstrap, "ledger-tests", alone=True)
    before = _held()
    for _ in range(5):
        with pytest.raises(NotSent, match="not in time"):
            sending.hand_over([], 1)

    until(lambda: _held() <= before, 5)
