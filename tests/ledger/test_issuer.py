from __future__ import annotations

import msgspec
import pytest

from ledger.errors import UnusableDefinition
from ledger.events import IssuerDescribed
from ledger.issuer import DescribeIssuer, issuer
from tests.examples import DESIGNER, REGISTRAR
from tests.specification import NOW, given

LONG_AGO = NOW.replace(year=2020)
PROFILE = {"id": "https://college.example/#profile", "name": "A college", "url": "https://college.example"}
DESCRIBE = DescribeIssuer(**PROFILE, by=DESIGNER)
DESCRIBED = IssuerDescribed(effective_at=NOW, **PROFILE, described_by=DESIGNER)


def test_the_issuer_is_described_by_somebody() -> None:
    given(issuer).when(DESCRIBE).then(DESCRIBED)


def test_the_same_description_again_records_nothing_whoever_says_it() -> None:
    again = msgspec.structs.replace(DESCRIBE, by=REGISTRAR)

    given(issuer, msgspec.structs.replace(DESCRIBED, effective_at=LONG_AGO)).when(again).then()


@pytest.mark.parametrize("field", ["id", "name", "url"])
def test_a_description_that_differs_takes_the_place_of_the_one_before(field: str) -> None:
    other = {field: "https://university.example"}

    given(issuer, msgspec.structs.replace(DESCRIBED, effective_at=LONG_AGO)).when(
        msgspec.structs.replace(DESCRIBE, **other)
    ).then(msgspec.structs.replace(DESCRIBED, **other))


def test_what_was_said_once_may_be_said_again_after_something_else() -> None:
    other = msgspec.structs.replace(DESCRIBED, name="A university")

    given(issuer, DESCRIBED, other).when(DESCRIBE).then(DESCRIBED)


@pytest.mark.parametrize("field", ["id", "name", "url"])
def test_an_issuer_says_something_of_each(field: str) -> None:
    silent = msgspec.structs.replace(DESCRIBE, **{field: "  "})

    given(issuer).when(silent).then_refused(UnusableDefinition, field=field)
