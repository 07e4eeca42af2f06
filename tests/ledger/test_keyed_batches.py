"""Many commands, each under an idempotency key: carried out once, whoever sends them again and however often."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Ledger, Receipt, Refused
from ledger.application import Keyed
from ledger.errors import AlreadyRecorded, Invalid, KeyReused
from tests.ledger.knocking import ANA, BEN, Knock, door

LEE, KIM = "lrn_lee", "lrn_kim"


def send(ledger: Ledger, *knocks: tuple[str, str, str], at_most: int | None = None) -> list[Receipt | Refused]:
    """Send knocks of (learner, key, body) in one call."""
    commands = [Knock(learner_id=learner, evidence_id=body, at_most=at_most) for learner, _, body in knocks]
    return ledger.execute_many(commands, actor=ANA, keyed=[Keyed(key, body.encode()) for _, key, body in knocks])


def names(answers: Sequence[Receipt | Refused]) -> list[str]:
    return [
        type(answer).__name__ if isinstance(answer, Refused) else ("repeated" if answer.repeated else "recorded")
        for answer in answers
    ]


def test_sent_again_a_batch_records_nothing_and_is_answered_as_the_first_time(ledger: Ledger) -> None:
    knocks = [(LEE, "one", "a"), (KIM, "two", "b"), (LEE, "three", "c")]
    first = send(ledger, *knocks)

    again = send(ledger, *knocks)

    assert ["recorded"] * 3 == names(first)
    assert ["repeated"] * 3 == names(again)
    assert [_place(one) for one in first] == [_place(one) for one in again]
    assert 3 == ledger.store.head()


def test_a_key_may_stand_twice_in_one_batch(ledger: Ledger) -> None:
    answers = send(ledger, (LEE, "one", "a"), (LEE, "one", "a"), (LEE, "two", "b"), (KIM, "one", "a"))

    assert ["recorded", "repeated", "recorded", "repeated"] == names(answers)
    assert 2 == ledger.store.head()


def test_a_key_used_for_another_request_is_refused_and_leaves_the_rest(ledger: Ledger) -> None:
    send(ledger, (LEE, "one", "a"))

    answers = send(ledger, (LEE, "one", "other"), (LEE, "two", "b"), (KIM, "three", "c"), (KIM, "three", "d"))

    assert ["KeyReused", "recorded", "recorded", "KeyReused"] == names(answers)
    assert isinstance(answers[0], KeyReused)


def test_what_was_carried_out_is_repeated_even_where_it_would_be_refused_by_now(ledger: Ledger) -> None:
    send(ledger, (LEE, "one", "a"), at_most=1)

    answers = send(ledger, (LEE, "one", "a"), (LEE, "two", "b"), at_most=1)

    assert ["repeated", "AlreadyRecorded"] == names(answers)


def test_a_refused_one_keeps_no_receipt(ledger: Ledger) -> None:
    answers = send(ledger, (LEE, "one", "a"), at_most=0)

    assert isinstance(answers[0], AlreadyRecorded)
    assert ["recorded"] == names(send(ledger, (LEE, "one", "a")))


def test_nothing_new_is_repeated_too_and_says_where_the_record_stood(ledger: Ledger) -> None:
    commands = [Knock(learner_id=LEE), Knock(learner_id=LEE, enough=1)]
    keyed = [Keyed("one", b"a"), Keyed("two", b"b")]
    first = ledger.execute_many(commands, actor=ANA, keyed=keyed)
    ledger.execute(Knock(learner_id=LEE), actor=BEN)

    again = ledger.execute_many(commands, actor=ANA, keyed=keyed)

    assert [(1, 1, (1,)), (1, 1, ())] == [_place(one) for one in first]
    assert [_place(one) for one in first] == [_place(one) for one in again]
    assert 2 == ledger.store.head()


def test_what_can_name_nobody_is_refused_under_a_key_as_well(ledger: Ledger) -> None:
    (bad, good) = send(ledger, ("", "one", "a"), (LEE, "two", "b"))

    assert isinstance(bad, Invalid)
    assert isinstance(good, Receipt)


def test_single_commands_and_batches_share_their_keys(ledger: Ledger) -> None:
    send(ledger, (LEE, "one", "a"))

    with pytest.raises(KeyReused):
        ledger.execute(Knock(learner_id=LEE, evidence_id="a"), actor=ANA, key="one")
    assert isinstance(ledger.execute(Knock(learner_id=LEE), actor=BEN, key="one"), Receipt)


def test_batches_sent_by_many_at_once_are_carried_out_once(ledger: Ledger, other: Ledger) -> None:
    knocks = [(f"lrn_{number % 5}", f"key{number}", f"k{number}") for number in range(40)]

    with ThreadPoolExecutor(6) as pool:
        sent = list(pool.map(lambda n: send((ledger, other)[n % 2], *knocks[n % 7 :], *knocks[: n % 7]), range(12)))

    assert 40 == ledger.store.head()
    assert 40 == sum(names(answers).count("recorded") for answers in sent)
    assert 12 * 40 == sum(isinstance(answer, Receipt) for answers in sent for answer in answers)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([LEE, KIM]), st.sampled_from("abcdef"), st.sampled_from("xy")), max_size=8),
        max_size=5,
    )
)
def test_batches_answer_as_single_commands_would(batches: list[list[tuple[str, str, str]]]) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        many, single = door(Path(one)), door(Path(other))
        for batch in batches:
            expected = [answer for knock in batch for answer in send(single, knock)]
            assert names(expected) == names(send(many, *batch))
        assert sorted(_bodies(single)) == sorted(_bodies(many))
        many.close()
        single.close()


def _bodies(ledger: Ledger) -> list[tuple[str, str]]:
    return [(recorded.stream, str(getattr(recorded.fact, "evidence_id", ""))) for recorded in ledger.log(0, 1000)]


def _place(answer: Receipt | Refused) -> tuple[int, int, tuple[int, ...]]:
    assert isinstance(answer, Receipt)
    return answer.version, answer.position, answer.recorded
