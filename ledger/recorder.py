"""The library's kind of events and notifications, as appends and facts of ours."""

from __future__ import annotations

from collections.abc import Sequence

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

from ledger.store import Append, NewFact, Stored


def append_of(events: Sequence[StoredEvent]) -> Append:
    """Return *events*, of which there are some, as one append; IntegrityError where they are not of one stream."""
    stream, after_version = str(events[0].originator_id), events[0].originator_version - 1
    for version, event in enumerate(events, after_version + 1):
        if (str(event.originator_id), event.originator_version) != (stream, version):
            raise IntegrityError("one append is about one stream, version by version")
    return Append(stream, after_version, tuple(NewFact(event.topic, event.state) for event in events))


def notification_of(stored: Stored) -> Notification:
    """Return a fact as the library's subscriptions hand it on."""
    return Notification(
        id=stored.position,
        originator_id=stored.stream,
        originator_version=stored.version,
        topic=stored.name,
        state=stored.body,
    )
