"""
Having Kafka's topics filled again from the log: positions are taken back, and whoever relays sends what comes after.

It may be done while they run. A relay saves how far it came only where nobody took its position back meanwhile, and
goes on from there; what it sends comes under the same ids as before, so readers pass over what they have had.
"""

from __future__ import annotations

from typing import NamedTuple

from consumers.following import CHECKPOINTS
from consumers.positions import Positions
from ledger.store import microseconds
from ledger.transparency.published import PublishedLog

_OF_FACTS = ("relay", "transcripts")


class TakenBack(NamedTuple):
    """Up to which position a relay of facts had sent them."""

    follower: str
    position: int


def resend(positions: Positions, published: PublishedLog, after: int) -> list[TakenBack]:
    """Have what comes after position *after* sent again, and checkpoints from the first that covers any of it."""
    found = [TakenBack(name, was) for name in _OF_FACTS if (was := positions.take_back(name, after)) is not None]
    first = published.covering(after + 1) if after else None
    if not after:
        positions.take_back(CHECKPOINTS, 0)
    elif first is not None:
        positions.take_back(CHECKPOINTS, microseconds(first.at) - 1)
    return found
