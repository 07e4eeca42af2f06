"""Moments on the command line: positions, instants and dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import click

from api.schemas.fields import instant


class Moment(click.ParamType):
    """A position of the log, an instant with its offset from UTC, or a date, which means its end."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | datetime:
        text = str(value).strip()
        if text.isascii() and text.isdecimal() and len(text) != 8:
            return int(text)
        try:
            return _end_of(date.fromisoformat(text))
        except ValueError:
            pass
        try:
            return instant(text)
        except ValueError as error:
            self.fail(f"{text!r}: {error}; a position of the log or a date does as well.", param, ctx)


class Day(click.ParamType):
    """A date, which means its end, or an instant."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return _end_of(date.fromisoformat(str(value).strip()))
        except ValueError:
            pass
        try:
            return instant(str(value).strip())
        except ValueError as error:
            self.fail(f"{value!r}: {error}; a date such as 2026-03-01 does as well.", param, ctx)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)
