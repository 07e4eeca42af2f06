"""The files `docs/schemas/*.json`: what the value of each message on Kafka is, as JSON Schema."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, get_args, get_type_hints

import msgspec

from consumers.dead_letters import TYPE, RefusedCommand
from consumers.intake_messages import TYPES
from consumers.transcripts import PublishedTranscript
from ledger.codec import Envelope
from ledger.event import catalogue_of_events
from ledger.private import Private

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
TRANSCRIPT = "learner.transcript.v1"


def schema_files() -> dict[str, Callable[[], str]]:
    """Return every file by its name in `docs/`."""
    shapes: dict[str, Any] = {
        name: Envelope[cls]  # type: ignore[valid-type]
        for name, cls in catalogue_of_events().items()
    }
    shapes[TRANSCRIPT] = PublishedTranscript
    shapes |= {**TYPES, TYPE: RefusedCommand}
    return {f"schemas/{name}.json": partial(_file, name, shape) for name, shape in shapes.items()}


def _file(name: str, shape: Any) -> str:
    return json.dumps(schema(name, shape), indent=2, ensure_ascii=False) + "\n"


def schema(name: str, shape: Any) -> dict[str, Any]:
    """Return the schema of values called *name*, which are of the type *shape*."""
    (root,), parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    top = root["$ref"].rpartition("/")[2]
    for part in parts.values():
        part.pop("title", None)
    for cls in _structs(shape):
        _say_instants(cls, parts[_part(cls, shape, top)])
    if "Private" in parts:
        parts["Private"] = _sealed()
    told = parts.pop(top)
    about = shape if isinstance(shape, type) else get_args(shape)[0]
    told["description"] = " ".join((inspect.getdoc(about) or "").split())
    return {"$schema": _DIALECT, "title": name, **told, "$defs": dict(sorted(parts.items()))}


def _part(cls: type, shape: Any, top: str) -> str:
    return top if cls in (shape, getattr(shape, "__origin__", None)) else cls.__name__


def _sealed() -> dict[str, Any]:
    """Return what the value of a private field is in a message: its text is sealed before it is stored."""
    return {
        "description": "Personal text, encrypted under the learner's own key; nobody outside the ledger can read it.",
        "type": "object",
        "properties": {"sealed": {"type": "string", "contentEncoding": "base64"}},
        "required": ["sealed"],
        "additionalProperties": False,
    }


def _say_instants(cls: type[msgspec.Struct], part: dict[str, Any]) -> None:
    """Say of texts that are instants that they are: with an offset, as RFC 3339 has it."""
    for name, hint in get_type_hints(cls).items():
        if name in part.get("properties", {}) and (hint is datetime or datetime in get_args(hint)):
            field = part["properties"][name]
            text = next((one for one in field.get("anyOf", ()) if one.get("type") == "string"), field)
            text["format"] = "date-time"


def _structs(shape: Any) -> list[type[msgspec.Struct]]:
    """Return the classes that a value of *shape* is made of, but for private text."""
    found: dict[type[msgspec.Struct], None] = {}

    def look(annotation: Any) -> None:
        for one in get_args(annotation):
            look(one)
        cls = getattr(annotation, "__origin__", annotation)
        if isinstance(cls, type) and issubclass(cls, msgspec.Struct) and cls is not Private and cls not in found:
            found[cls] = None
            for hint in get_type_hints(cls).values():
                look(hint)

    look(shape)
    return list(found)
