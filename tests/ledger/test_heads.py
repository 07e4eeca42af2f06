"""Heads of the log that were accepted: each begins another log, once."""

from __future__ import annotations

from ledger.events import HeadAccepted
from ledger.heads import AcceptHead, heads
from tests.specification import NOW, given


def _accept(origin: str) -> AcceptHead:
    return AcceptHead(origin=origin, former_origin="college/1", found="a head", because="It was restored.", by="per_op")


def _accepted(origin: str) -> HeadAccepted:
    return HeadAccepted(
        effective_at=NOW,
        origin=origin,
        former_origin="college/1",
        found="a head",
        because="It was restored.",
        accepted_by="per_op",
    )


def test_an_accepted_head_begins_another_log_with_what_was_found_and_why() -> None:
    given(heads).when(_accept("college/2")).then(_accepted("college/2"))


def test_an_origin_is_begun_once() -> None:
    given(heads, _accepted("college/2")).when(_accept("college/2")).then()
    given(heads, _accepted("college/2")).when(_accept("college/3")).then(_accepted("college/3"))
