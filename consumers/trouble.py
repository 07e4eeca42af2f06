"""What keeps somebody from getting on, told in the log: each thing once and now and then again, and that it is over."""

from __future__ import annotations

import logging
import re
from time import monotonic

from ledger.errors import RecordConflict
from ledger.store import StoreUnavailable

_AGAIN_S = 600.0
_KINDS_MOST = 100

_log = logging.getLogger(__name__)


class Trouble:
    """
    What goes wrong with *name*, which tries again until it gets on.

    What comes from outside (a disk, a network, a server, others at the same record; whatever *outside* adds to these)
    is one line. Anything else nobody foresaw, and is logged with where it came from.
    """

    def __init__(self, name: str, *outside: type[Exception]) -> None:
        self._name = name
        self._outside = (OSError, StoreUnavailable, RecordConflict, *outside)
        self._since: float | None = None
        self._told_at: dict[str, float] = {}

    def fails(self, error: Exception) -> None:
        """Tell of *error* where that is news; tried again, most fail the same way over and over."""
        foreseen = isinstance(error, self._outside)
        said = f"{type(error).__name__}: {error}"
        self._tell(said, said if foreseen else f"{said} at {_place(error)}", None if foreseen else error)

    def waits(self, reason: str) -> None:
        """Tell of what is waited for, where that is news."""
        self._tell(reason, reason, None)

    def over(self) -> None:
        """Tell that it gets on again, if it did not."""
        if self._since is not None:
            _log.warning("%s gets on again, after %.0f s", self._name, monotonic() - self._since)
            self._since = None
            self._told_at.clear()

    def _tell(self, said: str, kind: str, error: Exception | None) -> None:
        now = monotonic()
        self._since = now if self._since is None else self._since
        kind = re.sub(r"\d+", "0", kind)  # how long it waited, or how far it came, is no news
        if now - self._told_at.get(kind, -_AGAIN_S) < _AGAIN_S:
            return
        if len(self._told_at) >= _KINDS_MOST:
            self._told_at.clear()
        self._told_at[kind] = now
        _log.log(
            logging.WARNING if error is None else logging.ERROR,
            "%s does not get on%s: %s; it tries again until it does",
            self._name,
            f", for {now - self._since:.0f} s now" if now > self._since else "",
            said,
            exc_info=error,
        )


def hush_kafka() -> None:
    """Keep the library from telling of every connection that is refused or lost; who needs it tells what matters."""
    logging.getLogger("kafka").setLevel(logging.ERROR)
    logging.getLogger("kafka.net").setLevel(logging.CRITICAL)


def _place(error: Exception) -> str:
    """Return where *error* was raised, which tells failures with the same words apart."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "nowhere" if at is None else f"{at.tb_frame.f_code.co_qualname} in {at.tb_frame.f_code.co_filename}"
