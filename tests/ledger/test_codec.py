"""Laws of the codec: what is written is read back the same, and what it would not have written is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger import codec
from ledger.event import Actor, Event, catalogue_of_events, private_fields
from ledger.events import AwardSuspended, EvidenceAssessed, LearnerRegistered
from ledger.private import Private
from ledger.store import NewFact, Stored
from tests.examples import START

ANA = Actor(id="per_ana", role="assessor", client="api")
SEALED = Private(sealed=b"x" * 40)


def written(fact: Event) -> Stored:
    name, body = codec.encode(fact, ANA, "correlation")
    return Stored(7, "learner-lee", 3, name, body, 1_700_000_000_000_000)


def assessed(**changes: Any) -> EvidenceAssessed:
    fact = EvidenceAssessed(
        effective_at=START, assessment_id="asm_1", evidence_id="ev_1", assessor="per_ana", compared=(), met=True
    )
    return msgspec.structs.replace(fact, **changes)


# Anything a fact can say

_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Return what a field so annotated may hold."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return st.one_of(*map(values, arguments))
    if origin is Literal:
        return st.sampled_from(arguments).map(lambda text: "".join(list(text)))  # equal to the default, but another
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(_TEXT, values(arguments[1]), max_size=2)
    if annotation is Private:
        return st.binary(min_size=28, max_size=60).map(lambda sealed: Private(sealed=sealed))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return anything(annotation)
    if annotation is Any:
        return st.none() | st.booleans() | st.integers(-9, 9) | _TEXT | st.lists(_TEXT)
    if annotation is datetime:
        return st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
    if annotation is Decimal:
        return st.decimals(allow_nan=False, allow_infinity=False)
    return _TEXT if annotation is str else st.from_type(annotation)


def anything(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return any value of *cls*, each field given or left at its default."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(cls):
        (needed if field.required else optional)[field.name] = values(field.type)
    return st.fixed_dictionaries(needed, optional=optional).map(lambda given: cls(**given))


any_fact = st.sampled_from(list(catalogue_of_events().values())).flatmap(anything)


@given(fact=any_fact)
def test_what_is_written_is_read_back(fact: Event) -> None:
    stored = written(fact)

    recorded = codec.decode(stored)
    assert (fact, ANA, "correlation", None, None) == (
        recorded.fact, recorded.actor, recorded.correlation, recorded.causation, recorded.trace
    )  # fmt: skip
    assert (7, "learner-lee", "lee", 3) == (recorded.position, recorded.stream, recorded.subject, recorded.version)
    assert stored.recorded_at == recorded.recorded_at


@given(fact=any_fact)
def test_what_is_read_would_be_written_as_the_same_bytes(fact: Event) -> None:
    stored = written(fact)

    recorded = codec.check(stored)
    assert (stored.name, stored.body) == codec.encode(recorded.fact, recorded.actor, recorded.correlation)


@given(fact=any_fact)
def test_a_fact_settled_is_the_fact_that_will_be_read(fact: Event) -> None:
    new, settled = codec.settle(fact, ANA)

    assert codec.decode(Stored(1, "learner-lee", 1, *new, 0)).fact == settled == fact
    assert new == codec.encode(settled, ANA)


@given(fact=any_fact, data=st.data())
def test_bytes_changed_anywhere_are_refused_or_say_something_else(fact: Event, data: st.DataObject) -> None:
    stored = written(fact)
    place = data.draw(st.integers(0, len(stored.body) - 1))
    byte = data.draw(st.integers(0, 255))
    assume(byte != stored.body[place])
    changed = stored._replace(body=stored.body[:place] + bytes([byte]) + stored.body[place + 1 :])

    try:
        recorded = codec.check(changed)
    except codec.Unreadable:
        return
    assert codec.encode(recorded.fact, recorded.actor, recorded.correlation).body == changed.body


# Form


def test_the_stored_form_is_canonical_json_with_sorted_keys_and_no_defaults() -> None:
    fact = LearnerRegistered(effective_at=datetime(2026, 1, 31, 9, 0, tzinfo=UTC))

    assert (
        NewFact(
            "learner.registered.v1",
            b'{"actor":{"client":"api","id":"per_ana","role":"assessor"},"causation":"c","correlation":"r",'
            b'"fact":{"effective_at":"2026-01-31T09:00:00Z"},"trace":"t"}',
        )
    ) == codec.encode(fact, ANA, "r", "c", "t")


def test_a_default_that_was_spelled_out_is_left_out_all_the_same() -> None:
    spelled = "MARKER".lower()

    assert codec.encode(assessed(), ANA) == codec.encode(assessed(capacity=spelled, results={}, judgements=()), ANA)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ('"trace":"t"}', '"trace":"t"} '),
        ('"actor":', '"actor": '),
        ('"met":true', '"met":true,"moderate":false'),
        ('"met":true', '"met":true,"met":true'),
        ("09:00:00Z", "09:00:00+00:00"),
        ('"fact":', '"causation":null,"fact":'),
        ("per_ana", "per\\u005fana"),
    ],
)
def test_other_spellings_of_the_same_fact_are_refused_by_the_strict_check(ours: str, theirs: str) -> None:
    stored = Stored(7, "learner-lee", 3, *codec.encode(assessed(), ANA, trace="t"), 0)
    changed = stored._replace(body=stored.body.replace(ours.encode(), theirs.encode(), 1))

    assert changed.body != stored.body
    assert codec.decode(stored).fact == codec.decode(changed).fact
    with pytest.raises(codec.Unreadable, match="canonical"):
        codec.check(changed)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b'{"fact":{}}', b'{"actor":{"client":"a","id":"b","role":"c"},"fact":{"x":1}}'],
)
def test_what_is_no_fact_is_unreadable(body: bytes) -> None:
    with pytest.raises(codec.Unreadable, match="position 7"):
        codec.decode(written(assessed())._replace(body=body))


def test_a_name_from_a_later_version_is_unreadable_by_name() -> None:
    with pytest.raises(codec.Unreadable, match=r"evidence\.eaten\.v1"):
        codec.decode(written(assessed())._replace(name="evidence.eaten.v1"))


# What must not be written


@pytest.mark.parametrize(
    "fact",
    [
        AwardSuspended(effective_at=START, award_id="awd_1", cause="hand", reason=Private(plain="cheated")),
        AwardSuspended(effective_at=START, award_id="awd_1", cause="hand", reason=Private()),
        assessed(feedback=Private(sealed=b"x" * 40, plain="well done")),
        assessed(comments={"bead": SEALED, "safety": Private(plain="mind your eyes")}),
    ],
)
def test_personal_text_that_is_not_sealed_is_never_written(fact: Event) -> None:
    with pytest.raises(codec.Unwritable, match="not sealed"):
        codec.encode(fact, ANA)


def test_personal_text_stands_nowhere_that_the_codec_does_not_look() -> None:
    """It looks at the fields of facts themselves; a value inside a fact must hold none."""

    def holders(cls: Any) -> set[type]:
        inner = {
            arm
            for field in msgspec.structs.fields(cls)
            for arm in _arms(field.type)
            if isinstance(arm, type) and issubclass(arm, msgspec.Struct)
        }
        return inner | {below for arm in inner if arm is not Private for below in holders(arm)}

    for cls in catalogue_of_events().values():
        direct = {field.name for field in msgspec.structs.fields(cls) if Private in _arms(field.type)}
        assert set(private_fields(cls)) == direct
        assert all(Private not in holders(value) for value in holders(cls) - {Private})


def _arms(annotation: Any) -> set[Any]:
    return {annotation, *(below for arm in get_args(annotation) for below in _arms(arm))}


@pytest.mark.parametrize(
    "fact",
    [
        assessed(met="yes"),
        assessed(results={"score": math.nan}),
        assessed(compared=(1, 2)),
        assessed(capacity="bystander"),
        assessed(effective_at="yesterday"),
        assessed(judgements=None),
        assessed(assessor="\ud800"),
    ],
)
def test_a_fact_that_could_not_be_read_again_is_never_written(fact: Event) -> None:
    with pytest.raises(codec.Unwritable, match=r"v1: "):
        codec.encode(fact, ANA)


def test_an_instant_without_a_time_zone_is_never_written() -> None:
    with pytest.raises(codec.Unwritable, match="effective_at has no time zone"):
        codec.encode(LearnerRegistered(effective_at=datetime(2026, 1, 1)), ANA)  # noqa: DTZ001


@given(st.text(max_size=3), st.integers(0, 4), st.text(max_size=3))
def test_the_nul_character_is_refused_and_nothing_that_only_looks_like_it(
    before: str, backslashes: int, after: str
) -> None:
    text = before + "\\" * backslashes + "u0000" + after
    if "\0" in text or not text.isprintable():
        return
    codec.encode(assessed(evidence_id=text), ANA)

    with pytest.raises(codec.Unwritable, match="NUL"):
        codec.encode(assessed(evidence_id=text + "\0"), ANA)
    with pytest.raises(codec.Unwritable, match="NUL"):
        codec.encode(assessed(evidence_id="\\" * backslashes + "\0"), ANA)
