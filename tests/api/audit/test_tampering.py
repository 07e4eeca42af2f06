"""Whatever is done to the database by raw SQL, an audit finds, and names the first bad index."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from ledger.settings import PostgresUrls, Settings
from ledger.transparency.merkle import SIZE
from tests.api.audit.kept import Kept, Raw, another, audited, make_ledger, moved, raw
from tests.api.audit.tampering import KINDS, Done, put_back
from tests.servers.postgres import PostgresServer

Tamper = Callable[[Raw, Random, int], Done]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def in_postgres(ledger: Kept, postgres: PostgresServer) -> Iterator[Kept]:
    urls = postgres.new_database()
    yield moved(ledger, urls)
    postgres.drop(urls)


def found(kept: Kept, tamper: Tamper, seed: int) -> None:
    """Tamper with *kept*, and see that it is found where it began."""
    size = kept.sizes[-1]
    with raw(kept) as sql:
        done = tamper(sql, Random(seed), size)
    verdict = audited(kept, kept.outside)

    assert not verdict.well
    assert (done.first, done.missing) == (verdict.first_bad_index, verdict.missing), verdict


def test_what_nobody_tampered_with_is_well(ledger: Kept) -> None:
    verdict = audited(ledger, ledger.outside)

    assert [] == verdict.faults
    assert (ledger.sizes[-1], 3, 3, None) == (
        verdict.facts, verdict.checkpoints, verdict.against, verdict.first_bad_index
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tamper", KINDS, ids=lambda one: one.__name__)
def test_tampering_is_found_where_it_began(ledger: Kept, tmp_path: Path, tamper: Tamper, seed: int) -> None:
    found(another(ledger, tmp_path / "spoilt"), tamper, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(500))
def test_five_hundred_times(ledger: Kept, tmp_path: Path, seed: int) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    found(spoilt, KINDS[seed % len(KINDS)], 1_000 + seed)
    shutil.rmtree(tmp_path / "spoilt")


def test_what_nobody_tampered_with_is_well_in_postgresql(in_postgres: Kept) -> None:
    verdict = audited(in_postgres, in_postgres.outside)

    assert [] == verdict.faults
    assert 3 == verdict.checkpoints == verdict.against


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("tamper", KINDS, ids=lambda one: one.__name__)
def test_tampering_is_found_in_postgresql(
    in_postgres: Kept, postgres: PostgresServer, tamper: Tamper, seed: int
) -> None:
    found_in_postgres(in_postgres, postgres, tamper, 50 + seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_times_in_postgresql(in_postgres: Kept, postgres: PostgresServer, seed: int) -> None:
    found_in_postgres(in_postgres, postgres, KINDS[seed % len(KINDS)], 2_000 + seed)


def found_in_postgres(kept: Kept, postgres: PostgresServer, tamper: Tamper, seed: int) -> None:
    """Tamper with a copy of the database, and see that it is found where it began."""
    assert isinstance(kept.settings.database, PostgresUrls)
    urls = postgres.new_database(like=kept.settings.database)
    try:
        found(kept._replace(settings=Settings(database=urls, kek=kept.settings.kek)), tamper, seed)
    finally:
        postgres.drop(urls)


def test_an_older_copy_shows_against_a_checkpoint_from_outside_alone(ledger: Kept, tmp_path: Path) -> None:
    older = another(ledger, tmp_path / "restored")
    shutil.copy(older.older, older.settings.file)
    for ending in ("-wal", "-shm"):
        older.settings.file.with_name(f"ledger.db{ending}").unlink(missing_ok=True)
    middle, newest = ledger.sizes[1], ledger.sizes[2]

    assert audited(older).well
    verdict = audited(older, older.outside)
    assert (middle, newest - middle) == (verdict.first_bad_index, verdict.missing)
    assert f"{newest - middle} published facts are missing" in verdict.faults[0].sentence


def test_a_log_that_was_rewritten_with_its_tree_shows_against_its_checkpoints(ledger: Kept, tmp_path: Path) -> None:
    from ledger.sqlite_file import SQLiteDatabase
    from ledger.sqlite_store import SQLiteStore
    from ledger.transparency.tree import integrate

    forged = another(ledger, tmp_path / "forged")
    first, middle, _ = ledger.sizes
    with raw(forged) as sql:
        row = sql.fact(first + 10)
        sql.remove(first + 10)
        sql.write((*row[:5], row[5]))
        body = row[4].replace(b"bench", b"clerk")
        assert body != row[4]
        sql.remove(first + 10)
        sql.write((*row[:4], body, row[5]))
        sql.run("DELETE FROM tiles")
    store, database = SQLiteStore.open(forged.settings.file), SQLiteDatabase(forged.settings.file, ())
    while integrate(database, store):
        pass
    verdict = audited(forged)

    assert first == verdict.first_bad_index
    assert [f"what stands from index {first} up to {middle - 1} was rewritten" in verdict.faults[0].sentence] == [True]
    assert 2 == len(verdict.faults)


def test_an_added_fact_that_the_ledger_did_not_record_is_found(ledger: Kept, tmp_path: Path) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    size = ledger.sizes[-1]
    with raw(spoilt) as sql:
        row = sql.fact(size)
        sql.write((size + 1, "learner-lrn_new", 1, *row[3:]))

    assert size == audited(spoilt).first_bad_index


def test_a_checkpoint_that_was_changed_is_found(ledger: Kept, tmp_path: Path) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    with raw(spoilt) as sql:
        sql.run("UPDATE checkpoints SET root = ? WHERE size = ?", bytes(SIZE), ledger.sizes[0])
        sql.run("UPDATE checkpoints SET note = note || ? WHERE size = ?", "x", ledger.sizes[1])
    verdict = audited(spoilt)

    assert {"checkpoint"} == {fault.subject for fault in verdict.faults}
    assert 2 == len(verdict.faults)


def test_the_list_of_definitions_is_held_against_the_facts(ledger: Kept, tmp_path: Path) -> None:
    for number, query in enumerate(
        ("DELETE FROM reference_facts WHERE position = 9", "INSERT INTO reference_facts VALUES (200)")
    ):
        spoilt = another(ledger, tmp_path / str(number))
        with raw(spoilt) as sql:
            sql.run(query)

        assert (8, 199)[number] == audited(spoilt).first_bad_index


def test_values_of_another_type_are_no_facts(ledger: Kept, tmp_path: Path) -> None:
    for column, value in (("state", "text"), ("recorded_at", "soon"), ("originator_version", "one"), ("topic", 5)):
        spoilt = another(ledger, tmp_path / column)
        with raw(spoilt) as sql:
            sql.run(f"UPDATE facts SET {column} = ? WHERE position = 9", value)

        assert 8 == audited(spoilt).first_bad_index, column


def test_the_oldest_of_two_tampers_is_named(ledger: Kept, tmp_path: Path) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    with raw(spoilt) as sql:
        sql.remove(300)
        put_back(sql, Random(1), 600)
        hashes = bytearray(sql.tile(0, 0))
        hashes[SIZE * 7] ^= 1
        sql.set_tile(0, 0, bytes(hashes))

    assert 7 == audited(spoilt, spoilt.outside).first_bad_index
