"""Processes killed at any moment, also while they start: nothing is lost or doubled, and all go on by themselves."""

from __future__ import annotations

import time
from random import Random

import pytest

from tests.journeys.scaled.campus import AWARDING, Campus
from tests.journeys.scaled.work import Ledgers
from tests.servers import until

_BACK_SECONDS = 60.0
_AT_RANDOM = 0.2


@pytest.mark.parametrize(
    "kills", [pytest.param(10, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.soak)]
)
def test_any_process_may_be_killed_over_and_over(ledgers: Ledgers, kills: int) -> None:
    chance = Random(kills)
    everybody = ledgers.campus.processes()
    with ledgers.busy() as work:
        down = Down(ledgers.campus)
        for _ in range(kills):
            # Mostly one that got as far as working; else whoever it is, perhaps on its way up.
            until(lambda: len(down.working(everybody)) > len(everybody) // 2, _BACK_SECONDS)
            down.kill(*chance.choice(everybody if chance.random() < _AT_RANDOM else down.working(everybody)))
            down.watch(chance.choice((0.1, 0.5, 2.0)) * chance.random())
        assert until(down.all_back, _BACK_SECONDS), ledgers.campus.stack.log_tail()
        time.sleep(1)

    ledgers.hold(f"{kills} kills", work)
    assert kills < work.done()


class Down:
    """What was killed and has not begun again."""

    def __init__(self, campus: Campus) -> None:
        self._campus = campus
        self._since: dict[tuple[str, int], tuple[float, int]] = {}

    def kill(self, name: str, number: int) -> None:
        lives = self._campus.kill(name, number)
        since, _ = self._since.get((name, number), (time.time(), 0))
        self._since[name, number] = since, lives

    def watch(self, seconds: float) -> None:
        """Let time pass, and note who is back."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(0.05)
            self.all_back()

    def working(self, everybody: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """Return who is up, as far as is known."""
        self.all_back()
        return [one for one in everybody if one not in self._since]

    def all_back(self) -> bool:
        for (name, number), (since, lives) in list(self._since.items()):
            if self._campus.begun(name, number) > lives:
                del self._since[name, number]
                if name in AWARDING:
                    self._campus.outages.append((since, time.time()))
        return not self._since
