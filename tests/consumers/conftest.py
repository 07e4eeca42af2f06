"""A college whose facts go to Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.positions import Positions
from consumers.topics import Topics, create
from tests.projections.college import College
from tests.servers.kafka import Broker


@pytest.fixture
def college(tmp_path: Path) -> Iterator[College]:
    college = College(tmp_path)
    yield college
    college.close()


@pytest.fixture
def positions(tmp_path: Path) -> Iterator[Positions]:
    positions = Positions.in_file(tmp_path / "followers.db")
    yield positions
    positions.close()


@pytest.fixture
def topics(kafka: Broker) -> Topics:
    """Make the topics of a ledger."""
    made = Topics()
    create(kafka.bootstrap, made)
    return made
