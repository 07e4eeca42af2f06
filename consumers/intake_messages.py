"""
What other systems may send by Kafka, read strictly: CloudEvents 1.0 in binary mode with JSON in the value.

    ce_specversion   1.0
    ce_id            the message's own id, by which it is known when it comes again; say nothing personal in it
    ce_source        the system that sends
    ce_type          evidence.submit.v1 or evidence.assess.v1
    content-type     application/json

Learners, assessors and evidence are named as the college names them. What cannot be taken is refused in a sentence that
names the header or field, and never says what was in it: that may be personal.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from ledger.definition import ROUTES, Route

LARGEST_VALUE = 256 * 1024
_LONGEST_HEADER = 200
_RESULT_MOST = 10**9
_DECIMAL_PLACES = 6
_YEARS = range(1900, 2500)
_IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._:~-]{0,119}$"
_ADDRESS = r'^([Hh][Tt][Tt][Pp][Ss]?|[Uu][Rr][Nn]|[Dd][Oo][Ii]|[Aa][Rr][Kk]|[Hh][Dd][Ll]):[^\s<>"]+$'
_RULES = {
    "learner_ref": "must be the college's number or name of the learner, 1 to 200 visible characters",
    "assessor_ref": "must be the college's name of who judged, 1 to 200 visible characters",
    "evidence_id": "must be the id of the evidence where it was handed in, 1 to 200 visible characters",
    "achievement": "must be the identifier of an achievement: 1 to 120 letters, digits and . _ : ~ -",
    "submitted_at": "must be an instant with its offset from UTC, such as 2026-03-01T09:30:00Z, from 1900 to 2499",
    "assessed_at": "must be an instant with its offset from UTC, such as 2026-03-01T09:30:00Z, from 1900 to 2499",
    "evidence_url": "must be an address (https, http, urn, doi, ark, hdl) of at most 2000 characters",
    "narrative": "must be text of 1 to 20000 characters",
    "route": f"must be one of {', '.join(ROUTES)}",
    "met": "must be true or false",
    "results": "must be at most 100 numbers (of at most six decimal places) or levels, each under the result's id",
}
_AT_FIELD = re.compile(r"\$\.(\w+)")
_MISSING_FIELD = re.compile(r"missing required field `(\w+)`")


def _field(name: str, **bounds: Any) -> Meta:
    rule = _RULES[name].removeprefix("must be ")
    return Meta(description=f"{rule[0].upper()}{rule[1:]}.", **bounds)


LearnerRef = Annotated[str, _field("learner_ref", min_length=1, max_length=200)]
EvidenceId = Annotated[str, _field("evidence_id", min_length=1, max_length=200)]
ResultId = Annotated[str, Meta(min_length=1, max_length=120)]
Level = Annotated[str, Meta(min_length=1, max_length=500)]


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Evidence that a learner handed in elsewhere. A learner not known yet is registered as imported."""

    learner_ref: LearnerRef
    achievement: Annotated[str, _field("achievement", pattern=_IDENTIFIER)]
    evidence_id: EvidenceId
    submitted_at: Annotated[datetime, _field("submitted_at", tz=True)]
    evidence_url: Annotated[str, _field("evidence_url", max_length=2000, pattern=_ADDRESS)] | None = None
    narrative: Annotated[str, _field("narrative", min_length=1, max_length=20_000)] | None = None
    route: Annotated[Route, _field("route")] | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """
    A judgement of evidence that was submitted before. Without `met` the pass marks of the results decide.

    An assessor not known yet is registered as imported, in that role.
    """

    learner_ref: LearnerRef
    evidence_id: EvidenceId
    assessor_ref: Annotated[str, _field("assessor_ref", min_length=1, max_length=200)]
    assessed_at: Annotated[datetime, _field("assessed_at", tz=True)]
    met: Annotated[bool, _field("met")] | None = None
    results: Annotated[dict[ResultId, int | float | Level], _field("results", max_length=100)] = {}


TYPES: Mapping[str, type[Submission | Judgement]] = {
    "evidence.submit.v1": Submission,
    "evidence.assess.v1": Judgement,
}


class Message(Protocol):
    """What is read of a message; kafka-python's `ConsumerRecord` is one."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class NotTaken(Exception):
    """The message cannot be taken; says why without a word of what is in it."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Asked(NamedTuple):
    """What one message asks for, and by which system's id it is known."""

    source: str
    message_id: str
    type: str
    body: Submission | Judgement

    @property
    def request(self) -> bytes:
        """The request in the one form that does not depend on how it was written down."""
        return msgspec.json.encode((self.type, self.body), order="sorted")

    def personal(self) -> list[str]:
        """Return every text and number of the message that may say something of somebody."""
        body = self.body
        if isinstance(body, Submission):
            return [text for text in (body.learner_ref, body.evidence_id, body.evidence_url, body.narrative) if text]
        return [body.learner_ref, body.evidence_id, body.assessor_ref, *body.results, *map(str, body.results.values())]


def read(message: Message, sources: frozenset[str]) -> Asked:
    """Return what *message* asks for; raise NotTaken where it is no message that one of *sources* may send."""
    headers = _headers(message)
    if headers.get("ce_specversion") != "1.0":
        raise NotTaken("invalid", "ce_specversion must be 1.0: messages are CloudEvents in binary mode.")
    message_id, source, name = (_header(headers, header) for header in ("ce_id", "ce_source", "ce_type"))
    if source not in sources:
        raise NotTaken("unknown-source", "ce_source is no system that may send; LEDGER_INTAKE_SOURCES lists those.")
    if name not in TYPES:
        raise NotTaken("invalid", f"ce_type must be {' or '.join(TYPES)}.")
    media, _, _ = headers.get("content-type", "application/json").partition(";")
    if media.strip().lower() != "application/json":
        raise NotTaken("invalid", "content-type must be application/json.")
    return Asked(source, message_id, name, body(message.value, name))


def told(message: Message) -> tuple[str, str]:
    """Return source and id as far as *message* tells them, safe to show; else empty."""
    found = {name: bytes(value or b"")[:_LONGEST_HEADER].decode(errors="replace") for name, value in message.headers}
    source, message_id = (found.get(name, "") for name in ("ce_source", "ce_id"))
    return _shown(source), _shown(message_id)


def body(value: bytes | None, name: str) -> Submission | Judgement:
    """Return the data of a message of type *name*."""
    if not value:
        raise NotTaken("invalid", "The message has no data.")
    if len(value) > LARGEST_VALUE:
        raise NotTaken("invalid", f"The data are larger than {LARGEST_VALUE // 1024} KiB.")
    document = _json(bytes(value))
    if not isinstance(document, dict):
        raise NotTaken("invalid", "The data must be a JSON object.")
    cls = TYPES[name]
    try:
        found = msgspec.convert(document, cls)
    except msgspec.ValidationError as error:
        raise NotTaken("invalid", _sentence(str(error), cls)) from None
    for field in found.__struct_fields__:
        _check(field, getattr(found, field))
    return _settled(found)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode(), object_pairs_hook=_distinct, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise NotTaken("invalid", f"The data are not UTF-8 (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise NotTaken("invalid", f"The data are not JSON (line {error.lineno}, column {error.colno}).") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
        raise NotTaken("invalid", "The data are not JSON of a size that can be taken.") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotTaken("invalid", "A field stands twice in the data; which one is meant nobody can tell.")
    return found


def _no_number(_: str) -> Any:
    raise NotTaken("invalid", "The data hold NaN or Infinity, which are no JSON numbers.")


def _sentence(error: str, cls: type[msgspec.Struct]) -> str:
    """Return what msgspec found as a sentence of ours, for its own may quote the value."""
    missing = _MISSING_FIELD.search(error)
    if missing:
        return f"{missing[1]} is missing."
    at = _AT_FIELD.search(error)
    if at is None:
        return f"The data have a field that is not known; known are {', '.join(cls.__struct_fields__)}."
    return f"{at[1]} {_RULES[at[1]]}."


def _check(field: str, value: object) -> None:
    """Refuse what no type says: text that cannot be kept, years that are none, numbers without bounds."""
    refused = False
    match value:
        case str():
            # Refs and addresses are one visible line; a reflection may have several.
            refused = "\0" in value or not _encodes(value) or not (field == "narrative" or value.isprintable())
            refused = refused or not value.strip()
        case datetime():
            refused = _utc_year(value) not in _YEARS
        case dict():
            refused = not all(_sound(name, result) for name, result in value.items())
    if refused:
        raise NotTaken("invalid", f"{field} {_RULES[field]}.")


def _sound(name: str, result: float | str) -> bool:
    if not name.isprintable():
        return False
    if isinstance(result, str):
        return result.isprintable()
    return not isinstance(result, bool) and abs(result) <= _RESULT_MOST and result == round(result, _DECIMAL_PLACES)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _utc_year(moment: datetime) -> int:
    try:
        return moment.astimezone(UTC).year
    except OverflowError:
        return 0


def _settled(found: Submission | Judgement) -> Submission | Judgement:
    """Return *found* in one way of saying the same: instants in UTC, 55.0 as 55."""
    if isinstance(found, Submission):
        return msgspec.structs.replace(found, submitted_at=found.submitted_at.astimezone(UTC))
    results = {
        name: int(result) if isinstance(result, float) and result.is_integer() else result
        for name, result in found.results.items()
    }
    return msgspec.structs.replace(found, assessed_at=found.assessed_at.astimezone(UTC), results=results)


def _headers(message: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in message.headers:
        if not name.startswith("ce_") and name != "content-type":
            continue  # brokers and tracing add their own
        if name in headers:
            raise NotTaken("invalid", "A header stands twice; each CloudEvents attribute is given once.")
        try:
            headers[name] = bytes(value or b"").decode()
        except UnicodeDecodeError:
            raise NotTaken("invalid", "A header is not UTF-8.") from None
    return headers


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise NotTaken("invalid", f"{name} is missing.")
    if len(value) > _LONGEST_HEADER or not value.isprintable():
        raise NotTaken("invalid", f"{name} must be 1 to {_LONGEST_HEADER} visible characters.")
    return unicodedata.normalize("NFC", value)


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
