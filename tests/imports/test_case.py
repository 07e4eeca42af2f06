"""Importing a competency framework from a CASE package."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from api.imports.case import import_case
from api.imports.unusable import UnusableFile
from ledger.application import Ledger

WHEN = "2026-01-01T00:00:00Z"


def node(name: str) -> dict[str, str]:
    return {"title": name, "identifier": name, "uri": f"https://case.example/{name}"}


def item(name: str, statement: str) -> dict[str, str]:
    address = f"https://case.example/{name}"
    return {
        "identifier": name,
        "uri": address,
        "fullStatement": statement,
        "humanCodingScheme": name.upper(),
        "lastChangeDateTime": WHEN,
    }


def child(of: str, name: str, number: int) -> dict[str, Any]:
    return {
        "identifier": f"a-{name}-{of}",
        "uri": f"https://case.example/a-{name}-{of}",
        "associationType": "isChildOf",
        "sequenceNumber": number,
        "originNodeURI": node(name),
        "destinationNodeURI": node(of),
        "lastChangeDateTime": WHEN,
    }


PACKAGE: dict[str, Any] = {
    "CFDocument": {
        "identifier": "fw",
        "uri": "https://case.example/fw",
        "creator": "A ministry",
        "title": "Employability",
        "lastChangeDateTime": WHEN,
        "caseVersion": "1.1",
    },
    "CFItems": [item("talk", "Communicates"), item("write", "Writes clearly")],
    "CFAssociations": [child("fw", "talk", 1), child("talk", "write", 1)],
    "CFDefinitions": {"CFConcepts": []},
}


def test_a_framework_is_its_statements_and_how_they_nest(empty: Ledger) -> None:
    import_case(empty, json.dumps(PACKAGE).encode())
    imported = empty.catalogue().frameworks["fw"].imported

    assert imported is not None
    assert (imported.title, imported.publisher) == ("Employability", "A ministry")
    assert [(one.id, one.code, one.statement) for one in imported.competencies] == [
        ("talk", "TALK", "Communicates"),
        ("write", "WRITE", "Writes clearly"),
    ]
    assert imported.parents == {"write": "talk"}


def test_importing_the_same_again_records_nothing(empty: Ledger) -> None:
    raw = json.dumps(PACKAGE).encode()
    import_case(empty, raw)

    assert import_case(empty, raw).recorded == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p.pop("CFDocument"), "CFDocument is missing"),
        (lambda p: p["CFItems"][1].pop("fullStatement"), r"CFItems\[1\].fullStatement is missing"),
        (lambda p: p["CFItems"].append(p["CFItems"][0]), "stands there twice"),
        (lambda p: p["CFAssociations"].append(child("write", "talk", 0)), "part of itself"),
    ],
)
def test_an_unusable_package_says_where_and_leaves_no_trace(empty: Ledger, change: Any, says: str) -> None:
    package = deepcopy(PACKAGE)
    change(package)

    with pytest.raises(UnusableFile, match=says):
        import_case(empty, json.dumps(package).encode())

    assert empty.store.head() == 0
