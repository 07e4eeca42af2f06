"""
A competency framework from a 1EdTech CASE 1.x package (`CFPackage`), as `getCFPackage` answers or as a file.

Taken are the document's title, publisher and address, each item's statement, code, type and address, and `isChildOf`
among items; https://www.imsglobal.org/spec/case/v1p1. The rest (rubrics, concepts, extensions) is left where it is.
An item with several parents keeps the first by `sequenceNumber`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields

from api.imports.rehearsal import COMMAND_LINE, Rehearsal
from api.imports.unusable import UnusableFile
from api.paths import field_errors
from api.schemas.fields import Identifier, Link, Listed, Nested, Prose, Shape, Text
from api.strict_json import Malformed, loads
from ledger.application import Ledger, Receipt, utc_now
from ledger.catalogue import EMPTY
from ledger.errors import Refused
from ledger.event import Actor
from ledger.events import Competency
from ledger.frameworks import ImportFramework


class _Loose(Shape):
    """What CASE leaves open to extensions."""

    class Meta:
        unknown = EXCLUDE


class _DocumentSchema(_Loose):
    identifier = Identifier(required=True)
    uri = Link(required=True)
    title = Text(required=True)
    creator = Text()
    publisher = Text(allow_none=True)


class _ItemSchema(_Loose):
    identifier = Identifier(required=True)
    uri = Link(required=True)
    fullStatement = Prose(required=True)  # noqa: N815 -- the standard's name
    humanCodingScheme = Text(allow_none=True)  # noqa: N815
    CFItemType = Text(allow_none=True)


class _NodeSchema(_Loose):
    identifier = Identifier(required=True)


class _AssociationSchema(_Loose):
    associationType = Text(required=True)  # noqa: N815
    sequenceNumber = fields.Integer(allow_none=True)  # noqa: N815
    originNodeURI = Nested(_NodeSchema, required=True)  # noqa: N815
    destinationNodeURI = Nested(_NodeSchema, required=True)  # noqa: N815


class PackageSchema(_Loose):
    """A `CFPackage`."""

    CFDocument = Nested(_DocumentSchema, required=True)
    CFItems = Listed(Nested(_ItemSchema), most=50_000, required=True)
    CFAssociations = Listed(Nested(_AssociationSchema), most=200_000)


def read(raw: bytes) -> ImportFramework:
    """Read the package in *raw*; raises `UnusableFile` naming the path of the first faults."""
    try:
        package: dict[str, Any] = PackageSchema().load(loads(raw))
    except Malformed as error:
        raise UnusableFile(str(error)) from None
    except ValidationError as error:
        raise UnusableFile(" ".join(found.sentence for found in field_errors(error.messages)[:5])) from None
    document = package["CFDocument"]
    return ImportFramework(
        framework_id=document["identifier"],
        title=document["title"],
        url=document["uri"],
        publisher=document.get("publisher") or document.get("creator"),
        competencies=tuple(_competency(item) for item in package["CFItems"]),
        parents=_parents(package),
        digest=hashlib.sha256(raw).hexdigest(),
    )


def import_case(ledger: Ledger, raw: bytes, *, actor: Actor = COMMAND_LINE) -> Receipt:
    """Record the framework in *raw*; importing the same again records nothing."""
    return ledger.execute(rehearsed(raw), actor=actor)


def rehearsed(raw: bytes) -> ImportFramework:
    """Return what *raw* asks for; raises `UnusableFile` for what any ledger would refuse, an empty one too."""
    command = read(raw)
    try:
        Rehearsal(EMPTY, utc_now()).decide(command)
    except Refused as refused:
        raise UnusableFile(refused.detail) from None
    return command


def _competency(item: dict[str, Any]) -> Competency:
    return Competency(
        id=item["identifier"],
        statement=item["fullStatement"],
        url=item["uri"],
        code=item.get("humanCodingScheme"),
        type=item.get("CFItemType"),
    )


def _parents(package: dict[str, Any]) -> dict[str, str]:
    known = {item["identifier"] for item in package["CFItems"]}
    parents: dict[str, str] = {}
    for association in sorted(package.get("CFAssociations", ()), key=lambda each: each.get("sequenceNumber") or 0):
        child = association["originNodeURI"]["identifier"]
        parent = association["destinationNodeURI"]["identifier"]
        if association["associationType"] == "isChildOf" and child in known and parent in known:
            parents.setdefault(child, parent)
    return parents
