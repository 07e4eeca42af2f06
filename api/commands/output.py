"""How answers are shown: JSON for programs, aligned text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

_JSON = msgspec.json.Encoder(decimal_format="number")


def show_json(document: Any) -> None:
    """Print *document* as JSON: instants in ISO 8601, decimals as numbers."""
    click.echo(msgspec.json.format(_JSON.encode(document), indent=2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "Nothing.") -> None:
    """Print *rows* aligned under their *columns*."""
    lines = [tuple(columns), *(tuple("" if cell is None else str(cell) for cell in row) for row in rows)]
    if len(lines) == 1:
        click.echo(empty)
        return
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def counted(count: int, one: str, many: str = "") -> str:
    """Return `1 stack`, `2 stacks`; *many* is said where it is no plain plural."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def show_fields(document: dict[str, Any]) -> None:
    """Print one line per field."""
    width = max((len(name) for name in document), default=0)
    for name, value in document.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {_shown(value)}".rstrip())


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return str(value)
