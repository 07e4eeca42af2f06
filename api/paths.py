"""Where in a document a value was refused: `stacks[0].milestone.criteria.narrative`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

LISTED_MOST = 50
_WHOLE = "_schema"


class FieldError(NamedTuple):
    """One refused value: its path, and what it must be."""

    field: str
    message: str

    @property
    def sentence(self) -> str:
        return f"{self.field or 'The document'} {self.message}."


def field_errors(messages: Any) -> list[FieldError]:
    """Flatten what a schema found into paths and messages, at most `LISTED_MOST`, in document order."""
    found: list[FieldError] = []
    for error in _walk(messages, ""):
        if len(found) == LISTED_MOST:
            break
        found.append(error)
    return found


def _walk(messages: Any, path: str) -> Iterator[FieldError]:
    if isinstance(messages, dict):
        for name, below in messages.items():
            yield from _walk(below, _joined(path, name))
    elif isinstance(messages, (list, tuple)):
        for below in messages:
            yield from _walk(below, path)
    else:
        yield FieldError(path, str(messages).rstrip("."))


def _joined(path: str, name: Any) -> str:
    if name == _WHOLE:
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)
