"""
How far behind the log everything is that follows it: in facts or messages, and in seconds.

Seconds are the age of the first one not handled yet, 0 when there is none: a follower that is one fact behind for an
hour is in trouble, one that is a thousand behind for a moment is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from ledger.store import Store, StoreUnavailable, microseconds
from ledger.transparency.published import PublishedLog

if TYPE_CHECKING:
    from consumers.group_lag import Groups

_SECOND_US = 1_000_000
_CHECKPOINTS_MOST = 1_000  # so many behind, or more


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far one follower is behind; `position` is what it has handled, None where messages are counted."""

    follower: str
    behind: int
    counted: Literal["facts", "messages"]
    seconds: float
    position: int | None = None


class Unasked(msgspec.Struct, frozen=True, kw_only=True):
    """A follower of which nobody could tell."""

    follower: str
    reason: str


def of_followers(store: Store, positions: Mapping[str, int], now: datetime) -> list[Lag]:
    """Return the lag of those who follow the log itself, by the positions that they have handled."""
    head, now_us = store.head(), microseconds(now)
    lags: list[Lag] = []
    for follower, position in positions.items():
        behind = max(0, head - position)  # positions have no gaps
        first = store.read_log(position, 1) if behind else []
        seconds = max(0, now_us - first[0].recorded_us) / _SECOND_US if first else 0.0
        lags.append(Lag(follower=follower, behind=behind, counted="facts", seconds=seconds, position=position))
    return lags


def of_checkpoints(follower: str, published: PublishedLog, sent_us: int, now: datetime) -> Lag:
    """Return the lag of who sends checkpoints, the last of them published *sent_us* microseconds after 1970."""
    waiting = published.after(sent_us, _CHECKPOINTS_MOST)
    seconds = max(0, microseconds(now) - microseconds(waiting[0].at)) / _SECOND_US if waiting else 0.0
    return Lag(follower=follower, behind=len(waiting), counted="messages", seconds=seconds)


def of_groups(bootstrap: str, groups: Mapping[str, Iterable[str]], now: datetime) -> list[Lag | Unasked]:
    """Return the lag of consumer groups, by what they committed on each of their topics."""
    from consumers import group_lag  # noqa: PLC0415  the embedded ledger starts without Kafka's client

    try:
        with group_lag.groups(bootstrap) as asked:
            return [_of_group(asked, group, topics, now) for group, topics in groups.items()]
    except StoreUnavailable as error:
        return [Unasked(follower=group, reason=str(error)) for group in groups]


def _of_group(asked: Groups, group: str, topics: Iterable[str], now: datetime) -> Lag | Unasked:
    try:
        behind, first_ms = asked.behind(group, topics)
    except StoreUnavailable as error:
        return Unasked(follower=group, reason=str(error))
    seconds = 0.0 if first_ms is None else max(0.0, round(now.timestamp() - first_ms / 1000, 3))
    return Lag(follower=group, behind=behind, counted="messages", seconds=seconds)
