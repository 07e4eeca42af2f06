"""Every checkpoint reaches its topic, in order, whatever stops whoever sends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from consumers.checkpoint_relay import NAME, CheckpointRelay
from consumers.positions import Positions
from consumers.topics import Topics, create
from consumers.turn import AlwaysMine
from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import note as notes
from tests.consumers.messages import messages
from tests.consumers.recorded import Recorded
from tests.servers.kafka import Broker


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def recorded(tmp_path: Path, ends: ExitStack) -> Recorded:
    return Recorded(tmp_path, ends)


def sent(kafka: Broker, recorded: Recorded) -> list[int]:
    """Return the sizes of the checkpoints in the topic, each seen to be one that the log signed."""
    keys = [notes.read_key(key.verifier) for key in recorded.log.published.verifiers()]
    found = [
        (message.key, checkpoints.opened(message.value, keys)[0])
        for message in messages(kafka.bootstrap, Topics().checkpoints)
    ]
    assert all(key.decode() == one.origin for key, one in found)
    return [one.size for _, one in found]


def relay(kafka: Broker, recorded: Recorded, positions: Positions, ends: ExitStack) -> CheckpointRelay:
    made = CheckpointRelay(recorded.log, positions, kafka.bootstrap, AlwaysMine(), Topics())
    ends.callback(made.close)
    return made


def test_checkpoints_come_in_the_order_in_which_they_were_signed(
    kafka: Broker, recorded: Recorded, ends: ExitStack, positions: Positions
) -> None:
    create(kafka.bootstrap)
    first = relay(kafka, recorded, positions, ends)
    assert 0 == first.step()
    for facts in (1, 2, 300):
        recorded.grow(facts)

    assert (3, 0) == (first.step(), first.step())
    recorded.grow(5)
    first.close()
    assert 1 == relay(kafka, recorded, positions, ends).step()
    assert [1, 3, 303, 308] == sent(kafka, recorded)


def test_what_may_not_have_arrived_is_sent_again(
    kafka: Broker, recorded: Recorded, ends: ExitStack, positions: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(kafka.bootstrap)
    recorded.grow(2)

    def power_cut(name: str, before: int, position: int) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as cut:
        cut.setattr(positions, "go_on", power_cut)
        with pytest.raises(OSError, match="power cut"):
            relay(kafka, recorded, positions, ends).step()
    assert 0 == positions.of(NAME)
    recorded.grow(2)
    relay(kafka, recorded, positions, ends).step()

    assert [2, 2, 4] == sent(kafka, recorded)
