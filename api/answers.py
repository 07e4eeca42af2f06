"""
Answers: plain values written as JSON, and described in the OpenAPI document by their types.

Numbers stay numbers (credits 1.5, not "1.5"), instants are UTC with Z, and what touched the resource last is its ETag.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from flask import Response
from flask.json.provider import JSONProvider

from api.strict_json import loads

T = TypeVar("T")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DESCRIBED: dict[str, type] = {}


def encoded(document: Any) -> bytes:
    """Return *document* as JSON, ended like a line: answers are read in terminals too."""
    return _ENCODER.encode(document) + b"\n"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next` is the cursor of the following one."""

    items: list[T]
    next: str | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the ledger a command was recorded, and the identifier of what it concerns."""

    id: str
    stream: str
    version: int
    position: int


class Json(JSONProvider):
    """JSON of Flask by msgspec: exact decimals, UTC instants, structs and dataclasses as they are."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return _ENCODER.encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return loads(s.encode() if isinstance(s, str) else s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(encoded(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def answer(document: Any, *, position: int | None = None, status: int = 200, location: str | None = None) -> Response:
    """Answer *document*, last touched at *position*."""
    response = Response(encoded(document), status=status, mimetype="application/json")
    if position is not None:
        response.headers["ETag"] = f'"{position}"'
    if location is not None:
        response.headers["Location"] = location
    return response


def complete(value: Any) -> Any:
    """Return *value* with its defaults written out, which stored facts leave away and readers want to see."""
    if isinstance(value, msgspec.Struct):
        return {name: complete(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, (tuple, list)):
        return [complete(item) for item in value]
    return value


def described(kind: Any) -> dict[str, str]:
    """Return the reference under which the OpenAPI document describes answers of type *kind*."""
    name = _name_of(kind)
    _DESCRIBED[name] = kind
    return {"$ref": f"#/components/schemas/{name}"}


def describe(spec: Any) -> None:
    """Put every described type, and what it is made of, into the OpenAPI document."""
    _, components = msgspec.json.schema_components(
        list(_DESCRIBED.values()), ref_template="#/components/schemas/{name}"
    )
    for name, schema in components.items():
        spec.components.schema(_component(name), _as_written(schema))


def _name_of(kind: Any) -> str:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template="{name}")
    return _component(str(schema["$ref"]))


def _component(name: str) -> str:
    return name.replace("[", "Of").replace("]", "").replace("_", "").replace(".", "")


def _as_written(schema: Any) -> Any:
    """Decimals are written as numbers; names of generic types become usable as component names."""
    if isinstance(schema, list):
        return [_as_written(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {"type": "number"} | {
            name: value for name, value in schema.items() if name not in {"type", "format", "default"}
        }
    if "$ref" in schema:
        head, _, name = str(schema["$ref"]).rpartition("/")
        return {**schema, "$ref": f"{head}/{_component(name)}"}
    return {name: _as_written(value) for name, value in schema.items()}
