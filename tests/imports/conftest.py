"""An empty ledger, and one that holds the small catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.imports.catalogue import import_catalogue
from ledger.application import Ledger
from ledger.settings import Settings
from tests.imports import files


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(Settings(database=tmp_path / "ledger.db"), create=True)
    yield ledger
    ledger.close()


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    import_catalogue(empty, files.catalogue(), name="catalogue.json", by="dora", approved_by="board")
    return empty
