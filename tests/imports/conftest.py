"""An empty ledger, and one that holds the small catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.imports.catalogue import import_catalogue
from ledger.application import Ledger
from tests.imports import files
from tests.places import settings_in


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(settings_in(tmp_path), create=True)
    yield ledger
    ledger.close()


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    import_catalogue(empty, files.catalogue(), name="catalogue.json", by="dora", approved_by="board")
    return empty
