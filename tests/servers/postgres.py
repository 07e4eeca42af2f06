"""
PostgreSQL for tests: the one that LEDGER_TEST_POSTGRES_URL names, else one of our own, made in a second.

The URL is a superuser's (tests make databases and roles). What tests make on a given server is dropped in the end;
it is never stopped or killed. Faults are for `own_server`, which is the test's alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from ledger.settings import PostgresUrls
from tests.servers import Unavailable, Unusable, chosen, until
from tests.servers.cluster import STANDBY, Cluster

_OLDEST = 15


class PostgresServer:
    """A running server, and the databases that tests made on it."""

    def __init__(self, cluster: Cluster | None = None, url: str | None = None) -> None:
        self._cluster = cluster
        self._url = url
        self._template: tuple[str, str] | None = None
        self._made: set[str] = set()

    def url(self, database: str = "postgres", *, standby: PostgresServer | None = None) -> str:
        """Return how to reach a database; with a *standby*, whichever of the two takes writes."""
        if self._cluster is None:
            assert self._url is not None
            return urlunsplit(urlsplit(self._url)._replace(path=f"/{database}"))
        url = self._cluster.url(database)
        if standby is not None:
            host, other = (urlsplit(server.url()).netloc.rpartition("@")[2] for server in (self, standby))
            url = url.replace(host, f"{host},{other}") + "?target_session_attrs=read-write"
        return url

    @property
    def version(self) -> str:
        """What the server says it is: `18.1`."""
        return str(self.execute("SHOW server_version")[0][0])

    @property
    def log_tail(self) -> str:
        """The last lines that our own server wrote."""
        return self._ours.program.log_tail

    def execute(self, query: LiteralString | sql.Composed, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as superuser, outside any transaction."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def new_database(self, *, migrated: bool = True, like: PostgresUrls | None = None) -> PostgresUrls:
        """
        Make a pair of databases, log and private: of today's schema and empty, or not *migrated* at all.

        *like* others, that nobody is connected to, they are copies of these.
        """
        if self._cluster is not None:
            self._cluster.program.start()
        if like is not None:
            return self._urls(*self._pair(*(urlsplit(url).path.removeprefix("/") for url in (like.log, like.private))))
        if not migrated:
            return self._urls(*self._pair())
        if self._template is None:
            from ledger.migrations import migrate

            template = self._pair()
            migrate(self._urls(*template))
            self._template = template
        return self._urls(*self._pair(*self._template))

    def drop(self, urls: PostgresUrls) -> None:
        """Drop a pair of databases, whoever is still connected."""
        self._drop(*(urlsplit(url).path.removeprefix("/") for url in (urls.log, urls.private)))

    def start(self) -> None:
        """Start our server again, on its port."""
        self._ours.program.start()

    def stop(self) -> None:
        """Shut our server down in good order."""
        self._ours.program.stop()

    def kill(self) -> None:
        """Kill all processes of our server at once; durable or not, what was committed survives that."""
        self._ours.kill()

    @contextmanager
    def standby(self) -> Iterator[PostgresServer]:
        """Give a standby that every commit waits for from now on; read-only until promoted."""
        standby = PostgresServer(self._ours.copy())
        self.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(f"FIRST 1 ({STANDBY})"))
        self.execute("SELECT pg_reload_conf()")
        assert until(self._is_followed, 30), f"the standby does not follow:\n{standby.log_tail}"
        try:
            yield standby
        finally:
            standby.close()
            if self._ours.program.pid is not None:
                self.execute("ALTER SYSTEM RESET synchronous_standby_names")
                self.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make this standby take writes; it waits for no other. Kill the primary first."""
        self.execute("SELECT pg_promote(wait => true)")
        self.execute("ALTER SYSTEM RESET synchronous_standby_names")
        self.execute("SELECT pg_reload_conf()")

    def close(self) -> None:
        """Leave nothing behind."""
        if self._cluster is not None:
            self._cluster.program.remove()
        else:
            self._drop(*self._made)

    @property
    def _ours(self) -> Cluster:
        if self._cluster is None:
            raise Unavailable(f"{chosen.POSTGRES} names a server that is not ours to stop; this needs `own_server`")
        return self._cluster

    def _is_followed(self) -> bool:
        return self.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'") != []

    def _pair(self, *templates: str) -> tuple[str, str]:
        name = f"ledger_test_{secrets.token_hex(6)}"
        pair = (name, f"{name}_private")
        # Copying files asks for checkpoints: quick where nothing waits for a disk, 50 ms and more where it does.
        strategy = sql.SQL("WAL_LOG" if self._cluster is None or self._cluster.durable else "FILE_COPY")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}")
        for database, template in zip(pair, templates or ("template0", "template0"), strict=True):
            self.execute(create.format(sql.Identifier(database), sql.Identifier(template), strategy))
            self._made.add(database)
        return pair

    def _drop(self, *databases: str) -> None:
        for database in databases:
            self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            self._made.discard(database)

    def _urls(self, log: str, private: str) -> PostgresUrls:
        return PostgresUrls(log=self.url(log), private=self.url(private))


@cache
def server(port: int | None = None) -> PostgresServer:
    """Return this process's server, found or started (at *port*) at the first call; Unavailable where there is none."""
    given = os.environ.get(chosen.POSTGRES)
    if not given:
        return PostgresServer(Cluster.create(port=port))
    found = PostgresServer(url=given)
    try:
        number = int(found.version.split(".")[0])
    except psycopg.Error as error:
        raise Unusable(f"{chosen.POSTGRES} names a server that does not answer: {error}") from error
    if number < _OLDEST:
        raise Unusable(f"{chosen.POSTGRES} names PostgreSQL {number}; the ledger needs {_OLDEST} or newer")
    return found


@contextmanager
def own_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Give a server of one's own, to stop and kill; *durable* as in use (fsync), on a disk."""
    own = PostgresServer(Cluster.create(durable=durable))
    try:
        yield own
    finally:
        own.close()


def close_server() -> None:
    """Leave nothing of this process's server, if it was asked for."""
    if server.cache_info().currsize:
        server().close()
        server.cache_clear()
