"""What all tests share: temporary files in memory where the machine has room, and the servers that some ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from tests.servers import Unavailable, chosen

if TYPE_CHECKING:
    from ledger.settings import PostgresUrls
    from tests.servers.kafka import Broker
    from tests.servers.postgres import PostgresServer

_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 4 * 2**30
_SERVERS = {"postgres", "own_postgres", "broker"}
Server = TypeVar("Server")


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary files where nobody waits for a disk; that a disk is asked to be durable stays tested."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    # A law holds or it does not: how long an example takes says how busy the machine is, and failed promises by that.
    settings.register_profile("any machine", settings(), deadline=None)
    settings.load_profile("any machine")
    # kafka-python reads its hundreds of message formats by a function that Python 3.13 took back into favour.
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, by the fixtures that it asks for."""
    for item in items:
        if _SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("servers")


def pytest_report_header() -> list[str]:
    """Say which servers tests get that ask for them; none is started for that."""
    return [f"postgresql: {chosen.postgres()}", f"kafka: {chosen.kafka()}"]


@pytest.fixture(autouse=True)
def _places() -> Iterator[None]:
    """Drop the databases of the ledgers that a test made."""
    if os.environ.get("LEDGER_TEST_ENGINE", "sqlite") == "sqlite":
        yield
        return
    from tests import places

    with places.left_as_found():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give the PostgreSQL that this process's tests share. Whoever stops or kills it starts it again."""
    from tests.servers import postgres as found

    yield _had(found.server)
    found.close_server()


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[PostgresUrls]:
    """Give a pair of databases, log and private: migrated, empty, and the test's alone."""
    urls = postgres.new_database()
    yield urls
    postgres.drop(urls)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Give a PostgreSQL of the test's own, to stop, kill and follow."""
    from tests.servers.postgres import own_server

    with ExitStack() as stack:
        yield _had(lambda: stack.enter_context(own_server()))


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Give the broker that this process's tests share, as the test before left it."""
    from tests.servers import kafka as found

    yield _had(found.broker)
    found.close_broker()


@pytest.fixture
def kafka(broker: Broker) -> Broker:
    """Give a running broker without topics or groups."""
    broker.empty()
    return broker


def _had(get: Callable[[], Server]) -> Server:
    """Skip the test where its server cannot be had; fail it where that was demanded."""
    try:
        return get()
    except Unavailable as reason:
        if os.environ.get(chosen.DEMAND):
            pytest.fail(f"{chosen.DEMAND} is set: {reason}", pytrace=False)
        pytest.skip(str(reason))
