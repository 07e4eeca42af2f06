"""The servers that tests rest on are what they are taken for, and keep what they were given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.servers import keeper, until
from tests.servers.postgres import PostgresServer


def test_postgres_is_real_and_new_enough(postgres: PostgresServer) -> None:
    assert int(postgres.version.split(".")[0]) >= 15


def test_every_database_is_a_tests_own(postgres: PostgresServer) -> None:
    one, two = (postgres.new_database(migrated=False) for _ in range(2))
    assert 4 == len({one.log, one.private, two.log, two.private})

    postgres.drop(one)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(one.log)
    psycopg.connect(two.private).close()
    postgres.drop(two)


def test_what_was_committed_outlives_a_killed_postgres(own_postgres: PostgresServer) -> None:
    own_postgres.execute("CREATE TABLE kept AS SELECT 7 AS number")

    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        own_postgres.execute("SELECT 1")
    own_postgres.start()

    assert [(7,)] == own_postgres.execute("SELECT number FROM kept")


def test_a_promoted_standby_has_all_that_was_committed(own_postgres: PostgresServer) -> None:
    with own_postgres.standby() as standby:
        either = own_postgres.url(standby=standby)
        with psycopg.connect(either) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

        own_postgres.kill()
        standby.promote()

        with psycopg.connect(either) as connection:
            assert [(7,)] == connection.execute("SELECT number FROM kept").fetchall()
            connection.execute("INSERT INTO kept VALUES (8)")


_DIES = """
import os, signal
from tests.servers.postgres import server
print(server()._cluster.directory, server()._cluster._server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_a_test_process_that_was_killed(postgres: PostgresServer) -> None:
    environment = {**os.environ, "LEDGER_TEST_POSTGRES_URL": ""}
    ran = subprocess.run([sys.executable, "-c", _DIES], check=False, capture_output=True, text=True, env=environment)

    assert -signal.SIGKILL == ran.returncode, ran.stderr
    directory, pid = ran.stdout.split()
    assert until(lambda: not Path(directory).exists(), 10)
    assert not keeper.runs(int(pid))
