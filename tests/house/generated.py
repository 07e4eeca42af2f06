"""The pages that are made from the code, by their names in `docs/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.house.command_page import command_page
from tests.house.event_page import event_page
from tests.house.http_page import http_page
from tests.house.schema_files import schema_files
from tests.house.slice_page import slice_page

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "events.md": event_page,
    "slices.md": slice_page,
    "commands.md": command_page,
    "http.md": http_page,
    **schema_files(),
}
