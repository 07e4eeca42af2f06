"""Facts as CloudEvents: what is written is what the library writes, what is read is what was written, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from consumers.cloud_events import Headers, Malformed, Outgoing, fact, message, place
from ledger.store import Stored, instant

NUMBERS = st.integers(1, 2**63 - 1)
STREAMS = st.builds(
    "{}-{}".format,
    st.sampled_from(("learner", "achievement", "stack", "batch")),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=40),
)
FACTS = st.builds(
    Stored,
    position=NUMBERS,
    stream=STREAMS,
    version=NUMBERS,
    name=st.sampled_from(("evidence.submitted.v1", "stack.completed.v12", "prior_learning.recognised.v1")),
    body=st.binary(min_size=1, max_size=200),
    recorded_us=st.integers(0, 4_000_000_000_000_000),
)
SUBMITTED = Stored(17, "learner-lrn_1", 3, "evidence.submitted.v1", b'{"fact":{}}', 1_790_000_000_000_123)


@given(FACTS)
def test_what_is_written_is_read_as_the_same_fact(stored: Stored) -> None:
    assert stored == fact(message(stored, "events"))


@given(FACTS)
def test_headers_are_those_that_the_library_writes(stored: Stored) -> None:
    written = message(stored, "events")
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{stored.stream}/{stored.version}",
        "source": "/ledger",
        "type": stored.name,
        "subject": stored.stream,
        "time": instant(stored.recorded_us),
        "position": str(stored.position),
        "streamversion": str(stored.version),
        "datacontenttype": "application/json",
    }

    of_the_library = kafka.to_binary_event(CloudEvent(attributes, stored.body))

    assert of_the_library.headers == dict(written.headers)
    assert of_the_library.value == written.value


def test_the_library_reads_what_is_written() -> None:
    written = message(SUBMITTED, "events")

    event = kafka.from_binary_event(kafka.KafkaMessage(dict(written.headers), written.key, written.value or b""))

    assert ("1.0", "learner-lrn_1/3", "/ledger") == (event.get_specversion(), event.get_id(), event.get_source())
    assert instant(SUBMITTED.recorded_us) == event.get_time()
    assert {"fact": {}} == event.get_data()
    assert "17" == event.get_extension("position")


def test_facts_of_learners_have_the_learner_as_key_and_others_their_stream() -> None:
    assert b"lrn_1" == message(SUBMITTED, "events").key
    assert b"stack-welding" == message(SUBMITTED._replace(stream="stack-welding"), "definitions").key


def test_a_message_bears_the_time_at_which_the_fact_was_recorded() -> None:
    assert 1_790_000_000_000 == message(SUBMITTED, "events").timestamp_ms


def _with(name: str, value: bytes) -> Callable[[Outgoing], Outgoing]:
    return lambda sent: sent._replace(headers=[(key, value if key == name else old) for key, old in sent.headers])


def _more(*headers: tuple[str, bytes]) -> Callable[[Outgoing], Outgoing]:
    return lambda sent: sent._replace(headers=[*sent.headers, *headers])


SPOILT: dict[str, tuple[Callable[[Outgoing], Outgoing], str]] = {
    "another specversion": (_with("ce_specversion", b"0.3"), "ce_specversion is not 1.0"),
    "another source": (_with("ce_source", b"/elsewhere"), "ce_source is not /ledger"),
    "no JSON": (_with("content-type", b"text/plain"), "content-type is not application/json"),
    "another id": (_with("ce_id", b"learner-lrn_1/4"), "ce_id is not made of ce_subject and ce_streamversion"),
    "no stream": (_with("ce_subject", b"lrn_1"), "ce_subject is no stream"),
    "no UTF-8": (_with("ce_subject", b"\xff"), "the header 'ce_subject' is not UTF-8"),
    "no name": (_with("ce_type", b"DROP TABLE facts"), "ce_type is no stored name"),
    "position 0": (_with("ce_position", b"0"), "ce_position is no position"),
    "a negative position": (_with("ce_position", b"-1"), "ce_position is no position"),
    "digits of another script": (_with("ce_position", "\u0661\u0667".encode()), "ce_position is no position"),
    "beyond the largest": (_with("ce_position", b"9223372036854775808"), "ce_position is no position"),
    "a leading zero": (_with("ce_streamversion", b"03"), "ce_streamversion is no position"),
    "no instant": (_with("ce_time", b"yesterday"), "ce_time is no instant as the ledger writes it"),
    "no time zone": (_with("ce_time", b"2026-01-31T09:00:00"), "ce_time is no instant as the ledger writes it"),
    "an offset": (_with("ce_time", b"2026-01-31T10:00:00+01:00"), "ce_time is no instant as the ledger writes it"),
    "a header twice": (_more(("ce_id", b"learner-lrn_1/3")), "the header 'ce_id' is there twice"),
    "no headers": (lambda sent: sent._replace(headers=[]), "ce_specversion is not 1.0"),
    "no type": (lambda sent: sent._replace(headers=sent.headers[:3] + sent.headers[4:]), "there is no ce_type"),
    "another key": (lambda sent: sent._replace(key=b"lrn_2"), "the key is not that of ce_subject"),
    "a tombstone": (lambda sent: sent._replace(value=None), "the value is empty, or larger than a fact"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_the_ledger_would_not_have_written_is_refused_by_name(spoilt: str) -> None:
    spoil, reason = SPOILT[spoilt]

    with pytest.raises(Malformed) as refused:
        fact(spoil(message(SUBMITTED, "events")))

    assert reason == str(refused.value)


def test_headers_that_others_add_on_the_way_do_no_harm() -> None:
    sent = _more(("traceparent", b"00-1-1-00"), ("ce_comexampleroute", b"a"))(message(SUBMITTED, "events"))

    assert SUBMITTED == fact(sent)


HEADERS = st.lists(st.tuples(st.sampled_from(("ce_id", "ce_time", "ce_position", "x", "")), st.binary(max_size=30)))


@given(HEADERS, st.none() | st.binary(), st.none() | st.binary())
def test_any_message_is_a_fact_or_malformed(headers: Headers, key: bytes | None, value: bytes | None) -> None:
    garbage = Outgoing("events", key or b"", value, headers, 0)

    with pytest.raises(Malformed):
        fact(garbage)

    assert all(len(told) <= 256 for told in place(garbage))
