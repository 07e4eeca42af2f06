"""The library's kind of events and notifications, written and read as facts of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

from ledger.store import Append, NewFact, Store, Stored


def insert(store: Store, events: Sequence[StoredEvent]) -> Sequence[int]:
    """Write *events*, all of one stream; IntegrityError where they are not, or where it has moved."""
    if not events:
        return []
    stream, after_version = str(events[0].originator_id), events[0].originator_version - 1
    for version, event in enumerate(events, after_version + 1):
        if (str(event.originator_id), event.originator_version) != (stream, version):
            raise IntegrityError("one append is about one stream, version by version")
    new = Append(stream, after_version, tuple(NewFact(event.topic, event.state) for event in events))
    (positions,) = store.append([new], now=datetime.now(UTC))
    if positions is None:
        msg = f"{stream} is not at version {after_version}"
        raise IntegrityError(msg)
    return positions


def notification_of(stored: Stored) -> Notification:
    """Return a fact as the library's subscriptions hand it on."""
    return Notification(
        id=stored.position,
        originator_id=stored.stream,
        originator_version=stored.version,
        topic=stored.name,
        state=stored.body,
    )
