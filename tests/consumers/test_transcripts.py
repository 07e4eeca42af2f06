"""What each learner holds, on a compacted topic; and a stranger who works it out from the published documents."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.positions import Positions
from consumers.producing import NotSent
from consumers.relay import Publish, Relay, facts
from consumers.topics import Topics
from consumers.transcripts import NAME, transcript, transcripts
from consumers.turn import AlwaysMine
from ledger.learners import commands as c
from ledger.store import Append, NewFact, Stored
from tests import examples as ex
from tests.consumers import outsider
from tests.consumers.messages import messages
from tests.house.generated import DOCS
from tests.house.schema_files import TRANSCRIPT
from tests.projections.college import WHY, College, live_through
from tests.servers.kafka import Broker

Make = Callable[[str, Publish], Relay]


@pytest.fixture
def relay(college: College, positions: Positions, kafka: Broker) -> Iterator[Make]:
    made: list[Relay] = []

    def make(name: str, publish: Publish) -> Relay:
        states = name == NAME
        made.append(Relay(name, college.ledger.store, positions, kafka.bootstrap, AlwaysMine(), publish, states=states))
        return made[-1]

    yield make
    for relay in made:
        relay.close()


def _published(kafka: Broker, topics: Topics) -> dict[str, Any]:
    """Return the newest value of each key; None where that is a tombstone."""
    newest = {message.key.decode(): message.value for message in messages(kafka.bootstrap, topics.transcripts)}
    return {key: None if value is None else json.loads(value) for key, value in newest.items()}


def _transcript(college: College, learner_id: str) -> Any:
    found = transcript(college.ledger.store.read(f"learner-{learner_id}"))
    return None if found is None else json.loads(found)


def test_a_transcript_tells_awards_by_id_and_what_became_of_them(college: College) -> None:
    college.earn("lrn_lee", ex.MIG)
    award = next(iter(college.ledger.record("lrn_lee").awards))
    college.do(c.SuspendAward(learner_id="lrn_lee", award_id=award, by=ex.REGISTRAR, reason=WHY))

    told = _transcript(college, "lrn_lee")

    assert {"learner": "lrn_lee", "position": college.ledger.store.head()} == {
        name: told[name] for name in ("learner", "position")
    }
    assert [(award, ex.MIG, "suspended")] == [
        (one["award"], one["achievement"], one["status"]) for one in told["awards"]
    ]


def test_the_newest_message_of_a_learner_is_what_they_hold(
    college: College, relay: Make, kafka: Broker, topics: Topics
) -> None:
    publishing = relay("transcripts", transcripts(college.ledger.store, topics.transcripts))
    for achievement in (ex.MIG, "arc"):
        college.earn("lrn_lee", achievement)
        college.earn("lrn_mo", achievement)
        publishing.catch_up()

    assert {learner: _transcript(college, learner) for learner in ("lrn_lee", "lrn_mo")} == _published(kafka, topics)


def test_a_learner_who_was_erased_has_a_tombstone(college: College, relay: Make, kafka: Broker, topics: Topics) -> None:
    """No command erases yet; the fact is known by its name."""
    publishing = relay("transcripts", transcripts(college.ledger.store, topics.transcripts))
    college.earn("lrn_lee", ex.MIG)
    publishing.catch_up()
    version = len(college.ledger.store.read("learner-lrn_lee"))
    erased = NewFact("learner.erased.v1", b"{}")
    college.ledger.store.append([Append("learner-lrn_lee", version, (erased,))], now=college.now)
    publishing.catch_up()

    assert {"lrn_lee": None} == _published(kafka, topics)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 6, 8])
def test_a_stranger_with_the_documents_alone_comes_to_the_same_transcripts(
    college: College, relay: Make, kafka: Broker, topics: Topics, seed: int
) -> None:
    live_through(college, seed, 250)
    relay("relay", facts(topics)).catch_up()
    relay("transcripts", transcripts(college.ledger.store, topics.transcripts)).catch_up()

    program = [sys.executable, outsider.__file__, kafka.bootstrap, str(DOCS / "schemas")]
    found = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True, cwd="/").stdout

    learners = ("lrn_lee", "lrn_mo", "lrn_nia")
    assert {learner: _transcript(college, learner) for learner in learners} == json.loads(found)
    assert json.loads(found) == _published(kafka, topics)


def test_the_stranger_knows_nothing_of_our_code() -> None:
    source = Path(outsider.__file__).read_text("utf-8")

    assert not [word for word in ("ledger", "projections", "consumers", "api") if f"from {word}" in source]
    assert "learner.transcript.v1" == TRANSCRIPT


@pytest.mark.slow
def test_a_relay_that_was_frozen_brings_back_nothing_older(
    college: College, kafka: Broker, topics: Topics, relay: Make
) -> None:
    published = transcripts(college.ledger.store, topics.transcripts)
    frozen, thawed = threading.Event(), threading.Event()

    def freezing(batch: list[Stored]) -> Any:
        made = published(batch)
        frozen.set()
        thawed.wait(30)
        return made

    def wake_up() -> None:
        with pytest.raises(NotSent):
            older.step()

    older, newer = relay(NAME, freezing), relay(NAME, published)
    college.do(c.RegisterLearner(learner_id="lrn_lee"))
    sleeping = threading.Thread(target=wake_up)
    sleeping.start()
    assert frozen.wait(30)
    college.earn("lrn_lee", ex.MIG)
    newer.catch_up()
    thawed.set()
    sleeping.join()

    assert {"lrn_lee": _transcript(college, "lrn_lee")} == _published(kafka, topics)
