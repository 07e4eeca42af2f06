"""
Pages of lists, by cursor.

A cursor says where the last page ended, in the list's own order (a position of the log, or an identifier),
so that what is recorded meanwhile neither repeats nor skips an item. Cursors are to be passed on, not understood.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from api.answers import Page
from api.paths import FieldError
from api.problem_kinds import UNUSABLE
from api.problems import Problem

T = TypeVar("T")


def page(found: Sequence[T], limit: int, mark: Callable[[T], object]) -> Page[T]:
    """Return *found*, of which one more than *limit* was asked for, as a page; *mark* is where an item stands."""
    items = list(found[:limit])
    return Page(items=items, next=written(mark(items[-1])) if len(found) > limit else None)


def page_of_names(names: Iterable[str], limit: int, cursor: str | None) -> tuple[list[str], str | None]:
    """Return one page of *names* in order, and the cursor of the next."""
    after = after_name(cursor)
    found = sorted(name for name in names if name > after)[: limit + 1]
    return found[:limit], written(found[limit - 1]) if len(found) > limit else None


def after_position(cursor: str | None) -> int:
    """Return the position after which a page begins."""
    text = _read(cursor) if cursor else "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise unusable()
    return int(text)


def after_name(cursor: str | None) -> str:
    """Return the name after which a page begins."""
    return _read(cursor) if cursor else ""


def written(mark: object) -> str:
    """Return *mark* as a cursor."""
    return base64.urlsafe_b64encode(str(mark).encode()).decode().rstrip("=")


def _read(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise unusable() from None
    if "\x00" in text or written(text) != cursor:
        raise unusable()
    return text


def unusable() -> Problem:
    """Return the refusal of a cursor that no page of the list gave."""
    error = FieldError("cursor", "must be the `next` of an earlier page of this list")
    return Problem(UNUSABLE, error.sentence, error)
