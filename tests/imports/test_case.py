"""Importing a competency framework from a CASE package."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import jsonschema_rs
import pytest

from api.imports.case import import_case
from api.imports.unusable import UnusableFile
from ledger.application import Ledger
from tests.oulad import SHARED

WHEN = "2026-01-01T00:00:00Z"
OFFICIAL = SHARED / "data/standards/schemas/case/v1_1/case_v1p1_cfpackage-jsonschema1.json"
FRAMEWORK, TALK, WRITE = (str(uuid5(NAMESPACE_URL, name)) for name in ("framework", "talk", "write"))


def node(name: str) -> dict[str, str]:
    return {"title": name, "identifier": name, "uri": f"https://case.example/{name}"}


def item(name: str, code: str, statement: str) -> dict[str, str]:
    address = f"https://case.example/{name}"
    return {
        "identifier": name,
        "uri": address,
        "fullStatement": statement,
        "humanCodingScheme": code,
        "lastChangeDateTime": WHEN,
    }


def child(of: str, name: str, number: int) -> dict[str, Any]:
    return {
        "identifier": str(uuid5(NAMESPACE_URL, f"{name} of {of}")),
        "uri": f"https://case.example/{name}/of/{of}",
        "associationType": "isChildOf",
        "sequenceNumber": number,
        "originNodeURI": node(name),
        "destinationNodeURI": node(of),
        "lastChangeDateTime": WHEN,
    }


PACKAGE: dict[str, Any] = {
    "CFDocument": {
        "identifier": FRAMEWORK,
        "uri": f"https://case.example/{FRAMEWORK}",
        "creator": "A ministry",
        "title": "Employability",
        "lastChangeDateTime": WHEN,
        "caseVersion": "1.1",
    },
    "CFItems": [item(TALK, "T1", "Communicates"), item(WRITE, "T1.1", "Writes clearly")],
    "CFAssociations": [child(FRAMEWORK, TALK, 1), child(TALK, WRITE, 1)],
    "CFDefinitions": {"CFConcepts": []},
}


@pytest.mark.skipif(not OFFICIAL.exists(), reason="shared/ is not here: it holds the official schema")
def test_the_package_read_here_is_one_by_the_official_schema() -> None:
    jsonschema_rs.validator_for(json.loads(OFFICIAL.read_text("utf-8"))).validate(PACKAGE)


def test_a_framework_is_its_statements_and_how_they_nest(empty: Ledger) -> None:
    import_case(empty, json.dumps(PACKAGE).encode())
    imported = empty.catalogue().frameworks[FRAMEWORK].imported

    assert imported is not None
    assert (imported.title, imported.publisher) == ("Employability", "A ministry")
    assert [(one.id, one.code, one.statement) for one in imported.competencies] == [
        (TALK, "T1", "Communicates"),
        (WRITE, "T1.1", "Writes clearly"),
    ]
    assert imported.parents == {WRITE: TALK}


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
        (lambda p: p["CFAssociations"].append(child(WRITE, TALK, 0)), "part of itself"),
    ],
)
def test_an_unusable_package_says_where_and_leaves_no_trace(empty: Ledger, change: Any, says: str) -> None:
    package = deepcopy(PACKAGE)
    change(package)

    with pytest.raises(UnusableFile, match=says):
        import_case(empty, json.dumps(package).encode())

    assert empty.store.head() == 0
