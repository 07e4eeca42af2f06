"""The page for those who send evidence and judgements is true: its samples are taken, and it names everything."""

from __future__ import annotations

import re

import pytest

from consumers.dead_letters import TYPE
from consumers.intake_messages import TYPES, body
from tests.house.generated import DOCS

PAGE = (DOCS / "intake.md").read_text(encoding="utf-8")
SAMPLES = dict(zip(TYPES, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL), strict=True))


@pytest.mark.parametrize("name", TYPES)
def test_the_samples_are_taken(name: str) -> None:
    assert isinstance(body(SAMPLES[name].encode(), name), TYPES[name])


@pytest.mark.parametrize("name", [*TYPES, TYPE])
def test_every_type_has_its_schema(name: str) -> None:
    assert f"(schemas/{name}.json)" in PAGE


@pytest.mark.parametrize("name", TYPES)
def test_every_field_is_named(name: str) -> None:
    fields = TYPES[name].__struct_fields__

    assert [] == [field for field in fields if f"`{field}`" not in PAGE and f'"{field}"' not in PAGE]
