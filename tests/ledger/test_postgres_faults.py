"""PostgreSQL lost, killed, cut off or stalled: what was answered stands once, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from ledger.postgres_append import PostgresWriter
from ledger.postgres_store import PostgresStore
from ledger.settings import PostgresUrls
from ledger.store import Append, StoreUnavailable
from tests.examples import START
from tests.servers import until
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.store_contract import KIM, LEE, facts, keyed

_APPEND_TURN = 4991233000


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Give the database at *url* behind a network that fails on command."""
    parts = urlsplit(url)
    with Proxy(parts.hostname or "", parts.port or 5432) as proxy:
        yield proxy, url.replace(parts.netloc.rpartition("@")[2], proxy.address)


class InBackground(Thread):
    """Something that blocks, and what came of it."""

    def __init__(self, what: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._what = what
        self.came: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.came = self._what()
        except Exception as error:  # noqa: BLE001
            self.came = error


@contextmanager
def held(url: str) -> Iterator[Callable[[], None]]:
    """Keep appends waiting inside the database, until what is given is called."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (_APPEND_TURN,))

        def waiting() -> bool:
            query = "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
            return other.execute(query).fetchone() is not None

        def let_go() -> None:
            other.execute("SELECT pg_advisory_unlock_all()")

        let_go.waiting = waiting  # type: ignore[attr-defined]
        yield let_go


def test_an_append_whose_answer_is_lost_is_found_to_stand(database: PostgresUrls) -> None:
    with proxied(database.log) as (proxy, url), closing(PostgresStore.open(url, patience=2)) as store:
        store.append([Append(KIM, 0, facts("a"))], now=START)
        with held(database.log) as let_go:
            appending = InBackground(
                lambda: store.append(
                    [Append(LEE, 0, facts("b", "c"), keyed("k")), Append(KIM, 9, facts("x"))], now=START
                )
            )
            assert until(let_go.waiting, 5)  # type: ignore[attr-defined]
            proxy.stall()
            let_go()
        with closing(PostgresStore.open(database.log)) as direct:
            assert direct.wait(2, 5)
        appending.join(1.5)
        proxy.reset()
        proxy.heal()
        appending.join(10)

        assert [(2, 3), None] == appending.came
        assert 3 == store.head()


def test_an_append_that_the_server_still_works_on_is_waited_for_and_stands_once(database: PostgresUrls) -> None:
    with closing(PostgresStore.open(database.log)) as store:
        store.append([Append(KIM, 0, facts("a"))], now=START)
        with held(database.log) as let_go:
            writer = store._writer.writer
            assert isinstance(writer, PostgresWriter)
            appending = InBackground(lambda: store.append([Append(LEE, 0, facts("b"))], now=START))
            assert until(let_go.waiting, 5)  # type: ignore[attr-defined]
            assert writer._session is not None
            writer._session.shut()  # on our side alone: what it asked for still waits for its turn
            appending.join(0.3)
            assert appending.is_alive()
        appending.join(10)

        assert [(2,)] == appending.came
        assert [b"a", b"b"] == [stored.body for stored in store.read_log(0, 10)]


def test_an_append_that_did_not_reach_its_commit_is_made_again_once(database: PostgresUrls) -> None:
    with proxied(database.log) as (proxy, url), closing(PostgresStore.open(url)) as store:
        store.append([Append(KIM, 0, facts("a"))], now=START)
        with held(database.log) as let_go:
            appending = InBackground(lambda: store.append([Append(LEE, 0, facts("b"))], now=START))
            assert until(let_go.waiting, 5)  # type: ignore[attr-defined]
            proxy.reset()
            appending.join(1)
        appending.join(10)

        assert [(2,)] == appending.came
        assert [b"a", b"b"] == [stored.body for stored in store.read_log(0, 10)]


def test_after_connections_were_cut_reads_and_appends_just_go_on(database: PostgresUrls) -> None:
    with proxied(database.log) as (proxy, url), closing(PostgresStore.open(url)) as store:
        for number in range(5):
            assert [(number + 1,)] == store.append([Append(LEE, number, facts("a"))], now=START)
            proxy.reset()
            assert number + 1 == store.head() == len(store.read(LEE))
            proxy.reset()


def test_a_stalled_network_keeps_nobody_waiting_for_ever(database: PostgresUrls) -> None:
    with proxied(database.log) as (proxy, url), closing(PostgresStore.open(url, patience=1)) as store:
        store.append([Append(LEE, 0, facts("a"))], now=START)
        proxy.stall()
        start = monotonic()
        with pytest.raises(StoreUnavailable):
            store.read(LEE)
        assert 10 > monotonic() - start

        proxy.heal()
        assert 1 == len(store.read(LEE))
        assert [(2,)] == store.append([Append(LEE, 1, facts("b"))], now=START)


def test_a_server_that_was_killed_is_found_again(own_postgres: PostgresServer) -> None:
    urls = own_postgres.new_database()
    with closing(PostgresStore.open(urls.log)) as store:
        store.append([Append(LEE, 0, facts("a"))], now=START)
        own_postgres.kill()
        for attempt in (
            lambda: store.read(LEE),
            lambda: store.append([Append(LEE, 1, facts("b"))], now=START),
            lambda: PostgresStore.open(urls.log),
        ):
            with pytest.raises(StoreUnavailable):
                attempt()
        own_postgres.start()

        assert [b"a"] == [stored.body for stored in store.read(LEE)]
        assert [(2,)] == store.append([Append(LEE, 1, facts("b"))], now=START)
        assert store.wait(1, 0)


@pytest.mark.slow
def test_a_server_killed_again_and_again_loses_and_doubles_nothing_that_was_answered(
    own_postgres: PostgresServer,
) -> None:
    urls = own_postgres.new_database()
    answered: dict[str, int] = {}
    stopped = False

    def write(name: str) -> None:
        number = 0
        while not stopped:
            body = f"{name} {number}"
            try:
                (positions,) = store.append([Append(name, number, facts(body))], now=START)
            except StoreUnavailable:
                number = _reached(name)
                continue
            if positions is None:
                number = _reached(name)
            else:
                answered[body] = positions[0]
                number += 1

    def _reached(name: str) -> int:
        while not stopped:
            try:
                return store.versions([name])[name]
            except StoreUnavailable:
                continue
        return 0

    with closing(PostgresStore.open(urls.log)) as store:
        writers = [InBackground(lambda name=f"learner-{n}": write(name)) for n in range(4)]  # type: ignore[misc]
        for _ in range(3):
            head = store.head()
            assert until(lambda head=head: store.head() > head + 50, 20)  # type: ignore[misc]
            own_postgres.kill()
            own_postgres.start()
            assert until(lambda: _answers(store), 20)
        head = store.head()
        assert until(lambda: store.head() > head + 50, 20)
        stopped = True
        for writer in writers:
            writer.join(20)
            assert writer.came is None
        stands = {stored.body.decode(): stored.position for stored in store.read_log(0, 1_000_000)}

        assert store.head() == len(stands)
        assert answered == {body: position for body, position in stands.items() if body in answered}
        assert len(answered) > 200


def _answers(store: PostgresStore) -> bool:
    try:
        store.head()
    except StoreUnavailable:
        return False
    return True


def test_an_append_in_doubt_waits_for_the_standby_as_its_commit_did(own_postgres: PostgresServer) -> None:
    """What is answered survives the loss of the primary, also where the answer had to be looked up."""
    urls = own_postgres.new_database()
    with own_postgres.standby() as standby:
        name = urls.log.rpartition("/")[2]
        with closing(PostgresStore.open(own_postgres.url(name, standby=standby))) as store:
            for number in range(20):
                store.append([Append(LEE, number, facts("a"))], now=START)
            own_postgres.kill()
            standby.promote()

            assert until(lambda: _answers(store), 20)
            assert 20 == len(store.read(LEE))
            assert [(21,)] == store.append([Append(LEE, 20, facts("b"))], now=START)
