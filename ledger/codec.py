"""
Facts to bytes and back.

A stored body is canonical JSON (UTF-8, keys sorted, no spaces, defaults left out) of the envelope:

    {"actor":{"client":"cli","id":"per_1","role":"registrar"},"correlation":"…","fact":{"effective_at":"2026-01-31T09:00:00Z",…}}

with `causation`, `correlation` and `trace` where they are known. What could not be read back to the same bytes is
never written, and `check` refuses bytes that this module would not have written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

import msgspec

import ledger.events  # noqa: F401  declares every fact
from ledger.errors import HOLDS_NUL, Invalid
from ledger.event import Actor, Event, Recorded, class_of, name_of, private_fields
from ledger.private import Private
from ledger.store import NewFact, Stored, instant
from ledger.upcasters import Upcasters, upcasters

F = TypeVar("F")


class Unreadable(ValueError):
    """Stored bytes are not a fact that this version of the ledger can read."""


class Unwritable(Invalid):
    """What could not be read back as it is must not be stored."""


class Envelope(
    msgspec.Struct, Generic[F], frozen=True, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True
):
    """A fact with who caused it, as it is stored."""

    actor: Actor
    causation: str | None = None
    correlation: str | None = None
    fact: F
    trace: str | None = None


_encode = msgspec.json.Encoder(order="sorted").encode
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # escaped as JSON does, not a backslash that somebody wrote before u0000
_OLD: Any = msgspec.json.Decoder(Envelope[dict[str, Any]])


class Codec:
    """Reads and writes the facts of one registry of classes and upcasters."""

    def __init__(
        self,
        class_of: Callable[[str], type[Event]],
        name_of: Callable[[type[Event]], str],
        upcasters: Upcasters,
    ) -> None:
        self._class_of = class_of
        self._name_of = name_of
        self._upcasters = upcasters
        self._decoders: dict[str, Callable[[bytes], Envelope[Any]]] = {}

    def encode(
        self,
        fact: Event,
        actor: Actor,
        correlation: str | None = None,
        causation: str | None = None,
        trace: str | None = None,
    ) -> NewFact:
        """Return the stored form of *fact*; raise Unwritable rather than store what could not be read back."""
        return self.settle(fact, actor, correlation, causation, trace)[0]

    def settle(
        self,
        fact: Event,
        actor: Actor,
        correlation: str | None = None,
        causation: str | None = None,
        trace: str | None = None,
    ) -> tuple[NewFact, Event]:
        """
        Return the stored form of *fact*, and the fact just as it will be read from it.

        Structs do not check the types of their values, and leave a default out only where it is the very same object;
        so the bytes are read and written once more, which finds the first and settles the second.
        """
        cls = type(fact)
        name = self._name_of(cls)
        for field in _private(cls):
            _refuse_unsealed(name, field, getattr(fact, field))
        envelope = Envelope(actor=actor, causation=causation, correlation=correlation, fact=fact, trace=trace)
        decode = self._decoders.get(name) or self._decoder(name)
        try:
            body = _encode(envelope)
            again = decode(body)
            canonical = _encode(again)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            msg = f"{name}: {error}"
            raise Unwritable(msg) from None
        if canonical != body and (again != envelope or _encode(decode(canonical)) != canonical):
            msg = f"{name}: what would be read back is another fact"
            raise Unwritable(msg)
        for field in _instants(cls):
            moment = getattr(again.fact, field)
            if moment is not None and moment.tzinfo is None:
                msg = f"{name}: {field} has no time zone"
                raise Unwritable(msg)
        if b"\\u0000" in canonical and _NUL.search(canonical):
            raise Unwritable(HOLDS_NUL)
        return NewFact(name, canonical), again.fact

    def decode(self, stored: Stored) -> Recorded:
        """Read a fact of any version ever stored."""
        position, stream, version, name, body, recorded_us = stored
        decode = self._decoders.get(name)
        try:
            envelope = (decode or self._decoder(name))(body)
        except (ArithmeticError, LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
            msg = f"the fact at position {position} cannot be read as {name}: {error}"
            raise Unreadable(msg) from error
        return Recorded(
            position=position,
            stream=stream,
            version=version,
            recorded_at=_instant(recorded_us),
            fact=envelope.fact,
            actor=envelope.actor,
            correlation=envelope.correlation,
            causation=envelope.causation,
            trace=envelope.trace,
        )

    def check(self, stored: Stored) -> Recorded:
        """Read a fact strictly: raise Unreadable where the bytes are not exactly what would be written."""
        recorded = self.decode(stored)
        if stored.name in self._upcasters.names():
            same = _encode(msgspec.json.decode(stored.body)) == stored.body
        else:
            same = _encode(self._decoder(stored.name)(stored.body)) == stored.body
        if not same:
            msg = f"the fact at position {stored.position} is not in canonical form"
            raise Unreadable(msg)
        return recorded

    def certify(self, stored: Stored) -> None:
        """Raise Unreadable as `check` does, without making what is read: a third of its cost."""
        name, body = stored.name, stored.body
        if name in self._upcasters.names():
            self.check(stored)
            return
        try:
            same = _encode((self._decoders.get(name) or self._decoder(name))(body)) == body
        except (ArithmeticError, LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
            msg = f"the fact at position {stored.position} cannot be read as {name}: {error}"
            raise Unreadable(msg) from error
        if not same:
            msg = f"the fact at position {stored.position} is not in canonical form"
            raise Unreadable(msg)

    def _decoder(self, name: str) -> Callable[[bytes], Envelope[Any]]:
        if name not in self._decoders:
            self._decoders[name] = self._upcasting(name) if name in self._upcasters.names() else self._typed(name)
        return self._decoders[name]

    def _typed(self, name: str) -> Callable[[bytes], Envelope[Any]]:
        try:
            cls = self._class_of(name)
        except KeyError:
            msg = f"no fact is named {name!r} in this version of the ledger"
            raise Unreadable(msg) from None
        decoder: msgspec.json.Decoder[Envelope[Any]] = msgspec.json.Decoder(Envelope[cls])  # type: ignore[valid-type]
        return decoder.decode

    def _upcasting(self, name: str) -> Callable[[bytes], Envelope[Any]]:
        def decode(body: bytes) -> Envelope[Any]:
            old = _OLD.decode(body)
            newest, fact = self._upcasters.upcast(name, old.fact)
            return self._decoder(newest)(_encode(msgspec.structs.replace(old, fact=fact)))

        return decode


def _refuse_unsealed(name: str, field: str, value: Private | dict[str, Private] | None) -> None:
    texts = value.values() if isinstance(value, dict) else (value,)
    for text in texts:
        if text is not None and (text.plain is not None or not text.sealed):
            msg = f"{name}: {field} is not sealed"
            raise Unwritable(msg)


@cache
def _private(cls: type[Event]) -> tuple[str, ...]:
    return private_fields(cls)


@cache
def _instants(cls: type[Event]) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in msgspec.structs.fields(cls)
        if field.type is datetime or datetime in getattr(field.type, "__args__", ())
    )


_instant = lru_cache(maxsize=1024)(instant)  # facts of one append share their instant

_codec = Codec(class_of, name_of, upcasters)
encode = _codec.encode
settle = _codec.settle
decode = _codec.decode
check = _codec.check
certify = _codec.certify
