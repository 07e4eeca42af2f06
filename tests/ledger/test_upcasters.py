"""Facts of an older version are read as today's; their bytes stay as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest

from ledger.codec import Codec, Unreadable
from ledger.event import Actor, Event
from ledger.events import Judgement
from ledger.private import Private
from ledger.store import Stored
from ledger.upcasters import JSON, Upcasters

ANA = Actor(id="per_ana", role="assessor", client="api")


class Examined(Event, frozen=True, kw_only=True):
    """As first written: one examiner, and a mark out of ten."""

    exam_id: str
    examiner: str
    mark: int
    remark: Private | None = None


class ExaminedTogether(Event, frozen=True, kw_only=True):
    """As written since: several examiners, and judgements; whether it was blind is known since the third version."""

    exam_id: str
    examiners: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    remark: Private | None = None
    blind: Literal["no", "yes", "unknown"] = "unknown"


V1 = Codec(lambda _: Examined, lambda _: "exam.held.v1", Upcasters())


def todays_codec() -> Codec:
    """Return the codec of a ledger that has written v3 for some time."""
    steps = Upcasters()

    @steps.step("exam.held.v1", "exam.held.v2")
    def several_examiners_judge_criteria(fact: JSON) -> JSON:
        examiner, mark = fact.pop("examiner"), fact.pop("mark")
        return fact | {"examiners": [examiner], "judgements": [{"criterion": "whole", "met": mark >= 5}]}

    @steps.step("exam.held.v2", "exam.held.v3")
    def nobody_noted_whether_it_was_blind(fact: JSON) -> JSON:
        return fact

    return Codec({"exam.held.v3": ExaminedTogether}.__getitem__, lambda _: "exam.held.v3", steps)


def stored_long_ago() -> Stored:
    fact = Examined(
        effective_at=datetime(2024, 5, 1, tzinfo=UTC),
        exam_id="x1",
        examiner="per_ana",
        mark=7,
        remark=Private(sealed=b"x" * 30),
    )
    return Stored(4, "learner-lee", 2, *V1.encode(fact, ANA, "correlation"), 0)


def test_a_fact_of_the_first_version_is_read_as_todays() -> None:
    recorded = todays_codec().decode(stored_long_ago())

    today = ExaminedTogether(
        effective_at=datetime(2024, 5, 1, tzinfo=UTC),
        exam_id="x1",
        examiners=("per_ana",),
        judgements=(Judgement(criterion="whole", met=True),),
        remark=Private(sealed=b"x" * 30),
    )
    assert today == recorded.fact
    assert (ANA, "correlation", 4, 2) == (recorded.actor, recorded.correlation, recorded.position, recorded.version)


def test_facts_of_today_are_written_and_read_under_the_newest_name() -> None:
    codec = todays_codec()
    fact = codec.decode(stored_long_ago()).fact

    new = codec.encode(fact, ANA)
    assert "exam.held.v3" == new.name
    assert fact == codec.check(Stored(5, "learner-lee", 3, *new, 0)).fact


def test_the_strict_check_looks_at_the_old_bytes_as_they_are() -> None:
    codec, stored = todays_codec(), stored_long_ago()

    codec.check(stored)
    with pytest.raises(Unreadable, match="canonical"):
        codec.check(stored._replace(body=stored.body.replace(b":", b": ", 1)))


def test_old_bytes_that_lead_nowhere_are_unreadable() -> None:
    codec, stored = todays_codec(), stored_long_ago()

    with pytest.raises(Unreadable, match="position 4"):
        codec.decode(stored._replace(body=stored.body.replace(b'"exam_id"', b'"exam_no"')))
    with pytest.raises(Unreadable, match="position 4"):
        codec.decode(stored._replace(body=stored.body.replace(b'"examiner"', b'"searcher"')))


def test_steps_lead_one_way() -> None:
    steps = Upcasters()
    steps.step("a.b.v1", "a.b.v2")(dict)

    with pytest.raises(ValueError, match="already"):
        steps.step("a.b.v1", "a.b.v3")(dict)
    with pytest.raises(ValueError, match="as itself"):
        steps.step("a.b.v2", "a.b.v1")(dict)
    assert ("a.b.v1",) == steps.names()


def test_steps_are_taken_one_after_another() -> None:
    steps = Upcasters()
    steps.step("a.b.v2", "a.b.v3")(lambda fact: {**fact, "third": True})
    steps.step("a.b.v1", "a.b.v2")(lambda fact: {**fact, "second": True})

    assert ("a.b.v3", {"first": 1, "second": True, "third": True}) == steps.upcast("a.b.v1", {"first": 1})
    assert ("a.b.v3", {}) == steps.upcast("a.b.v3", {})
    assert msgspec.json.encode({"third": True}) == msgspec.json.encode(steps.upcast("a.b.v2", {})[1])
