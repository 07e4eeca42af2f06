"""A thread that does the same thing over and over, waits when there is nothing to do, and is never silently dead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from consumers.trouble import Trouble

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0
_MANY = 1000  # who takes so many at once is behind, and goes on at once


class Loop:
    """
    Calls *step* until stopped, and *wait* whenever it returns 0.

    It begins at most once in *every* so many seconds, so that what comes one by one is taken together, at a fraction
    of the cost. What fails is tried again, after pauses that double; `failing` names it until it succeeds, and the log
    tells of it, in a line where it is one of those *outside* of this process.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], int],
        wait: Callable[[], object],
        longest_pause: float = _LONGEST_PAUSE_SECONDS,
        *,
        every: float = 0.0,
        outside: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self.failing: str | None = None
        self._trouble = Trouble(name, *outside)
        self._step = step
        self._wait = wait
        self._longest_pause = longest_pause
        self._every = every
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def wind_down(self) -> None:
        """Begin no further step; `stop` waits for the one under way."""
        self._stopping.set()

    def stop(self) -> None:
        """End after the step under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until stopped."""
        self._stopping.wait(seconds)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether a long step should come to its end."""
        return self._stopping.is_set()

    def fails(self, error: Exception) -> None:
        """Note what failed, which is tried again."""
        self.failing = f"{type(error).__name__}: {error}"
        self._trouble.fails(error)

    def waits(self, reason: str) -> None:
        """Note what a step that takes long waits for."""
        self.failing = reason
        self._trouble.waits(reason)

    def gets_on(self) -> None:
        """Note that what failed has succeeded."""
        self.failing = None
        self._trouble.over()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            next_at = monotonic() + self._every
            try:
                taken = self._step()
                if not taken:
                    self._wait()
                self.gets_on()
                pause = _FIRST_PAUSE_SECONDS
                if taken < _MANY:
                    self.pause(next_at - monotonic())
            except Exception as error:  # noqa: BLE001 -- a follower outlives whatever fails
                self.fails(error)
                self.pause(pause)
                pause = min(2 * pause, self._longest_pause)
