"""Turns by a lock of PostgreSQL: one at a time, and whoever is gone has it no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from consumers.turn import AdvisoryTurn, AlwaysMine
from ledger.settings import PostgresUrls
from tests.consumers.messages import until
from tests.servers.postgres import PostgresServer


@pytest.fixture
def turns(database: PostgresUrls) -> Iterator[list[AdvisoryTurn]]:
    turns = [AdvisoryTurn(database.log, "relay") for _ in range(2)]
    yield turns
    for turn in turns:
        turn.over()


def _cut(url: str, lock_of: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s", (f"%{lock_of}%",)
        )


def test_one_has_the_turn_and_keeps_it(turns: list[AdvisoryTurn]) -> None:
    first, second = turns

    assert [True, False, True, False] == [first.mine(), second.mine(), first.mine(), second.mine()]


def test_another_gets_it_when_it_is_over(turns: list[AdvisoryTurn]) -> None:
    first, second = turns
    first.mine()
    second.mine()
    first.over()

    until(second.mine)
    assert not first.mine()


def test_turns_of_other_names_are_apart(turns: list[AdvisoryTurn], database: PostgresUrls) -> None:
    other = AdvisoryTurn(database.log, "scheduler")

    assert turns[0].mine()
    assert other.mine()
    other.over()


def test_who_loses_the_connection_has_lost_the_turn_and_may_get_it_again(
    turns: list[AdvisoryTurn], database: PostgresUrls
) -> None:
    first = turns[0]
    first.mine()
    _cut(database.log, "turn relay")

    assert not first.mine()
    until(first.mine)


@pytest.mark.slow
def test_nobody_has_the_turn_while_the_database_is_away(own_postgres: PostgresServer) -> None:
    url = own_postgres.new_database().log
    with_turn = AdvisoryTurn(url, "relay")
    with_turn.mine()
    own_postgres.kill()
    away = with_turn.mine()
    own_postgres.start()

    assert not away
    until(with_turn.mine)
    with_turn.over()


def test_in_a_process_alone_it_is_always_its_turn() -> None:
    alone = AlwaysMine()
    alone.over()

    assert alone.mine()
