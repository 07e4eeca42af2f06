"""
What is typed to find facts: `type:award.revoked actor:gail learner:s1001 after:2026-01-01 words "and a phrase"`.

Each term may stand once; people and learners are named by the college's reference or the ledger's own id. What is no
term is a word, looked for in what is not sealed; in quotation marks anything is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Any

from api.audit.moments import NoMoment, day
from ledger.event import catalogue_of_events
from ledger.identities import Identities
from ledger.upcasters import upcasters
from projections.searching import Query

LONGEST = 500
_WORDS_MOST = 10
_TERMS = ("type", "actor", "learner", "achievement", "stack", "batch", "after", "before", "position")
_TOKEN = re.compile(r'([a-z]+:)?"([^"]*)"|(\S+)')
_TERM = re.compile(r"([A-Za-z][A-Za-z_-]*):(.*)", re.DOTALL)
_POSITIONS = re.compile(r"([0-9]{1,18})(?:(?:-|\.\.)([0-9]{1,18}))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class UnusableQuery(ValueError):
    """What was typed cannot be looked for; the sentence says why."""


def parsed(text: str, identities: Identities) -> Query:
    """Return what *text* asks for."""
    if len(text) > LONGEST:
        raise UnusableQuery(f"A search has at most {LONGEST} characters.")
    found: dict[str, Any] = {}
    words: list[str] = []
    for term, value in _tokens(text):
        if term is None:
            words.append(value.casefold())
        elif term not in _TERMS:
            known = ", ".join(f"{name}:" for name in _TERMS)
            raise UnusableQuery(
                f"There is no term {term}: to search by; there are {known} and words, in quotation marks."
            )
        elif not value:
            raise UnusableQuery(f"{term}: must be followed by what to look for.")
        elif term in found:
            raise UnusableQuery(f"{term}: may stand only once.")
        else:
            found[term] = _read(term, value, identities)
    if len(words) > _WORDS_MOST:
        raise UnusableQuery(f"A search has at most {_WORDS_MOST} words.")
    first, last = found.pop("position", (None, None))
    return Query(**found, first=first, last=last, words=tuple(words))


def _tokens(text: str) -> list[tuple[str | None, str]]:
    if text.count('"') % 2:
        raise UnusableQuery("A quotation mark is not closed.")
    tokens: list[tuple[str | None, str]] = []
    for prefix, quoted, bare in _TOKEN.findall(text):
        term = _TERM.fullmatch(bare) if bare else None
        if prefix:
            tokens.append((prefix[:-1], quoted))
        elif term is not None:
            tokens.append((term[1].lower(), term[2]))
        elif bare or quoted:
            tokens.append((None, bare or quoted))
    return tokens


def _read(term: str, value: str, identities: Identities) -> Any:
    match term:
        case "type":
            return _type(value)
        case "actor":
            return identities.find("person", value) or identities.find("learner", value) or value
        case "learner":
            return identities.find("learner", value) or value
        case "after" | "before":
            return _instant(term, value)
        case "position":
            return _positions(value)
    return value


def _type(value: str) -> str:
    newest = {name.rpartition(".v")[0] for name in catalogue_of_events()}
    if value in newest:
        return value
    plain = value.rpartition(".v")[0]
    if value in catalogue_of_events():
        return plain
    if value in upcasters.names():  # read as what it has become
        return plain if plain in newest else value
    close = sorted(name for name in newest if name.partition(".")[0] == value.partition(".")[0])
    hint = f"; of {value.partition('.')[0]} there are {', '.join(close)}" if close else ", such as award.revoked"
    raise UnusableQuery(f"No fact is of the type {value}{hint}.")


def _instant(term: str, value: str) -> datetime:
    """A date begins at its first instant in UTC: `after` includes that day, `before` does not."""
    try:
        found = day(value)
    except NoMoment as wrong:
        raise UnusableQuery(f"{term}: {wrong}.") from None
    return datetime.combine(found.date(), time(), UTC) if _DAY.fullmatch(value) else found


def _positions(value: str) -> tuple[int, int]:
    found = _POSITIONS.fullmatch(value)
    if found is None:
        raise UnusableQuery("position: must be a position such as 1200, or the first and the last, such as 1200-1300.")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if last < first:
        raise UnusableQuery("position: the first must not be after the last.")
    return first, last
