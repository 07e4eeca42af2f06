"""The PostgreSQL store: the contract of every store, and each defect of the library's own that touches PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer
from time import monotonic, sleep

import psycopg
import pytest

from ledger.errors import Invalid
from ledger.migrations import ROLE
from ledger.postgres_store import PostgresStore
from ledger.settings import PostgresUrls, Settings, UnusableSettings
from ledger.store import Append, NewFact, StoreUnavailable
from tests.examples import START
from tests.servers.postgres import PostgresServer
from tests.store_contract import LEE, MIG, StoreContract, facts, in_another_process, keyed


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> Iterator[None]:
        self._postgres = postgres
        self._databases: dict[Path, PostgresUrls] = {}
        yield
        for urls in self._databases.values():
            postgres.drop(urls)

    def open(self, directory: Path) -> PostgresStore:
        if directory not in self._databases:
            self._databases[directory] = self._postgres.new_database()
        return PostgresStore.open(self._databases[directory].log)


@pytest.fixture
def store(database: PostgresUrls) -> Iterator[PostgresStore]:
    store = PostgresStore.open(database.log)
    yield store
    store.close()


def test_who_waits_hears_of_a_commit_of_another_process_well_before_the_next_look(
    store: PostgresStore, database: PostgresUrls
) -> None:
    store.wait(0, 0)
    assert store._listener.listens.wait(10)
    code = (
        "s = PostgresStore.open(sys.argv[1])\n"
        "for n in range(20):\n"
        "    sys.stdin.readline(); s.append([Append(LEE, n, facts('a'))], now=START); print(flush=True)"
    )
    with in_another_process(code, database.log) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        delays = []
        for number in range(20):
            other.stdin.write("\n")
            other.stdin.flush()
            start = monotonic()
            assert store.wait(number, 5)
            delays.append(monotonic() - start)
            other.stdout.readline()
    assert 0.15 > sorted(delays)[10]


# Defect: with POSTGRES_ENABLE_DB_FUNCTIONS committed facts are never seen by followers


def test_the_setting_that_loses_facts_for_followers_is_refused() -> None:
    environment = {"LEDGER_DATABASE_URL": "postgresql://h/d", "POSTGRES_ENABLE_DB_FUNCTIONS": "yes"}

    with pytest.raises(UnusableSettings, match="loses facts"):
        Settings.from_environment(environment)


@pytest.mark.slow
def test_a_reader_that_follows_many_writing_processes_misses_and_reorders_nothing(
    store: PostgresStore, database: PostgresUrls
) -> None:
    code = (
        "from threading import Thread\n"
        "s = PostgresStore.open(sys.argv[1])\n"
        "def write(name):\n"
        "    for n in range(15):\n"
        "        s.append([Append(name, 2 * n, facts('a', 'b'))], now=START)\n"
        "        s.append([Append(name, 0, facts('too late'))], now=START)\n"
        "threads = [Thread(target=write, args=(f'learner-{sys.argv[2]}-{k}',)) for k in range(2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]"
    )
    others = [in_another_process(code, database.log, number) for number in range(8)]
    seen: list[tuple[int, str, int]] = []
    until = monotonic() + 60
    while len(seen) < 8 * 2 * 30 and monotonic() < until:
        store.wait(len(seen), 1)
        seen += [(stored.position, stored.stream, stored.version) for stored in store.read_log(len(seen), 50)]

    assert [""] * 8 == [other.communicate()[1] for other in others]
    assert list(range(1, 481)) == [position for position, _, _ in seen]
    for stream in {stream for _, stream, _ in seen}:
        assert list(range(1, 31)) == [version for _, of, version in seen if of == stream]


# Defect: large appends over a unix socket hang in the driver's pipeline


def test_large_appends_go_over_a_unix_socket(own_postgres: PostgresServer) -> None:
    urls = own_postgres.new_database()
    ((directory, port),) = own_postgres.execute(
        "SELECT current_setting('unix_socket_directories'), current_setting('port')"
    )
    name = urls.log.rpartition("/")[2]
    with closing(PostgresStore.open(f"postgresql://postgres@/{name}?host={directory}&port={port}")) as store:
        for version, size in enumerate((400_000, 1_000_000, 8_000_000)):
            assert [(version + 1,)] == store.append([Append(LEE, version, facts("x" * size))], now=START)
        many = [Append(f"learner-{n}", 0, facts("x" * 2000, "y" * 2000)) for n in range(1500)]
        assert 3003 == store.append(many, now=START)[-1][-1]  # type: ignore[index]


# Defect: event timestamps are not in position order; here under many processes whose clocks differ


@pytest.mark.slow
def test_recorded_at_is_in_the_order_of_positions_whatever_the_clocks_of_processes(
    store: PostgresStore, database: PostgresUrls
) -> None:
    code = (
        "from datetime import timedelta\n"
        "s = PostgresStore.open(sys.argv[1])\n"
        "for n in range(25):\n"
        "    s.append([Append('learner-' + sys.argv[2], n, facts('a'))], "
        "now=START + timedelta(seconds=n * int(sys.argv[2]) % 7))"
    )
    others = [in_another_process(code, database.log, number) for number in (3, 5, 6)]

    assert [""] * 3 == [other.communicate()[1] for other in others]
    recorded = [stored.recorded_us for stored in store.read_log(0, 1000)]
    assert 75 == len(recorded)
    assert sorted(recorded) == recorded


# Who waits is not kept waiting for ever


def test_an_append_that_cannot_get_its_turn_is_unavailable(database: PostgresUrls) -> None:
    with (
        closing(PostgresStore.open(database.log, patience=1)) as store,
        psycopg.connect(database.log, autocommit=True) as other,
    ):
        other.execute("SELECT pg_advisory_lock(4991233000)")
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            store.append([Append(LEE, 0, facts("a"))], now=START)
        assert 0 == store.head()
        other.execute("SELECT pg_advisory_unlock_all()")

        assert [(1,)] == store.append([Append(LEE, 0, facts("a"))], now=START)


def test_appends_do_not_wait_for_vacuum_or_for_who_reads_the_whole_table(
    store: PostgresStore, database: PostgresUrls
) -> None:
    with psycopg.connect(database.log) as other:
        other.execute("LOCK TABLE ledger.facts IN SHARE UPDATE EXCLUSIVE MODE")
        start = monotonic()
        assert [(1,)] == store.append([Append(LEE, 0, facts("a"))], now=START)
        assert 1 > monotonic() - start


def test_text_that_postgresql_cannot_hold_is_refused_and_spoils_nobody_elses_append(store: PostgresStore) -> None:
    for stream in ("learner-\0", "learner-\ud800"):
        with pytest.raises(Invalid):
            store.append([Append(stream, 0, facts("a"))], now=START)
        with pytest.raises(Invalid):
            store.read(stream)
    with pytest.raises(Invalid):
        store.append([Append(LEE, 0, facts("a"), keyed("k\0"))], now=START)
    assert 0 == store.head()


def test_bytes_of_any_kind_are_kept_as_they_are(store: PostgresStore) -> None:
    body = bytes(range(256))
    store.append([Append("learner-Åsa", 0, (NewFact("happened.v1", body),))], now=START)

    assert [("learner-Åsa", body)] == [(stored.stream, stored.body) for stored in store.read("learner-Åsa")]


def test_where_the_connection_is_lost_at_the_head_it_is_decided_again_and_written_once(
    store: PostgresStore, database: PostgresUrls
) -> None:
    heads = []

    def decide(head: int) -> Append:
        heads.append(head)
        if len(heads) == 1:
            with psycopg.connect(database.log, autocommit=True) as owner:
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE state = 'idle in transaction' AND datname = current_database()"
                )
        return Append(LEE, 0, facts("a"))

    assert (1,) == store.append_at_head(decide, now=START)
    assert ([0, 0], 1) == (heads, len(store.read(LEE)))


# History stays


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.facts SET state = 'x'",
        "DELETE FROM ledger.facts",
        "DELETE FROM ledger.facts WHERE position = 99",
        "TRUNCATE ledger.facts",
        "INSERT INTO ledger.facts VALUES (1, '', 1, '', '', 0) ON CONFLICT (position) DO UPDATE SET state = 'x'",
        "UPDATE ledger.receipts SET position = 1",
        "DELETE FROM ledger.reference_facts",
    ],
)
def test_not_even_the_owner_edits_or_deletes_facts(
    store: PostgresStore, database: PostgresUrls, statement: str
) -> None:
    store.append([Append(MIG, 0, facts("a"), keyed("k", MIG))], now=START)
    before = store.read_log(0, 10)

    with psycopg.connect(database.log, autocommit=True) as owner:
        for role in ("origin", "replica"):
            owner.execute(f"SET session_replication_role = {role}")
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never edited or deleted"):
                owner.execute(statement)
    assert before == store.read_log(0, 10)


def test_an_application_appends_and_reads_but_cannot_touch_what_stands(
    postgres: PostgresServer, database: PostgresUrls
) -> None:
    login = f"application_{database.log.rpartition('_')[2]}"
    with psycopg.connect(database.log, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE {ROLE}")
        owner.execute(f"GRANT CREATE ON DATABASE {database.log.rpartition('/')[2]} TO {ROLE}")
    url = database.log.replace("postgres@", f"{login}:x@")
    try:
        with closing(PostgresStore.open(url)) as store, psycopg.connect(url, autocommit=True) as session:
            assert [(1,)] == store.append([Append(MIG, 0, facts("a"), keyed("k", MIG))], now=START)
            assert (1, 1) == (store.head(), len(store.read_reference()))
            assert (2,) == store.append_at_head(lambda head: Append(LEE, 0, facts(f"{head}")), now=START)
            assert store.receipt("per_ana", "k") is not None
            for statement in (
                "INSERT INTO ledger.facts VALUES (9, 'learner-lee', 1, 'h', 'x', 0)",
                "UPDATE ledger.facts SET state = 'x'",
                "DELETE FROM ledger.facts",
                "TRUNCATE ledger.facts",
                "ALTER TABLE ledger.facts DISABLE TRIGGER ALL",
                "DELETE FROM ledger.receipts",
                "CREATE TABLE ledger.mine ()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(statement)
            session.execute("CREATE SCHEMA views_1")
            session.execute("DROP SCHEMA views_1")
    finally:
        with psycopg.connect(database.log, autocommit=True) as owner:
            owner.execute(f"DROP OWNED BY {login}")
            owner.execute(f"DROP ROLE {login}")


# Durability


def test_commits_are_durable_even_where_the_database_says_otherwise(
    postgres: PostgresServer, database: PostgresUrls
) -> None:
    with psycopg.connect(database.log, autocommit=True) as owner:
        name = database.log.rpartition("/")[2]
        owner.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        owner.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    with closing(PostgresStore.open(database.log)) as store:
        store.append([Append(LEE, 0, facts("a"))], now=START)
        with store._sessions.using() as session:
            assert ("on",) == session.connection.execute("SHOW synchronous_commit").fetchone()
            assert ("read committed",) == session.connection.execute("SHOW transaction_isolation").fetchone()


def test_idle_sessions_are_few_however_many_threads_read(store: PostgresStore, database: PostgresUrls) -> None:
    threads = [Timer(0, lambda: [store.read(LEE) for _ in range(20)]) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sleep(0.05)
    with psycopg.connect(database.log) as other:
        ((count,),) = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ 'reader'"
        )
    assert 16 >= count
