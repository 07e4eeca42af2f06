"""The log of a ledger, on SQLite and PostgreSQL: grown, published, proven, halted, taken up again."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.settings import Settings
from ledger.store import Append, KeyedReceipt, NewFact, StoreUnavailable
from ledger.transparency import checkpoint, merkle, note
from ledger.transparency.faults import Disproven, Malformed, Unsigned
from ledger.transparency.growth import Growth
from ledger.transparency.leaf import hash_of
from ledger.transparency.log import Log
from ledger.transparency.note import COSIGNATURE, Signature, VerifierKey
from ledger.transparency.outside import Outside
from ledger.transparency.tree import Tree
from tests.ledger.transparency import logs
from tests.ledger.transparency.logs import NOW, all_in, frontier, opened, record, sql
from tests.ledger.transparency.test_note import KEY, OURS
from tests.ledger.transparency.trees import leaves, nodes_of

WITNESS = VerifierKey("witness.example/w1", COSIGNATURE, OURS.public)
LATER = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    place = tmp_path / "ledger.db" if request.param == "sqlite" else request.getfixturevalue("database")
    return logs.settings_of(place, tmp_path, witnesses=(str(WITNESS),))


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    with opened(settings) as (_, log):
        yield log


def publish(log: Log, at: int = 0) -> checkpoint.Checkpoint | None:
    all_in(log)
    return log.publish(NOW + at * LATER, at_once=True)


@given(st.integers(0, 70_000), st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_a_tree_grows_from_any_size_by_its_right_edge_alone(size: int, steps: list[int]) -> None:
    hashes = [b"%032d" % n for n in range(size % 2000 + sum(steps))]
    tiles: dict[tuple[int, int], bytes] = {}

    def read(level: int, nth: int) -> bytes:
        return tiles[level, nth]

    growth = Growth(0, read)
    growth.add(hashes[: size % 2000])
    tiles.update({(level, nth): found for level, nth, found in growth.taken()})
    at = size % 2000
    for step in steps:
        growth = Growth(at, read)
        growth.add(hashes[at : at + step])
        tiles.update({(level, nth): found for level, nth, found in growth.taken()})
        at += step
    whole = Growth(0, read)
    whole.add(hashes)

    assert tiles == {(level, nth): found for level, nth, found in whole.taken()}


def test_the_tree_is_over_every_fact_at_every_size(settings: Settings) -> None:
    with opened(settings) as (store, log):
        ours = merkle.Frontier()
        for count in (1, 1, 253, 1, 1, 600, 70_000):
            record(store, count)
            all_in(log)
            for fact in store.read_log(ours.size, count):
                ours.add(hash_of(fact))
            size = log.tree.size()

            assert ours.size == size == store.head()
            assert ours.root() == log.tree.root(size)
        for first, second in ((1, 2), (255, 257), (256, 70_857), (65_536, 65_537), (70_000, 70_856)):
            path = log.tree.consistency(first, second)
            merkle.verify_consistency(first, second, path, log.tree.root(first), log.tree.root(second))
            leaf = hash_of(store.read_log(first - 1, 1)[0])
            merkle.verify_inclusion(
                leaf, first - 1, second, log.tree.inclusion(first - 1, second), log.tree.root(second)
            )


def test_a_tree_that_is_behind_is_made_up_in_steps_that_can_be_interrupted(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 12_345)
        all_in(log)
        root = log.tree.root(12_345)
        if isinstance(settings.database, Path):
            sql(log, "DELETE FROM tiles")
    with opened(settings) as (store, log):
        log.integrate()
        behind = log.tree.size()
        if isinstance(settings.database, Path):
            assert 10_000 == behind
    with opened(settings) as (store, log):
        all_in(log)

        assert root == log.tree.root(12_345)


def test_facts_recorded_without_hashes_are_made_up_by_the_next_command(tmp_path: Path) -> None:
    with opened(logs.settings_of(tmp_path / "ledger.db", tmp_path)) as (store, log):
        record(store, 300)
        sql(log, "DELETE FROM tiles")
        record(store, 1, "next")

        assert 301 == log.tree.size()
        assert frontier(store).root() == log.tree.root(301)


def test_what_is_rolled_back_leaves_no_trace_in_the_tree(tmp_path: Path) -> None:
    with opened(logs.settings_of(tmp_path / "ledger.db", tmp_path)) as (store, log):
        record(store, 10)
        twice = [Append("learner-x", 0, (NewFact("a.b.v1", b"1"),)), Append("learner-x", 0, (NewFact("a.b.v1", b"2"),))]
        store.append(twice, now=NOW)
        spoilt = KeyedReceipt("p", "k", None, "learner-y")  # type: ignore[arg-type]
        with pytest.raises(StoreUnavailable):
            store.append([Append("learner-y", 0, (NewFact("a.b.v1", b"3"),), spoilt)], now=NOW)
        record(store, 10, "more")

        assert frontier(store).root() == log.tree.root(log.tree.size())


def test_two_that_integrate_do_no_harm(settings: Settings) -> None:
    from threading import Thread

    with opened(settings) as (store, log), opened(settings) as (_, other):
        record(store, 23_000)
        threads = [Thread(target=all_in, args=(one,)) for one in (log, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        all_in(log)

        assert frontier(store).root() == log.tree.root(23_000)


def test_a_checkpoint_is_signed_kept_outside_and_served(settings: Settings) -> None:
    with opened(settings) as (store, log):
        assert publish(log) is None
        record(store, 7)
        found = publish(log)
        keys = log.keys(NOW)
        newest = log.published.newest()

        assert found is not None
        assert newest is not None
        assert (keys.origin, 7, frontier(store).root()) == found[:3]
        assert found == checkpoint.opened(newest.note.encode(), keys.verifiers)[0]
        assert [newest.note] == [kept.note for kept in Outside(settings.checkpoints or Path()).all()]
        assert 0o600 == stat.S_IMODE((settings.log_keys or Path()).stat().st_mode)
        assert publish(log) is None
        assert 7 == log.place(7).published.checkpoint.size  # type: ignore[union-attr]


def test_a_fact_is_recorded_then_sequenced_then_published(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 3)
        publish(log)
        record(store, 1)
        recorded = log.place(4)
        all_in(log)
        sequenced = log.place(4)
        publish(log)
        published = log.place(4)

        assert (3, None) == (recorded.index, recorded.published)
        assert (True, None) == (sequenced.sequenced, sequenced.published)
        assert published.published is not None
        assert 4 == published.published.checkpoint.size
        assert 3 == log.place(2).published.checkpoint.size  # type: ignore[union-attr]


def test_checkpoints_are_signed_at_most_once_a_second(settings: Settings) -> None:
    with opened(settings) as (store, log):
        for _ in range(3):
            record(store, 1)
            all_in(log)
            log.publish(NOW)

        assert [1] == [kept.checkpoint.size for kept in Outside(settings.checkpoints or Path()).all()]


def test_a_crash_between_file_and_table_is_made_up(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 5)
        found = publish(log)
        if isinstance(settings.database, Path):
            sql(log, "DELETE FROM checkpoints")
            assert log.published.newest() is None
            assert publish(log) is None
            newest = log.published.newest()
            assert newest is not None
            assert found == newest.checkpoint


def test_keys_rotate_and_both_sign_for_a_while(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 1)
        publish(log)
        first = log.keys(NOW).verifiers[0]
        log.rotate_keys(NOW + LATER)
        second = log.keys(NOW).verifiers[1]
        record(store, 1)
        publish(log)
        both = log.published.newest()
        record(store, 1)
        all_in(log)
        log.publish(NOW + timedelta(days=31), at_once=True)
        one = log.published.newest()

        assert both is not None
        assert one is not None
        assert [first, second] == note.verified(note.read(both.note.encode()), [first, second])
        assert [second] == note.verified(note.read(one.note.encode()), [first, second])
        assert [False, True] == [kept.seed is not None for kept in log.keys(NOW + timedelta(days=31)).keys]
        assert [str(first), str(second)] == [key.verifier for key in log.published.verifiers()]


def _older(log: Log) -> None:
    sql(log, "UPDATE tiles SET hashes = substr(hashes, 1, 32 * 5) WHERE level = 0")


def _edited(log: Log) -> None:
    other = merkle.leaf_hash(b"other")
    sql(log, "UPDATE tiles SET hashes = ? WHERE level = 0", other * 9)


def _emptied(log: Log) -> None:
    sql(log, "UPDATE tiles SET level = 7 WHERE level = 0")


@pytest.mark.parametrize("tamper", [_older, _edited, _emptied])
def test_a_head_that_does_not_follow_makes_the_ledger_read_only(
    settings: Settings, tamper: Callable[[Log], None]
) -> None:
    with opened(settings) as (store, log):
        record(store, 9)
        published = publish(log)
        tamper(log)
        assert published is not None
        assert log.publish(NOW + LATER, at_once=True) is None
        halted = log.halted()

        assert halted is not None
        assert "size 9" in halted
        assert note.encoded(published.root) in halted
        with pytest.raises(StoreUnavailable, match="read-only"):
            record(store, 1, "more")
        assert 9 == len(store.read_log(0, 100)) == store.head()
        assert publish(log) is None


def test_an_accepted_head_begins_another_log(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 9)
        publish(log)
        _edited(log)
        log.publish(NOW + LATER, at_once=True)
        assert log.halted() is not None
        former = log.keys(NOW)
        keys = log.begin_anew(NOW + LATER)
        record(store, 1, "more")
        found = publish(log, 2)

        assert log.halted() is None
        assert f"{former.origin}/2" == keys.origin
        assert found is not None
        assert (keys.origin, 10) == found[:2]
        assert f"{former.origin}/3" == log.begin_anew(NOW + 3 * LATER).origin


def test_a_log_whose_files_are_lost_begins_another(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 9)
        publish(log)
        former = log.keys(NOW)
        assert log.why_not_signed(NOW) is None
        for path in (settings.log_keys, settings.checkpoints):
            assert path is not None
            path.unlink()
        assert "put the file back" in (log.why_not_signed(NOW) or "")
        keys = log.begin_anew(NOW + LATER)
        found = publish(log, 2)

        assert found is not None
        assert (f"{former.origin}/2", 9) == (keys.origin, found.size)
        assert former.keys[0].verifier == keys.keys[0].verifier
        assert log.why_not_signed(NOW + 3 * LATER) is None


@pytest.mark.parametrize("spoil", ["missing", "cut", "shortened", "changed", "another"])
def test_without_the_checkpoints_outside_nothing_is_signed(settings: Settings, spoil: str) -> None:
    path = settings.checkpoints or Path()
    with opened(settings) as (store, log):
        record(store, 2)
        publish(log)
        record(store, 2)
        publish(log)
        lines = path.read_bytes().splitlines(keepends=True)
        match spoil:
            case "missing":
                path.unlink()
            case "cut":
                path.write_bytes(lines[0] + lines[1][:-20])
            case "shortened":
                path.write_bytes(lines[0])
            case "changed":
                path.write_bytes(lines[0] + lines[1].replace(b"\\n4\\n", b"\\n3\\n"))
            case "another":
                path.write_bytes(lines[0] + lines[1][:60] + b"\n")
        record(store, 2)
        with pytest.raises(StoreUnavailable, match="ut the right file back"):
            publish(log)
        assert log.halted() is None


def test_a_torn_last_line_is_taken_away_by_the_next(settings: Settings) -> None:
    path = settings.checkpoints or Path()
    with opened(settings) as (store, log):
        record(store, 2)
        publish(log)
        with path.open("ab") as file:
            file.write(path.read_bytes()[:70])
        record(store, 2)
        publish(log)

        assert [2, 4] == [kept.checkpoint.size for kept in Outside(path).all()]
        assert path.read_bytes().endswith(b"\n")


def test_keys_that_are_lost_open_to_others_or_of_another_log_sign_nothing(settings: Settings, tmp_path: Path) -> None:
    path = settings.log_keys or Path()
    with opened(settings) as (store, log):
        record(store, 2)
        publish(log)
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(StoreUnavailable, match="put the file back"):
            log.keys(NOW)
        for data in (b"", b"{}", kept.replace(b'"seed": "', b'"seed": "AAAA'), kept[:-9]):
            path.write_bytes(data)
            path.chmod(0o600)
            with pytest.raises(StoreUnavailable, match="does not hold the keys"):
                log.keys(NOW)
        path.write_bytes(kept)
        path.chmod(0o644)
        with pytest.raises(StoreUnavailable, match="may be read by others"):
            log.keys(NOW)
        path.unlink()
        from ledger.transparency import signing

        signing.make(path, "other.example/log", NOW)
        with pytest.raises(StoreUnavailable, match="not those of"):
            log.keys(NOW)


def test_cosignatures_of_known_witnesses_are_served_and_others_refused(settings: Settings) -> None:
    with opened(settings) as (store, log):
        record(store, 2)
        found = publish(log)
        at = 1_772_000_000
        made = at.to_bytes(8, "big") + KEY.sign(note.cosigned(str(found), at))
        log.published.add_cosignature(2, Signature(WITNESS.name, WITNESS.id, made).line)
        newest = log.published.newest()
        assert newest is not None
        served = note.read(log.published.cosigned(newest).encode())

        assert [*log.keys(NOW).verifiers, WITNESS] == note.verified(served, [*log.keys(NOW).verifiers, WITNESS])
        with pytest.raises(Disproven):
            log.published.add_cosignature(2, Signature(WITNESS.name, WITNESS.id, b"\1" + made[1:]).line)
        with pytest.raises(Unsigned):
            log.published.add_cosignature(2, Signature("other.example", WITNESS.id, made).line)
        with pytest.raises(Malformed):
            log.published.add_cosignature(3, Signature(WITNESS.name, WITNESS.id, made).line)
        with pytest.raises(Malformed):
            log.published.add_cosignature(2, "no line")


def test_proofs_are_the_same_however_tiles_are_remembered(log: Log) -> None:
    hashes = leaves(1000)
    growth = Growth(0, lambda *_: b"")
    growth.add(hashes)
    for level, nth, found in growth.taken():
        sql(log, "INSERT INTO tiles (level, nth, hashes) VALUES (?, ?, ?)", level, nth, found)
    nodes = nodes_of(hashes)
    for first in (1, 2, 255, 256, 257, 511, 512, 700, 999, 1000, 300, 1):
        assert merkle.consistency_path(nodes, first, 1000) == log.tree.consistency(first, 1000)
        assert merkle.inclusion_path(nodes, first - 1, 1000) == Tree(logs.database_of(log)).inclusion(first - 1, 1000)
        assert merkle.root(nodes, first) == log.tree.root(first)
