"""
A stored fact as a Kafka message and back: CloudEvents 1.0 in binary mode, of the Kafka protocol binding.

    key                learner id of a learner's fact, else the name of the stream
    value              the stored bytes of the fact, as they are
    timestamp          when it was recorded, in milliseconds
    content-type       application/json
    ce_specversion     1.0
    ce_id              learner-lrn_1/3, stream and version: the same however often it comes
    ce_source          /ledger
    ce_type            evidence.submitted.v1, the stored name
    ce_subject         learner-lrn_1, the stream
    ce_time            2026-01-31T09:00:00.000123Z, when it was recorded
    ce_position        17, the place in the log
    ce_streamversion   3, the place in the stream

Headers are written here rather than by PyPI `cloudevents`, which takes ten times as long;
a test holds what is written, and what is read, against the library.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from ledger.store import LARGEST_APPEND, Stored, instant, microseconds

SOURCE = "/ledger"

_LEARNER = "learner-"
_SPECVERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = ("content-type", b"application/json")
_REQUIRED = ("ce_id", "ce_type", "ce_subject", "ce_time", "ce_position", "ce_streamversion")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_NAME = re.compile(r"[a-z][a-z_.]*\.v[1-9][0-9]*")
_STREAM = re.compile(r"[a-z]+-\S+")
_LARGEST_NUMBER = 2**63 - 1

Headers = list[tuple[str, bytes]]


class Malformed(ValueError):
    """A message is not a fact of this ledger; says why, without a word of what is in it."""


class Message(Protocol):
    """What is read of a message; kafka-python's `ConsumerRecord` is one."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Outgoing(NamedTuple):
    """What is handed to a producer; *value* is None for a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers
    timestamp_ms: int


def message(stored: Stored, topic: str, source: bytes = SOURCE.encode()) -> Outgoing:
    """Return *stored* as a message."""
    position, stream, version, name, body, recorded_us = stored
    text = stream.encode()
    number = b"%d" % version
    headers = [
        _SPECVERSION,
        ("ce_id", b"%b/%b" % (text, number)),
        ("ce_source", source),
        ("ce_type", _name(name)),
        ("ce_subject", text),
        ("ce_time", _time(recorded_us)),
        ("ce_position", b"%d" % position),
        ("ce_streamversion", number),
        _CONTENT_TYPE,
    ]
    return Outgoing(topic, _key(stream), body, headers, recorded_us // 1000)


def fact(message: Message, source: str = SOURCE) -> Stored:
    """Return the fact that *message* is; raise Malformed for whatever `message` would not have made."""
    headers = _headers(message)
    for name, expected in (("ce_specversion", "1.0"), ("ce_source", source), ("content-type", "application/json")):
        if headers.get(name) != expected:
            raise Malformed(f"{name} is not {expected}")
    missing = [name for name in _REQUIRED if name not in headers]
    if missing:
        raise Malformed(f"there is no {missing[0]}")
    stream, version = headers["ce_subject"], _number(headers, "ce_streamversion")
    if not _STREAM.fullmatch(stream):
        raise Malformed("ce_subject is no stream")
    if headers["ce_id"] != f"{stream}/{version}":
        raise Malformed("ce_id is not made of ce_subject and ce_streamversion")
    if not _NAME.fullmatch(headers["ce_type"]):
        raise Malformed("ce_type is no stored name")
    if message.key != _key(stream):
        raise Malformed("the key is not that of ce_subject")
    if not message.value or len(message.value) > LARGEST_APPEND:
        raise Malformed("the value is empty, or larger than a fact")
    return Stored(
        position=_number(headers, "ce_position"),
        stream=stream,
        version=version,
        name=headers["ce_type"],
        body=bytes(message.value),
        recorded_us=_recorded_us(headers["ce_time"]),
    )


def place(message: Message) -> tuple[str, str]:
    """Return source and id as far as *message* tells them, for saying which one it was; else empty."""
    told = {name: (value or b"")[:256].decode("utf-8", "replace") for name, value in message.headers}
    return told.get("ce_source", ""), told.get("ce_id", "")


def _headers(message: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in message.headers:
        if name in headers:
            raise Malformed(f"the header {name!r:.40} is there twice")
        try:
            headers[name] = (value or b"").decode()
        except UnicodeDecodeError:
            raise Malformed(f"the header {name!r:.40} is not UTF-8") from None
    return headers


def _number(headers: dict[str, str], name: str) -> int:
    if not _NUMBER.fullmatch(headers[name]) or int(headers[name]) > _LARGEST_NUMBER:
        raise Malformed(f"{name} is no position")
    return int(headers[name])


def _recorded_us(text: str) -> int:
    try:
        recorded_us = microseconds(datetime.fromisoformat(text))
        if _time(recorded_us) == text.encode():
            return recorded_us
    except (ValueError, TypeError, OverflowError):
        pass
    raise Malformed("ce_time is no instant as the ledger writes it")


def _key(stream: str) -> bytes:
    return stream.removeprefix(_LEARNER).encode()


# Names are few, and facts of one append share their instant.
@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return name.encode()


@lru_cache(maxsize=1024)
def _time(recorded_us: int) -> bytes:
    return instant(recorded_us).isoformat().removesuffix("+00:00").encode() + b"Z"
