"""Positions are taken back so that all is sent again; whoever saves one meanwhile does not undo that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from consumers.positions import Positions
from consumers.resending import TakenBack, resend
from ledger.settings import PostgresUrls, Settings
from ledger.store import microseconds
from tests.consumers.recorded import Recorded


@pytest.fixture(params=["sqlite", "postgres"])
def positions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Positions]:
    if request.param == "sqlite":
        opened = Positions.in_file(tmp_path / "followers.db")
    else:
        urls: PostgresUrls = request.getfixturevalue("database")
        opened = Positions.of_ledger(Settings(database=urls, kek=b"k" * 32))
    with closing(opened):
        yield opened


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    with ExitStack() as ends:
        yield Recorded(tmp_path / "log", ends)


def test_who_goes_on_does_so_from_where_it_was(positions: Positions) -> None:
    assert positions.go_on("relay", 0, 5)
    assert positions.go_on("relay", 5, 9)
    assert not positions.go_on("relay", 5, 12), "it is elsewhere by now"
    assert not positions.go_on("relay", 0, 12)
    assert 9 == positions.of("relay")


def test_what_was_taken_back_or_forgotten_is_not_gone_on_from(positions: Positions) -> None:
    positions.go_on("relay", 0, 9)
    assert 9 == positions.take_back("relay", 4)
    assert not positions.go_on("relay", 9, 12)
    assert 4 == positions.of("relay")
    assert positions.go_on("relay", 4, 12)
    positions.start_over()
    assert not positions.go_on("relay", 12, 15)
    assert 0 == positions.of("relay")


def test_nothing_is_taken_forward(positions: Positions) -> None:
    positions.go_on("relay", 0, 9)

    assert positions.take_back("relay", 9) is None
    assert positions.take_back("relay", 20) is None
    assert positions.take_back("transcripts", 0) is None
    assert {"relay": 9} == positions.all()


def test_everything_is_sent_again_and_the_rest_is_left_alone(positions: Positions, recorded: Recorded) -> None:
    for name, position in {"relay": 9, "transcripts": 7, "checkpoints": 1_700_000, "settle": 8}.items():
        positions.save(name, position)

    assert [TakenBack("relay", 9), TakenBack("transcripts", 7)] == resend(positions, recorded.log.published, 0)
    assert {"relay": 0, "transcripts": 0, "checkpoints": 0, "settle": 8} == positions.all()
    assert [] == resend(positions, recorded.log.published, 0)


def test_after_a_position_checkpoints_come_again_from_the_first_that_covers_more(
    positions: Positions, recorded: Recorded
) -> None:
    for _ in range(4):
        recorded.grow(2)
    published = recorded.log.published
    positions.save("relay", 8)
    positions.save("transcripts", 3)
    positions.save("checkpoints", microseconds(recorded.now) + 1)

    assert [TakenBack("relay", 8)] == resend(positions, published, 4)
    assert [6, 8] == [one.checkpoint.size for one in published.after(positions.of("checkpoints"), 10)]
    assert (4, 3) == (positions.of("relay"), positions.of("transcripts"))
    sent = positions.of("checkpoints")
    assert [] == resend(positions, published, 8)
    assert sent == positions.of("checkpoints")
