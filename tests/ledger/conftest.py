"""A ledger of small rules, and another process's view of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import Ledger
from tests.ledger.knocking import door


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = door(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def other(ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """Another process's view of the same files, but for the process."""
    other = door(tmp_path)
    yield other
    other.close()
