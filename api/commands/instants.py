"""Moments on the command line, read as the HTTP resources read them: positions, instants and dates."""

from __future__ import annotations

from typing import Any

import click


class Moment(click.ParamType[Any]):
    """What was known: a position of the log, an instant with its offset from UTC, or a date, taken at its end."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from api.schemas.reading import Moment as Field

        return _read(self, Field(), value, param, ctx)


class Day(click.ParamType[Any]):
    """What was valid: a date, taken at its end, or an instant with its offset from UTC."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from api.schemas.reading import DayOrInstant

        return _read(self, DayOrInstant(), value, param, ctx)


def _read(
    kind: click.ParamType[Any], field: Any, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    from marshmallow import ValidationError

    try:
        return field.deserialize(value) if isinstance(value, str) else value
    except ValidationError as error:
        kind.fail(f"{value!r} {' '.join(error.messages)}.", param, ctx)
