"""The PostgreSQL store: the contract of every store, and each defect of the library's own that touches PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.postgres_store import PostgresStore
from ledger.settings import PostgresUrls
from ledger.store import Store
from tests.servers.postgres import PostgresServer
from tests.store_contract import StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> Iterator[None]:
        self._postgres = postgres
        self._databases: dict[Path, PostgresUrls] = {}
        yield
        for urls in self._databases.values():
            postgres.drop(urls)

    def open(self, directory: Path) -> Store:
        if directory not in self._databases:
            self._databases[directory] = self._postgres.new_database()
        return PostgresStore.open(self._databases[directory].log)
