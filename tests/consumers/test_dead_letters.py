"""A refused message is kept once with its reason, told of, and waits until a person has it tried again or skips it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from consumers.cloud_events import Outgoing
from consumers.dead_letters import DeadLetters, Decided, Gone, Kept, Original, Taking
from consumers.intake import DeadLetter, Intake
from ledger import Ledger
from ledger.settings import Settings
from ledger.sqlite_file import SQLiteDatabase
from ledger.store import StoreUnavailable
from tests.consumers.sending import LMS, TOPIC, Sent, assess, college, letters_in, submit

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DLT = f"{TOPIC}.dlt"


class Topic:
    """A topic of dead letters, which can be out of reach."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.reachable = True

    def publish(self, messages: Sequence[Outgoing]) -> None:
        if not self.reachable:
            raise ConnectionError("no broker")
        self.messages += messages

    @property
    def told_of(self) -> list[int]:
        return [msgspec.json.decode(one.value or b"")["offset"] for one in self.messages]


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[DeadLetters]:
    letters = letters_in(tmp_path)
    yield letters
    letters.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = college(tmp_path)
    yield ledger
    ledger.close()


def dead(offset: int = 0, message_id: str = "m1") -> DeadLetter:
    return DeadLetter(TOPIC, 3, offset, LMS, message_id, "invalid", "learner_ref is missing.")


def only(letters: DeadLetters) -> Kept:
    (letter,) = letters.list(["waiting", "retried", "skipped"])
    return letter


def test_a_letter_that_comes_again_is_kept_once(letters: DeadLetters) -> None:
    letters.keep([dead(), dead(1, "m2")], NOW)
    letters.keep([dead(), dead(1, "m2"), dead(2, "m3")], NOW)

    assert ["m1", "m2", "m3"] == [letter.message_id for letter in letters.list()]
    assert 3 == letters.waiting()


def test_a_letter_that_was_decided_stays_so_when_its_message_comes_again(letters: DeadLetters) -> None:
    letters.keep([dead()], NOW)
    letters.skip(only(letters), by="gail", because="A test message.", now=NOW)

    letters.keep([dead()], NOW)

    assert ("skipped", "gail", "A test message.", NOW) == (
        only(letters).state,
        only(letters).decided_by,
        only(letters).because,
        only(letters).decided_at,
    )


def test_another_message_at_the_same_place_waits_anew(letters: DeadLetters) -> None:
    letters.keep([dead()], NOW)
    letters.skip(only(letters), by="gail", because="A test message.", now=NOW)

    letters.keep([dead(message_id="other")], NOW)

    assert ("waiting", "other", None, None) == (
        only(letters).state,
        only(letters).message_id,
        only(letters).because,
        only(letters).published_us,
    )


def test_each_letter_is_told_of_once_without_what_was_in_it(letters: DeadLetters) -> None:
    topic = Topic()
    letters.keep([dead(), dead(1, "m2")], NOW)

    assert [2, 0] == [letters.publish(topic.publish, TOPIC, NOW, [3]) for _ in range(2)]
    letters.keep([dead(), dead(2, "m3")], NOW)
    assert 1 == letters.publish(topic.publish, TOPIC, NOW, [3])

    assert [0, 1, 2] == topic.told_of
    first = topic.messages[0]
    assert (DLT, f"{TOPIC}/3/0".encode()) == (first.topic, first.key)
    assert {
        "topic": TOPIC,
        "partition": 3,
        "offset": 0,
        "source": LMS,
        "id": "m1",
        "code": "invalid",
        "reason": "learner_ref is missing.",
    } == msgspec.json.decode(first.value or b"")


def test_a_message_that_is_no_fact_is_kept_but_told_of_nowhere(letters: DeadLetters) -> None:
    topic = Topic()
    for _ in range(2):
        letters.put("ledger.events.v1", 5, 17, "/ledger", "learner-lrn_1/3", "the key is not that of ce_subject")

    assert 0 == letters.publish(topic.publish, TOPIC, NOW, range(24))
    assert ("malformed", "waiting", 17) == (only(letters).code, only(letters).state, only(letters).offset)


def test_what_another_member_is_about_to_tell_is_left_to_it_unless_it_crashed(letters: DeadLetters) -> None:
    topic = Topic()
    letters.keep([dead()], NOW)

    assert 0 == letters.publish(topic.publish, TOPIC, NOW, [4, 5])
    assert 0 == letters.publish(topic.publish, TOPIC, NOW)
    assert 1 == letters.publish(topic.publish, TOPIC, NOW + timedelta(minutes=2))


def test_nothing_is_lost_while_the_topic_is_out_of_reach(ledger: Ledger, letters: DeadLetters) -> None:
    topic = Topic()
    taking = Taking(Intake(ledger, [LMS]), letters, topic.publish, TOPIC, lambda: NOW)
    topic.reachable = False
    batch = [submit(), assess("bad", assessor_ref="lea")]
    with pytest.raises(ConnectionError):
        taking.handle(batch)

    topic.reachable = True
    taking.begin()
    taking.handle(batch)

    assert [1] == topic.told_of
    assert "own-evidence" == only(letters).code


def test_tried_again_a_message_is_taken_when_what_it_lacked_is_there(ledger: Ledger, letters: DeadLetters) -> None:
    intake = Intake(ledger, [LMS])
    letters.keep(intake.handle([assess()]), NOW)

    refused = letters.retry(only(letters), standing(assess()), intake, by="gail", now=NOW)
    assert refused is not None
    assert ("waiting", refused.reason) == (only(letters).state, only(letters).reason)

    intake.handle([submit()])
    assert None is letters.retry(only(letters), standing(assess()), intake, by="gail", now=NOW)
    assert ("retried", "gail", 0) == (only(letters).state, only(letters).decided_by, letters.waiting())
    with pytest.raises(Decided, match="retried already"):
        letters.retry(only(letters), standing(assess()), intake, by="gail", now=NOW)


def test_what_is_on_the_topic_no_more_cannot_be_tried_again(ledger: Ledger, letters: DeadLetters) -> None:
    intake = Intake(ledger, [LMS])
    letters.keep(intake.handle([assess()]), NOW)

    with pytest.raises(Gone, match=f"ask {LMS} to send it again"):
        letters.retry(only(letters), lambda *_: None, intake, by="gail", now=NOW)
    with pytest.raises(Gone, match="made anew"):
        letters.retry(only(letters), standing(assess("other")), intake, by="gail", now=NOW)
    assert 1 == letters.waiting()


def test_a_letter_is_decided_once(letters: DeadLetters) -> None:
    letters.keep([dead()], NOW)
    letter = only(letters)
    letters.skip(letter, by="gail", because="Twice.", now=NOW)

    with pytest.raises(Decided):
        letters.skip(letter, by="hugo", because="Mine.", now=NOW)
    assert "gail" == only(letters).decided_by


def test_letters_are_listed_page_by_page(letters: DeadLetters) -> None:
    letters.keep([dead(number, f"m{number}") for number in range(5)], NOW)
    first = letters.list(limit=2)

    assert ["m2", "m3"] == [letter.message_id for letter in letters.list(after=first[-1].id, limit=2)]
    assert [] == letters.list(["skipped"])
    assert None is letters.get(99)


def test_an_embedded_ledger_without_kafka_has_none(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")

    assert None is DeadLetters.of_ledger(settings)
    assert [] == list(tmp_path.iterdir())


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    letters = DeadLetters(SQLiteDatabase(tmp_path / "x.db", ()))
    letters.close()

    with pytest.raises(StoreUnavailable):
        letters.keep([dead()], NOW)


def standing(sent: Sent) -> Original:
    return lambda *_: sent
