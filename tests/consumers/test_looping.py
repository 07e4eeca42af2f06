"""A loop takes together what comes one by one, hurries while it is behind, and outlives whatever fails."""

from __future__ import annotations

from itertools import pairwise
from time import monotonic, sleep

from consumers.looping import Loop
from tests.consumers.messages import until


def test_steps_that_take_little_begin_at_most_once_in_so_many_seconds() -> None:
    begun: list[float] = []

    def step() -> int:
        begun.append(monotonic())
        return 1

    loop = Loop("few", step, lambda: None, every=0.05)
    loop.start()
    until(lambda: len(begun) > 5)
    loop.stop()

    assert all(later - earlier >= 0.049 for earlier, later in pairwise(begun))


def test_who_is_behind_does_not_pause() -> None:
    left = [5]

    def step() -> int:
        left[0] -= left[0] > 0
        return 4000 if left[0] else 0

    loop = Loop("many", step, lambda: None, every=60.0)
    loop.start()
    until(lambda: not left[0])
    loop.stop()

    assert left == [0]


def test_what_comes_after_a_long_wait_is_taken_at_once() -> None:
    taken: list[float] = []
    waiting = [0.3]

    def step() -> int:
        taken.append(monotonic())
        return 0

    def wait() -> None:
        sleep(waiting[0])
        waiting[0] = 0.001

    loop = Loop("rare", step, wait, every=0.2)
    loop.start()
    until(lambda: len(taken) > 1)
    loop.stop()

    assert 0.3 <= taken[1] - taken[0] < 0.4


def test_what_fails_is_named_until_it_succeeds() -> None:
    failures = [True, True]

    def step() -> int:
        if failures:
            failures.pop()
            raise OSError("the disk is full")
        return 0

    loop = Loop("failing", step, lambda: sleep(0.01))
    loop.start()
    until(lambda: loop.failing == "OSError: the disk is full")
    until(lambda: loop.failing is None)
    loop.stop()

    assert not failures
