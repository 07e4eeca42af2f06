from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ledger.errors import UnusableDefinition, UnusableIdentifier
from ledger.events import Competency, FrameworkImported
from ledger.frameworks import ImportFramework, frameworks
from tests.specification import NOW, given

WELD = Competency(id="c1", statement="Welds in all positions.", url="https://case.example/c1")
READ = Competency(id="c2", statement="Reads drawings.", url="https://case.example/c2")
IMPORT = ImportFramework(
    framework_id="skills",
    title="Skills",
    url="https://case.example/skills",
    competencies=(WELD, READ),
    parents={"c2": "c1"},
    digest="abc",
)
IMPORTED = FrameworkImported(
    effective_at=NOW,
    title="Skills",
    url="https://case.example/skills",
    publisher=None,
    competencies=(WELD, READ),
    parents={"c2": "c1"},
    digest="abc",
)


def test_a_framework_is_imported_as_a_whole() -> None:
    given(frameworks).when(IMPORT).then(IMPORTED)


def test_importing_the_same_again_records_nothing() -> None:
    given(frameworks, msgspec.structs.replace(IMPORTED, effective_at=NOW.replace(year=2020))).when(IMPORT).then()


def test_a_different_import_replaces_it() -> None:
    other = msgspec.structs.replace(IMPORT, title="Skills, second edition", digest="def")
    replaced = msgspec.structs.replace(IMPORTED, title="Skills, second edition", digest="def")

    given(frameworks, IMPORTED).when(other).then(replaced)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"competencies": ()}, "competencies"),
        ({"competencies": (WELD, WELD), "parents": {}}, "competencies.1.id"),
        ({"parents": {"c2": "c9"}}, "parents"),
        ({"parents": {"c2": "c1", "c1": "c2"}}, "parents"),
    ],
)
def test_an_unsound_framework_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    given(frameworks).when(msgspec.structs.replace(IMPORT, **changes)).then_refused(UnusableDefinition, field=field)


def test_an_unusable_id_is_refused() -> None:
    given(frameworks).when(msgspec.structs.replace(IMPORT, framework_id="")).then_refused(UnusableIdentifier)
