"""One scaled ledger for all tests of this package; a test leaves it running, and fit for the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import _had
from tests.journeys.scaled.campus import Campus
from tests.journeys.scaled.work import REPORT, Ledgers


@pytest.fixture(scope="package")
def ledgers(broker: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledgers]:
    """Give a scaled ledger that stands, on servers that may be killed."""
    from tests.servers.kafka import Broker
    from tests.servers.postgres import own_server

    assert isinstance(broker, Broker)
    broker.empty()
    with ExitStack() as ends:
        campus = _had(lambda: Campus(tmp_path_factory.mktemp("campus"), ends.enter_context(own_server()), broker, ends))
        campus.begin()
        yield Ledgers(campus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    for line in REPORT:
        terminalreporter.write_line(line)
