"""The sequencer: what is recorded is in the tree and published within about a second; one at a time, whoever dies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from consumers.sequencer import Sequencer
from ledger.settings import Settings
from ledger.transparency.outside import Outside
from tests.ledger.transparency import logs
from tests.ledger.transparency.logs import NOW, frontier, opened, record


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    place = tmp_path / "ledger.db" if request.param == "sqlite" else request.getfixturevalue("database")
    return logs.settings_of(place, tmp_path)


def test_what_is_recorded_is_sequenced_and_published_within_a_second_or_two(settings: Settings) -> None:
    with opened(settings) as (store, log):
        sequencer = Sequencer.of_ledger(settings, log, store, lambda: NOW)
        sequencer.loop.start()
        try:
            for count in (1, 500, 3):
                record(store, count)
                recorded = time.monotonic()
                while not log.place(store.head()).sequenced:
                    assert time.monotonic() < recorded + 1.0
                    time.sleep(0.01)
                while log.place(store.head()).published is None:
                    assert time.monotonic() < recorded + 4.0
                    time.sleep(0.01)
        finally:
            sequencer.close()

        newest = log.published.newest()
        assert newest is not None
        assert (504, frontier(store).root()) == newest.checkpoint[1:3]


def test_two_sequencers_publish_one_history(settings: Settings) -> None:
    with opened(settings) as (store, log), opened(settings) as (_, other):
        both = [Sequencer.of_ledger(settings, one, store, lambda: NOW) for one in (log, other)]
        for sequencer in both:
            sequencer.loop.start()
        try:
            for _ in range(20):
                record(store, 100)
                time.sleep(0.05)
            until = time.monotonic() + 10
            while log.place(2000).published is None and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            for sequencer in both:
                sequencer.close()
        sizes = [kept.checkpoint.size for kept in Outside(settings.checkpoints or Path()).all()]

        assert 2000 == sizes[-1]
        assert sorted(set(sizes)) == sizes
        assert frontier(store).root() == log.tree.root(2000)
        assert log.halted() is None
