"""Many writers, many commands: nobody is lost to another, and each decision sees what the one before it led to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import Ledger, Receipt, Refused
from ledger.errors import AlreadyRecorded, RecordConflict, Stale
from ledger.event import Recorded
from ledger.events import EvidenceWithdrawn
from ledger.keys import reveal_fact
from ledger.learners.commands import RegisterLearner
from ledger.private import Private
from ledger.store import StoreUnavailable
from tests.ledger.knocking import ANA, BEN, Arrive, Knock

LEE, KIM = "lrn_lee", "lrn_kim"
LEES = f"learner-{LEE}"


def knocks(ledger: Ledger, learner: str = LEE) -> list[str]:
    """Return the ids of a learner's knocks as the log has them."""
    return [str(getattr(recorded.fact, "evidence_id", None)) for recorded in ledger.facts(f"learner-{learner}")]


def test_writers_on_one_learner_lose_and_double_nothing(ledger: Ledger, other: Ledger) -> None:
    def knock(number: int) -> Receipt:
        return (ledger, other)[number % 2].execute(Knock(learner_id=LEE, evidence_id=f"k{number}"), actor=ANA)

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(knock, range(100)))

    assert list(range(1, 101)) == sorted(receipt.version for receipt in receipts)
    assert sorted(f"k{number}" for number in range(100)) == sorted(knocks(ledger))
    assert {receipt.position: f"k{number}" for number, receipt in enumerate(receipts)} == {
        recorded.position: _evidence_id(recorded) for recorded in ledger.log(0, 1000)
    }


def test_a_limit_holds_whoever_comes_at_once(ledger: Ledger, other: Ledger) -> None:
    def knock(number: int) -> bool:
        try:
            (ledger, other)[number % 2].execute(Knock(learner_id=LEE, at_most=7), actor=ANA)
        except AlreadyRecorded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert 7 == sum(pool.map(knock, range(40)))
    assert 7 == ledger.store.head()


def test_batches_and_single_commands_on_the_same_learners_lose_nothing(ledger: Ledger, other: Ledger) -> None:
    learners = [f"lrn_{number}" for number in range(10)]

    def batch(_: int) -> int:
        answers = ledger.execute_many([Knock(learner_id=learner) for learner in learners], actor=ANA)
        return sum(isinstance(answer, Receipt) for answer in answers)

    def single(number: int) -> int:
        other.execute(Knock(learner_id=learners[number % 10]), actor=BEN)
        return 1

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(batch, n) for n in range(12)] + [pool.submit(single, n) for n in range(60)]
        total = sum(job.result() for job in jobs)
    assert 180 == total == ledger.store.head()


def test_a_refusal_rests_on_what_stands_now_whoever_wrote_it(ledger: Ledger, other: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE), actor=ANA)
    other.execute(Knock(learner_id=LEE), actor=ANA)

    assert Receipt(stream=LEES, version=2, position=2) == ledger.execute(Knock(learner_id=LEE, enough=1), actor=ANA)
    other.execute(Knock(learner_id=LEE), actor=ANA)
    with pytest.raises(Stale):
        ledger.execute(Knock(learner_id=LEE), actor=ANA, expect=2)


def test_who_saw_an_older_record_is_told_so(ledger: Ledger, other: Ledger) -> None:
    seen = ledger.execute(Knock(learner_id=LEE), actor=ANA).position
    other.execute(Knock(learner_id=KIM), actor=ANA)

    assert 2 == ledger.execute(Knock(learner_id=LEE), actor=ANA, expect=seen).version
    with pytest.raises(Stale):
        other.execute(Knock(learner_id=LEE), actor=ANA, expect=seen)


def test_where_others_never_stop_a_command_gives_up(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.store, "append", lambda appends, **_: [None] * len(appends))

    with pytest.raises(RecordConflict):
        ledger.execute(Knock(learner_id=LEE), actor=ANA)
    (answer,) = ledger.execute_many([Knock(learner_id=LEE)], actor=ANA)
    assert isinstance(answer, RecordConflict)


def test_a_decision_is_made_again_where_definitions_moved_before_it_was_written(
    ledger: Ledger, other: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, arrivals = ledger.store.append, ["per_1", "per_2"]

    def come_between(*args: object, **kwargs: object) -> object:
        if arrivals:
            other.execute(Arrive(person_id=arrivals.pop()), actor=BEN)
        return append(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger.store, "append", come_between)
    ledger.execute(Knock(learner_id=LEE), actor=ANA)
    arrivals.extend(["per_3", "per_4"])
    ledger.execute_many([Knock(learner_id=KIM)], actor=ANA)

    assert ["per_ana of 2", "per_ana of 4"] == [
        recorded.fact.withdrawn_by for recorded in ledger.log(0, 10) if isinstance(recorded.fact, EvidenceWithdrawn)
    ]


def test_one_decision_sees_what_the_one_before_it_defined(ledger: Ledger) -> None:
    for command in (Arrive(person_id="per_1"), Knock(learner_id=LEE), Arrive(person_id="per_2"), Knock(learner_id=LEE)):
        ledger.execute(command, actor=ANA)

    assert [1, 2] == [int(_withdrawn_by(recorded)[-1]) for recorded in ledger.facts(LEES)]


def test_the_catalogue_is_known_as_of_any_position(ledger: Ledger, other: Ledger) -> None:
    other.execute(Arrive(person_id="per_1"), actor=ANA)
    other.execute(Knock(learner_id=LEE), actor=ANA)
    other.execute(Arrive(person_id="per_2"), actor=ANA)

    assert ({"per_1", "per_2"}, 3) == (set(ledger.catalogue().people), ledger.catalogue().position)
    assert [set(), {"per_1"}, {"per_1"}, {"per_1", "per_2"}, {"per_1", "per_2"}] == [
        set(ledger.catalogue_at(position).people) for position in range(5)
    ]


def test_many_commands_are_decided_one_after_another_and_recorded_in_one_transaction(ledger: Ledger) -> None:
    answers = ledger.execute_many(
        [Knock(learner_id=LEE), Knock(learner_id=KIM), Knock(learner_id=LEE, at_most=1), Knock(learner_id=LEE)],
        actor=ANA,
        correlation="batch",
    )

    assert (1, (1,)) == _place(answers[0])
    assert (1, (2,)) == _place(answers[1])
    assert isinstance(answers[2], AlreadyRecorded)
    assert (2, (3,)) == _place(answers[3])
    assert 1 == len({recorded.recorded_at for recorded in ledger.log(0, 10)})
    assert {"batch"} == {recorded.correlation for recorded in ledger.log(0, 10)}


def test_of_many_what_is_nothing_new_says_where_the_record_stands(ledger: Ledger) -> None:
    answers = ledger.execute_many(
        [Knock(learner_id=LEE, enough=1), Knock(learner_id=KIM), Knock(learner_id=LEE, enough=1)], actor=ANA
    )

    assert Receipt(stream=LEES, version=1, position=1) == answers[2]
    assert [Receipt(stream=LEES, version=1, position=1)] == ledger.execute_many(
        [Knock(learner_id=LEE, enough=1)], actor=ANA
    )
    assert [] == ledger.execute_many([], actor=ANA)


def test_of_many_each_sees_what_those_before_it_defined(ledger: Ledger) -> None:
    answers = ledger.execute_many(
        [
            Arrive(person_id="per_1"),
            Arrive(person_id="per_1"),
            Knock(learner_id=LEE),
            Arrive(person_id="per_2"),
            Knock(learner_id=LEE),
        ],
        actor=ANA,
    )

    assert [(1,), (), (2,), (3,), (4,)] == [_place(answer)[1] for answer in answers]
    assert [1, 2] == [int(_withdrawn_by(recorded)[-1]) for recorded in ledger.facts(LEES)]


def test_many_new_learners_and_their_words_come_in_at_once(ledger: Ledger) -> None:
    learners = [f"lrn_{number}" for number in range(300)]
    commands = [
        command
        for learner in learners
        for command in (
            RegisterLearner(learner_id=learner),
            Knock(learner_id=learner, evidence_id="k", reason=Private(plain=learner)),
        )
    ]

    assert [1, 2] * 300 == [_place(answer)[0] for answer in ledger.execute_many(commands, actor=ANA)]
    assert learners == [
        reveal_fact(ledger.keys, recorded.subject, recorded.fact)["reason"]
        for recorded in ledger.log(0, 1000)
        if isinstance(recorded.fact, EvidenceWithdrawn)
    ]


def test_of_many_those_of_a_learner_that_moved_are_decided_again(
    ledger: Ledger, other: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.execute(Knock(learner_id=LEE), actor=ANA)
    append, between = ledger.store.append, [Knock(learner_id=LEE)]

    def come_between(*args: object, **kwargs: object) -> object:
        while between:
            other.execute(between.pop(), actor=BEN)
        return append(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger.store, "append", come_between)
    answers = ledger.execute_many(
        [Knock(learner_id=LEE, enough=9), Knock(learner_id=KIM), Knock(learner_id=LEE, at_most=3)], actor=ANA
    )

    assert [(3, (4,)), (1, (3,))] == [_place(answer) for answer in answers[:2]]
    assert isinstance(answers[2], AlreadyRecorded)
    assert 4 == ledger.store.head()


def test_many_on_a_store_that_fails_record_nothing(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE), actor=ANA)
    ledger.store.close()

    with pytest.raises(StoreUnavailable):
        ledger.execute_many([Knock(learner_id=LEE)], actor=ANA)


def _place(answer: Receipt | Refused) -> tuple[int, tuple[int, ...]]:
    assert isinstance(answer, Receipt), answer
    return answer.version, answer.recorded


def _evidence_id(recorded: Recorded) -> str:
    assert isinstance(recorded.fact, EvidenceWithdrawn)
    return recorded.fact.evidence_id


def _withdrawn_by(recorded: Recorded) -> str:
    assert isinstance(recorded.fact, EvidenceWithdrawn)
    return recorded.fact.withdrawn_by
