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
from consumers.cloud_events import Outgoing
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


class Slow:
    """A producer on a network that takes *seconds* for each message, by a clock that only waiting moves on."""

    def __init__(self, seconds: float, commit_seconds: float = 0) -> None:
        self.now = 0.0
        self.begun = 0
        self.settings: dict[str, Any] = {}
        self.seconds = seconds
        self.commit_seconds = commit_seconds
        self._sender = self._transaction_manager = self
        self._last = 0.0

    def init_transactions(self) -> None:
        pass

    force_close = wakeup = init_transactions

    def begin_transaction(self) -> None:
        self.begun += 1
        self._last = self.now

    def send(self, *_: Any, **__: Any) -> Arriving:
        self._last += self.seconds
        return Arriving(self, self._last)

    def begin_commit(self) -> Arriving:
        return Arriving(self, self.now + self.commit_seconds)

    def flush(self, seconds: float) -> None:
        self.now += seconds

    def close(self, timeout: float) -> None:
        pass


class Arriving:
    """A message, or the end of a transaction, that arrives at an instant."""

    exception = None

    def __init__(self, slow: Slow, at: float) -> None:
        self._slow = slow
        self._at = at

    @property
    def is_done(self) -> bool:
        return self._slow.now >= self._at

    def add_errback(self, _: object) -> None:
        pass

    def get(self, seconds: float) -> None:
        self._slow.now += min(seconds, max(0.0, self._at - self._slow.now))
        if not self.is_done:
            raise KafkaTimeoutError

    def wait(self, timeout_ms: int) -> bool:
        self._slow.now += timeout_ms / 1000
        return self.is_done


def _send_over(slow: Slow, monkeypatch: pytest.MonkeyPatch, *, alone: bool = True) -> Sending:
    monkeypatch.setattr(producing, "KafkaProducer", lambda **settings: slow.settings.update(settings) or slow)
    monkeypatch.setattr(producing, "monotonic", lambda: slow.now)
    return Sending(NOWHERE, "tests", alone=alone)


def _arrives(sending: Sending, messages: int = 10) -> bool:
    """Hand over some messages, and wait as a relay does; whether they arrived before they were given up."""
    sending.hand_over([Outgoing("t", b"k", b"v", [], 0)] * messages, 1)
    try:
        while not sending.wait(0.25):
            pass
    except NotSent:
        return False
    return True


def test_a_transaction_that_gets_on_is_let_go_on_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(seconds=3.0)

    assert _arrives(_send_over(slow, monkeypatch), messages=100)
    assert 1 == slow.begun
    assert 300 <= slow.now < slow.settings["transaction_timeout_ms"] / 1000


def test_a_transaction_that_stands_still_is_begun_again_and_given_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(seconds=10.0)
    sending = _send_over(slow, monkeypatch)

    assert [False, False, True] == [_arrives(sending) for _ in range(3)]
    assert not _arrives(sending), "what arrived takes nothing for granted of the next"


@pytest.mark.parametrize("standing", [{"seconds": 60.0}, {"seconds": 0.0, "commit_seconds": 60.0}])
def test_a_transaction_that_neither_ends_nor_fails_is_given_up(
    monkeypatch: pytest.MonkeyPatch, standing: dict[str, float]
) -> None:
    slow = Slow(**standing)
    sending = _send_over(slow, monkeypatch)

    assert not _arrives(sending)
    assert 4 < slow.now < 5
    assert not any(_arrives(sending) for _ in range(4)), "never is it waited for without end"
    assert slow.now < 70


def test_a_transaction_that_is_committed_late_is_let_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _arrives(_send_over(Slow(seconds=0.35, commit_seconds=3.0), monkeypatch))


def test_a_message_that_neither_arrives_nor_fails_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(seconds=1000.0)

    assert not _arrives(_send_over(slow, monkeypatch, alone=False))
    assert 30 < slow.now < 31


def test_batches_that_arrive_one_after_the_other_get_on(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(seconds=2.0)
    sending = _send_over(slow, monkeypatch, alone=False)
    for mark in range(1, 10):
        sending.hand_over([Outgoing("t", b"k", b"v", [], 0)] * 10, mark)
        while not sending.wait(0.25, leave=1):
            pass

    assert 8 == sending.arrived
