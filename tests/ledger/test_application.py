"""The front door: what is acknowledged stands, once; what is refused leaves no trace; nobody is lost to another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from time import sleep

import pytest

from ledger import Ledger, Receipt, Refused
from ledger.errors import AlreadyRecorded, Erased, Invalid, KeyReused, RecordConflict, Stale
from ledger.event import Recorded
from ledger.events import EvidenceWithdrawn
from ledger.keys import reveal_fact
from ledger.learners.commands import RegisterLearner
from ledger.private import Private
from ledger.settings import Settings, UnusableSettings
from ledger.store import StoreUnavailable
from tests.examples import START
from tests.ledger.knocking import ANA, BEN, Arrive, Knock, door

LEE, KIM = "lrn_lee", "lrn_kim"
LEES = f"learner-{LEE}"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = door(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def other(ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """Another process's view of the same files, but for the process."""
    other = door(tmp_path)
    yield other
    other.close()


def knocks(ledger: Ledger, learner: str = LEE) -> list[str]:
    """Return the ids of a learner's knocks as the log has them."""
    return [str(getattr(recorded.fact, "evidence_id", None)) for recorded in ledger.facts(f"learner-{learner}")]


# Receipts


def test_a_receipt_says_where_the_facts_stand(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=KIM), actor=ANA)

    assert Receipt(stream=LEES, version=1, position=2, recorded=(2,)) == ledger.execute(
        Knock(learner_id=LEE), actor=ANA
    )
    assert Receipt(stream=LEES, version=2, position=3, recorded=(3,)) == ledger.execute(
        Knock(learner_id=LEE), actor=ANA
    )


def test_where_nothing_is_new_the_receipt_says_where_the_record_stands(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE), actor=ANA)
    ledger.execute(Knock(learner_id=KIM), actor=ANA)

    assert Receipt(stream=LEES, version=1, position=1) == ledger.execute(Knock(learner_id=LEE, enough=1), actor=ANA)


def test_facts_carry_who_asked_and_in_the_course_of_what(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE), actor=ANA, correlation="r", causation="c", trace="00-t")

    (recorded,) = ledger.log(0, 10)
    assert (ANA, "r", "c", "00-t") == (recorded.actor, recorded.correlation, recorded.causation, recorded.trace)


def test_a_refused_command_leaves_no_trace(ledger: Ledger) -> None:
    words = Private(plain="Let me in")

    with pytest.raises(AlreadyRecorded):
        ledger.execute(Knock(learner_id=LEE, at_most=0, reason=words), actor=ANA, key="k")
    with pytest.raises(AlreadyRecorded):
        ledger.execute(Knock(learner_id=LEE, at_most=0, reason=words), actor=ANA, key="k")
    assert (0, None, False) == (ledger.store.head(), ledger.store.receipt(ANA.id, "k"), ledger.keys.has(LEE))


@pytest.mark.parametrize("learner", ["", "\ud800", "a\nb", "x" * 201, "\x00"])
def test_what_can_name_nobody_is_refused(ledger: Ledger, learner: str) -> None:
    with pytest.raises(Invalid):
        ledger.execute(Knock(learner_id=learner), actor=ANA)
    (answer,) = ledger.execute_many([Knock(learner_id=learner)], actor=ANA)
    assert isinstance(answer, Invalid)


@pytest.mark.parametrize("key", [None, "k"])
def test_text_that_is_no_unicode_is_refused(ledger: Ledger, key: str | None) -> None:
    for command in (Knock(learner_id=LEE, reason=Private(plain="\ud800")), Knock(learner_id=LEE, evidence_id="\ud800")):
        with pytest.raises(Invalid):
            ledger.execute(command, actor=ANA, key=key)
    assert 0 == ledger.store.head()


# Idempotency


def test_repeated_under_its_key_a_command_records_nothing_and_answers_as_the_first_time(ledger: Ledger) -> None:
    first = ledger.execute(Knock(learner_id=LEE), actor=ANA, key="k")
    ledger.execute(Knock(learner_id=LEE), actor=ANA)

    again = ledger.execute(Knock(learner_id=LEE), actor=ANA, key="k")
    assert (1, 1, (1,), True) == (again.version, again.position, again.recorded, again.repeated)
    assert not first.repeated
    assert 2 == ledger.store.head()


def test_a_command_is_repeated_even_where_it_would_be_refused_by_now(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE, at_most=1), actor=ANA, key="k", expect=0)

    assert ledger.execute(Knock(learner_id=LEE, at_most=1), actor=ANA, key="k", expect=0).repeated
    with pytest.raises(AlreadyRecorded):
        ledger.execute(Knock(learner_id=LEE, at_most=1), actor=ANA, key="l")


def test_a_command_that_recorded_nothing_new_is_repeated_too(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE), actor=ANA)
    ledger.execute(Knock(learner_id=LEE, enough=1), actor=ANA, key="k")
    ledger.execute(Knock(learner_id=LEE), actor=ANA)

    again = ledger.execute(Knock(learner_id=LEE, enough=1), actor=ANA, key="k")
    assert (1, 1, (), True) == (again.version, again.position, again.recorded, again.repeated)


def test_a_key_names_one_request_of_one_principal(ledger: Ledger) -> None:
    ledger.execute(Knock(learner_id=LEE, reason=Private(plain="one")), actor=ANA, key="k")

    for request in (Knock(learner_id=LEE, reason=Private(plain="two")), Knock(learner_id=KIM), Arrive(person_id=LEE)):
        with pytest.raises(KeyReused):
            ledger.execute(request, actor=ANA, key="k")
    assert not ledger.execute(Knock(learner_id=LEE), actor=BEN, key="k").repeated
    assert 2 == ledger.store.head()


def test_a_refused_command_may_be_sent_again_under_its_key(ledger: Ledger) -> None:
    with pytest.raises(Stale):
        ledger.execute(Knock(learner_id=KIM), actor=ANA, key="k", expect=-1)

    assert not ledger.execute(Knock(learner_id=KIM), actor=ANA, key="k").repeated


def test_the_same_request_sent_by_many_at_once_is_carried_out_once(ledger: Ledger, other: Ledger) -> None:
    def send(door: Ledger) -> Receipt:
        return door.execute(Knock(learner_id=LEE), actor=ANA, key="k")

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(send, [ledger, other] * 8))

    assert [False] + [True] * 15 == sorted(receipt.repeated for receipt in receipts)
    assert {(1, (1,))} == {(receipt.position, receipt.recorded) for receipt in receipts}
    assert 1 == ledger.store.head()


# Crashes

_KNOCKER = """
import sys
from pathlib import Path
from tests.ledger.knocking import *
ledger = door(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10**6):
    learner = f"lrn_{number % 3}_{number // 40}"
    command = Knock(learner_id=learner, evidence_id=f"knock_{number}", reason=Private(plain="Let me in"))
    print(number, ledger.execute(command, actor=ANA, key=str(number)).position, flush=True)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_any_instant_nothing_acknowledged_is_lost_and_nothing_doubled(tmp_path: Path, kills: int) -> None:
    random = Random(kills)
    acknowledged: dict[int, int] = {}
    for _ in range(kills):
        command = [sys.executable, "-c", _KNOCKER, str(tmp_path), str(max(0, len(acknowledged) - 3))]
        root = Path(__file__).parents[2]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as knocker:
            assert knocker.stdout is not None
            said = [knocker.stdout.readline()]
            sleep(random.random() * 0.05)
            knocker.kill()
            said += knocker.stdout.readlines()
        for number, position in (map(int, line.split()) for line in said if line.endswith("\n")):
            assert acknowledged.setdefault(number, position) == position

    ledger = door(tmp_path)
    log = ledger.log(0, 10**6)
    standing = {str(getattr(recorded.fact, "evidence_id", None)): recorded.position for recorded in log}
    assert len(log) == len(standing)
    assert {f"knock_{number}": position for number, position in acknowledged.items()}.items() <= standing.items()
    assert len(standing) - len(acknowledged) in {0, 1}
    assert {"Let me in"} == {str(reveal_fact(ledger.keys, fact.subject, fact.fact)["reason"]) for fact in log}
    for number, position in acknowledged.items():
        learner = f"lrn_{number % 3}_{number // 40}"
        command_again = Knock(learner_id=learner, evidence_id=f"knock_{number}", reason=Private(plain="Let me in"))
        assert position == ledger.execute(command_again, actor=ANA, key=str(number)).position
    assert len(log) == ledger.store.head()
    ledger.close()


def test_a_key_or_an_account_left_behind_by_a_crash_is_taken_up_again(ledger: Ledger) -> None:
    (learner,) = ledger.identities.register("learner", ["4711"]).values()
    ledger.keys.ensure([learner])
    sealed = ledger.keys.seal(learner, "a", "text")

    assert {"4711": learner} == ledger.identities.register("learner", ["4711"])
    assert (1,) == ledger.execute(RegisterLearner(learner_id=learner), actor=ANA).recorded
    assert () == ledger.execute(RegisterLearner(learner_id=learner), actor=ANA).recorded
    assert sealed == ledger.keys.seal(learner, "a", "text")


def test_a_learners_key_is_durable_before_the_first_fact(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger.store, "append", crash)
    with pytest.raises(KeyboardInterrupt):
        ledger.execute(Knock(learner_id=LEE), actor=ANA)
    with pytest.raises(KeyboardInterrupt):
        ledger.execute_many([RegisterLearner(learner_id=KIM)], actor=ANA)
    assert (True, True) == (ledger.keys.has(LEE), ledger.keys.has(KIM))


# Others


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


# Definitions and people


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


# Time


def test_the_ledgers_time_never_runs_backwards(tmp_path: Path) -> None:
    times = iter([START + timedelta(hours=hours) for hours in (1, 5, 2, 2, 9)])
    ledger = door(tmp_path, clock=lambda: next(times))
    for _ in range(3):
        ledger.execute(Knock(learner_id=LEE), actor=ANA)
    ledger.close()

    ledger = door(tmp_path, clock=lambda: next(times))
    for _ in range(2):
        ledger.execute(Knock(learner_id=LEE), actor=ANA)

    log = ledger.log(0, 10)
    assert [1, 5, 5, 5, 9] == [(recorded.recorded_at - START).seconds // 3600 for recorded in log]
    assert [recorded.recorded_at for recorded in log] == [recorded.fact.effective_at for recorded in log]
    ledger.close()


# Many at once


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


# People's words


def test_words_are_sealed_on_disk_and_the_same_words_seal_the_same(ledger: Ledger, tmp_path: Path) -> None:
    command = Knock(learner_id=LEE, reason=Private(plain="Let me in"), evidence_id="k")
    ledger.execute(command, actor=ANA)
    ledger.execute(command, actor=ANA, key="again")

    first, second = ledger.facts(LEES)
    assert _sealed(first) == _sealed(second)
    assert b"Let me in" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_nothing_is_added_to_the_words_of_an_erased_learner(ledger: Ledger, tmp_path: Path) -> None:
    ledger.execute(Knock(learner_id=LEE, reason=Private(plain="one")), actor=ANA)
    ledger.keys._write("UPDATE data_keys SET wrapped = NULL WHERE learner = ? OR learner = ?", [(LEE, b"")])
    again = door(tmp_path)

    with pytest.raises(Erased):
        again.execute(Knock(learner_id=LEE, reason=Private(plain="two")), actor=ANA)
    (answer,) = again.execute_many([Knock(learner_id=LEE, reason=Private(plain="two"))], actor=ANA)
    assert isinstance(answer, Erased)
    again.close()


# Opening


def test_a_ledger_is_made_once_and_opened_ever_after(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "new" / "ledger.db")
    with pytest.raises(StoreUnavailable, match="ledger init"):
        Ledger.open(settings)
    assert [] == list(tmp_path.iterdir())

    for create in (True, True, False):
        ledger = Ledger.open(settings, create=create)
        ledger.execute(RegisterLearner(learner_id=LEE), actor=ANA)
        assert 1 == ledger.store.head()
        ledger.close()


@pytest.mark.parametrize("lost", ["keys", "identities", "kek_file"])
def test_a_ledger_that_lost_its_keys_or_accounts_does_not_make_new_ones(tmp_path: Path, lost: str) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    Ledger.open(settings, create=True).close()
    getattr(settings, lost).unlink()

    for create in (True, False):
        with pytest.raises((StoreUnavailable, UnusableSettings)):
            Ledger.open(settings, create=create)


def test_making_a_ledger_that_was_broken_off_is_done_again(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    settings.key_encryption_key(create=True)
    settings.database.touch()

    Ledger.open(settings, create=True).close()
    Ledger.open(settings).close()


def _place(answer: Receipt | Refused) -> tuple[int, tuple[int, ...]]:
    assert isinstance(answer, Receipt), answer
    return answer.version, answer.recorded


def _evidence_id(recorded: Recorded) -> str:
    assert isinstance(recorded.fact, EvidenceWithdrawn)
    return recorded.fact.evidence_id


def _withdrawn_by(recorded: Recorded) -> str:
    assert isinstance(recorded.fact, EvidenceWithdrawn)
    return recorded.fact.withdrawn_by


def _sealed(recorded: Recorded) -> Private | None:
    assert isinstance(recorded.fact, EvidenceWithdrawn)
    return recorded.fact.reason
