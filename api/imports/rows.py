"""
A CSV of results, read row by row against the catalogue; nothing is recorded here.

    learner_ref,achievement,evidence_id,evidence_url,narrative,submitted_at,assessor_ref,assessed_at,result,outcome

UTF-8 with or without a byte order mark, CRLF or LF, quoted where needed, columns in any order;
further columns `result:<id>` state further results. Instants say their offset from UTC: a date, or a local time,
would mean a different moment to every reader, so such a row is refused.
`outcome` is met, not_yet_met or empty. Empty with a result leaves it to the pass mark;
without result and outcome the row is evidence only, and its assessor columns are ignored.

A file that is no such CSV is unusable as a whole; everything else is refused by the row, in one sentence.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from api.imports.unusable import UnusableFile
from api.problems import kebab
from api.schemas.fields import PROSE, instant
from ledger import errors
from ledger.definition import AchievementDefinition, ResultDescription

if TYPE_CHECKING:
    from _csv import Reader

COLUMNS = (
    "learner_ref", "achievement", "evidence_id", "evidence_url", "narrative",
    "submitted_at", "assessor_ref", "assessed_at", "result", "outcome",
)  # fmt: skip
FURTHER = "result:"
OUTCOMES = {"met": True, "not_yet_met": False, "": None}
_REF_LONGEST = 200
_LINK_LONGEST = 2000
_DECIMAL_PLACES = 6
_NUMBER_MAX = 10**9
_KINDS = ("https", "http", "urn", "doi", "ark", "hdl")
_ADDRESS = re.compile(rf"(?:{'|'.join(_KINDS)}):[^\s<>\"]+", re.IGNORECASE)


class Judged(NamedTuple):
    """Who judged the evidence when, and what was found; `met` is None where the pass mark decides."""

    assessor_ref: str
    assessed_at: datetime
    met: bool | None
    results: dict[str, Decimal]


class Row(NamedTuple):
    """One usable row: evidence, and a judgement where there is one."""

    line: int
    learner_ref: str
    achievement: str
    evidence_id: str
    evidence_url: str | None
    narrative: str | None
    submitted_at: datetime
    judged: Judged | None


class Reported(NamedTuple):
    """What became of one row: `recorded`, `repeated`, or the name of the broken rule, with its sentence."""

    line: int
    code: str
    sentence: str


class _Refused(Exception):
    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reported = (code, sentence)


def read(raw: bytes, definition_of: Callable[[str], AchievementDefinition]) -> Iterator[Row | Reported]:
    """
    Read every row of the file *raw* as a `Row`, or as `Reported` where it is refused.

    *definition_of* answers what the newest published version of an achievement asks, or raises `Refused`.
    Raises `UnusableFile` before the first row where the header is wrong, later where the CSV breaks.
    """
    reader = _reader(raw)
    try:
        columns = _columns(next(reader, []))
        cached = lru_cache(maxsize=None)(definition_of)
        line = reader.line_num
        for cells in reader:
            began, line = line + 1, reader.line_num
            if not cells:
                continue
            try:
                yield _row(began, cells, columns, cached)
            except _Refused as refused:
                yield Reported(began, *refused.reported)
            except errors.Refused as refused:
                yield Reported(began, kebab(type(refused).__name__), refused.detail)
    except csv.Error as error:
        raise UnusableFile(f"Line {reader.line_num} is not CSV: {error}.") from None


def readable(raw: bytes) -> None:
    """Raise `UnusableFile` unless *raw* is such a CSV from its header to its end, whatever its rows say."""
    reader = _reader(raw)
    try:
        _columns(next(reader, []))
        for _ in reader:
            pass
    except csv.Error as error:
        raise UnusableFile(f"Line {reader.line_num} is not CSV: {error}.") from None


def _reader(raw: bytes) -> Reader:
    csv.field_size_limit(2**31 - 1)  # Long fields are refused by the row, rather than with the whole file.
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"Line {line} is not UTF-8; save the file as UTF-8.") from None
    return csv.reader(StringIO(text, newline=""), strict=True)


def _columns(header: list[str]) -> dict[str, int]:
    names = [name.strip() for name in header]
    if not any(names):
        raise UnusableFile("The file is empty.")
    missing = [name for name in COLUMNS if name not in names]
    if missing and len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise UnusableFile("The columns are parted by semicolons or tabs; save the file with commas.")
    if missing:
        lacks = f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        raise UnusableFile(f"The header lacks {lacks}; it should be {','.join(COLUMNS)}.")
    unknown = [name for name in names if name not in COLUMNS and not (name.startswith(FURTHER) and name != FURTHER)]
    if unknown:
        raise UnusableFile(f"The header has an unknown column {unknown[0][:60]!r}; further results are result:<id>.")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UnusableFile(f"The column {twice[0]!r} stands twice in the header.")
    return {name: index for index, name in enumerate(names)}


def _row(
    line: int, cells: list[str], columns: dict[str, int], definition_of: Callable[[str], AchievementDefinition]
) -> Row:
    if len(cells) != len(columns):
        raise _Refused("invalid", f"The row has {len(cells)} fields where the header has {len(columns)}.")
    cell = {name: cells[index].strip() for name, index in columns.items()}
    learner_ref = _ref("learner_ref", cell["learner_ref"])
    evidence_id = _ref("evidence_id", cell["evidence_id"])
    achievement = _ref("achievement", cell["achievement"])
    definition = definition_of(achievement)
    return Row(
        line,
        learner_ref,
        achievement,
        evidence_id,
        _link(cell["evidence_url"]),
        _prose(cell["narrative"]),
        _instant("submitted_at", cell["submitted_at"]),
        _judged(cell, achievement, definition),
    )


def _judged(cell: dict[str, str], achievement: str, definition: AchievementDefinition) -> Judged | None:
    outcome = cell["outcome"]
    if outcome not in OUTCOMES:
        raise _Refused("invalid", f"outcome must be met, not_yet_met or empty, not {outcome[:60]!r}.")
    results = _results(cell, achievement, definition)
    if not outcome and not results:
        return None
    assessor_ref = _ref("assessor_ref", cell["assessor_ref"])
    if assessor_ref == cell["learner_ref"]:
        raise _Refused("own-evidence", f"{assessor_ref} is the learner; somebody else must judge the evidence.")
    return Judged(assessor_ref, _instant("assessed_at", cell["assessed_at"]), OUTCOMES[outcome], results)


def _results(cell: dict[str, str], achievement: str, definition: AchievementDefinition) -> dict[str, Decimal]:
    results = {}
    for name, text in cell.items():
        if text and (name == "result" or name.startswith(FURTHER)):
            description = _description(name, achievement, definition)
            if description.id in results:
                raise _Refused("invalid", f"The result {description.id} is stated twice, by result and by {name}.")
            results[description.id] = _level(description, text) if description.levels else _number(name, text)
    return results


def _description(column: str, achievement: str, definition: AchievementDefinition) -> ResultDescription:
    """Return which result *column* states; the plain column means the only one."""
    known = definition.results
    if column != "result":
        for description in known:
            if description.id == column.removeprefix(FURTHER):
                return description
        raise _Refused("invalid", f"{achievement} has no result {column.removeprefix(FURTHER)!r}.")
    if len(known) == 1:
        return known[0]
    if not known:
        raise _Refused("invalid", f"{achievement} states no result; leave result empty and give the outcome.")
    named = ", ".join(FURTHER + description.id for description in known)
    raise _Refused("invalid", f"{achievement} has several results; give them in the columns {named}.")


def _level(description: ResultDescription, text: str) -> Decimal:
    """Return what a rubric's level counts, given by its id or its name."""
    for level in description.levels:
        if text in (level.id, level.name):
            return level.points
    named = ", ".join(level.id for level in description.levels)
    raise _Refused("invalid", f"{text[:60]!r} is no level of {description.id}; its levels are {named}.")


@lru_cache(maxsize=4096)
def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text) if text.isascii() and len(text) <= 40 and "_" not in text else None
    except InvalidOperation:
        number = None
    if (
        number is None
        or not number.is_finite()
        or abs(number) > _NUMBER_MAX
        or number != round(number, _DECIMAL_PLACES)
    ):
        raise _Refused(
            "invalid", f"{name} must be a number of at most {_DECIMAL_PLACES} decimal places, not {text[:60]!r}."
        )
    return Decimal(format(number.normalize(), "f"))


@lru_cache(maxsize=4096)
def _instant(name: str, text: str) -> datetime:
    if not text:
        raise _Refused("invalid", f"{name} is missing.")
    try:
        return instant(text[:40])
    except ValueError as error:
        raise _Refused("invalid", f"{name} {error}, not {text[:60]!r}.") from None


def _ref(name: str, text: str) -> str:
    if not text:
        raise _Refused("invalid", f"{name} is missing.")
    if len(text) > _REF_LONGEST:
        raise _Refused("invalid", f"{name} is longer than {_REF_LONGEST} characters.")
    if not text.isprintable():
        raise _Refused("invalid", f"{name} holds a character that cannot be printed.")
    return text


def _link(text: str) -> str | None:
    if not text:
        return None
    if len(text) > _LINK_LONGEST or not text.isprintable() or not _ADDRESS.fullmatch(text):
        kinds = ", ".join(_KINDS)
        raise _Refused("invalid", f"evidence_url must be an address ({kinds}) of at most {_LINK_LONGEST} characters.")
    return text


def _prose(text: str) -> str | None:
    if len(text) > PROSE:
        raise _Refused("invalid", f"narrative is longer than {PROSE} characters.")
    if "\x00" in text:
        raise _Refused("invalid", "narrative holds a NUL character.")
    return text or None
