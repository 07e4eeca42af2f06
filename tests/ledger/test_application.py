"""The front door: what is acknowledged stands, once; what is refused leaves no trace; time never runs backwards."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from time import sleep

import pytest

from ledger import Ledger, Receipt
from ledger.errors import AlreadyRecorded, Erased, Invalid, KeyReused, Stale
from ledger.event import Recorded
from ledger.events import EvidenceWithdrawn
from ledger.identities import Identities
from ledger.keys import reveal_fact
from ledger.learners.commands import RegisterLearner
from ledger.private import Private
from ledger.settings import Settings, UnusableSettings
from ledger.store import StoreUnavailable
from tests.examples import START
from tests.ledger.knocking import ANA, BEN, Arrive, Knock, door

LEE, KIM = "lrn_lee", "lrn_kim"
LEES = f"learner-{LEE}"


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
    door(tmp_path).close()
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


def test_words_are_sealed_on_disk_and_the_same_words_seal_the_same(ledger: Ledger, tmp_path: Path) -> None:
    command = Knock(learner_id=LEE, reason=Private(plain="Let me in"), evidence_id="k")
    ledger.execute(command, actor=ANA)
    ledger.execute(command, actor=ANA, key="again")

    first, second = ledger.facts(LEES)
    assert _sealed(first) == _sealed(second)
    assert b"Let me in" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_nothing_is_added_to_the_words_of_an_erased_learner(ledger: Ledger, tmp_path: Path) -> None:
    ledger.execute(Knock(learner_id=LEE, reason=Private(plain="one")), actor=ANA)
    ledger.keys._write("UPDATE data_keys SET wrapped = NULL WHERE learner = ? AND wrapped <> ?", [(LEE, b"")])
    again = door(tmp_path)

    with pytest.raises(Erased):
        again.execute(Knock(learner_id=LEE, reason=Private(plain="two")), actor=ANA)
    (answer,) = again.execute_many([Knock(learner_id=LEE, reason=Private(plain="two"))], actor=ANA)
    assert isinstance(answer, Erased)
    again.close()


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
    settings.file.touch()

    Ledger.open(settings, create=True).close()
    Ledger.open(settings).close()


def _sealed(recorded: Recorded) -> Private | None:
    assert isinstance(recorded.fact, EvidenceWithdrawn)
    return recorded.fact.reason


def test_a_ledger_does_not_begin_a_new_log_beside_the_keys_of_a_lost_one(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    ledger = Ledger.open(settings, create=True)
    ledger.execute(RegisterLearner(learner_id=LEE), actor=ANA)
    ledger.close()
    for lost in tmp_path.glob("ledger.db*"):
        lost.unlink()

    with pytest.raises(StoreUnavailable):
        Ledger.open(settings, create=True)
    assert not settings.file.exists()


def test_accounts_restored_from_before_the_newest_facts_are_refused(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    ledger = Ledger.open(settings, create=True)
    account = ledger.identities.register("learner", ["S-001"])["S-001"]
    ledger.execute(RegisterLearner(learner_id=account), actor=ANA)
    ledger.close()
    settings.identities.unlink()
    Identities.in_file(settings.identities).close()

    with pytest.raises(StoreUnavailable):
        Ledger.open(settings)
