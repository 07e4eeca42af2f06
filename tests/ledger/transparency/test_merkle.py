"""The tree of RFC 9162: known answers, another implementation, and that nothing false is proven."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from ledger.transparency import merkle
from ledger.transparency.faults import Disproven
from tests.ledger.transparency.trees import changed, defined, entry, leaves, nodes_of

# The tree of eight entries with which implementations of RFC 6962 and RFC 9162 test each other:
# github.com/google/certificate-transparency, python/ct/crypto/merkle_test.py; transparency-dev/merkle, testonly.
ENTRIES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
INCLUSION = {
    (0, 8): ("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"),
    (5, 8): ("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
}  # fmt: skip
CONSISTENCY = {
    (6, 8): ("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    (2, 5): ("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
}  # fmt: skip

SIZES = st.integers(1, 300)
LEAVES = leaves(300)
HEADS = [merkle.root(nodes_of(LEAVES), size) for size in range(301)]


def hexes(path: list[bytes]) -> tuple[str, ...]:
    return tuple(one.hex() for one in path)


def test_roots_are_the_known_ones() -> None:
    hashes = [merkle.leaf_hash(bytes.fromhex(text)) for text in ENTRIES]

    assert EMPTY_ROOT == merkle.root(nodes_of([]), 0).hex() == merkle.Frontier().root().hex()
    assert ROOTS == tuple(merkle.root(nodes_of(hashes), size).hex() for size in range(1, 9))


def test_proofs_are_the_known_ones() -> None:
    hashes = [merkle.leaf_hash(bytes.fromhex(text)) for text in ENTRIES]
    nodes = nodes_of(hashes)

    assert INCLUSION == {of: hexes(merkle.inclusion_path(nodes, *of)) for of in INCLUSION}
    assert CONSISTENCY == {of: hexes(merkle.consistency_path(nodes, *of)) for of in CONSISTENCY}
    assert all(len(merkle.perfect(b"".join(hashes[:n]))) == 32 for n in (1, 2, 4, 8))


def test_roots_are_those_of_another_implementation_at_every_size_to_2000() -> None:
    theirs = InmemoryTree(algorithm="sha256")
    ours = merkle.Frontier()
    hashes = leaves(2000)
    nodes = nodes_of(hashes)
    for size in range(1, 2001):
        theirs.append_entry(entry(size - 1))
        ours.add(hashes[size - 1])
        assert theirs.get_root(size) == ours.root()
        assert ours.root() == merkle.root(nodes, size)


@given(SIZES)
def test_roots_are_as_defined(size: int) -> None:
    assert defined(LEAVES[:size]) == merkle.root(nodes_of(LEAVES), size)


@given(SIZES, st.integers(0))
def test_every_leaf_is_proven_in_its_place_alone(size: int, number: int) -> None:
    index = number % size
    path = merkle.inclusion_path(nodes_of(LEAVES), index, size)

    merkle.verify_inclusion(LEAVES[index], index, size, path, HEADS[size])
    for other in {index - 1, index + 1, size, -1} - {index}:
        with pytest.raises(Disproven):
            merkle.verify_inclusion(LEAVES[index], other, size, path, HEADS[size])


@given(SIZES, SIZES)
@example(1, 1)
def test_every_earlier_tree_is_proven_to_be_how_a_later_one_began(one: int, other: int) -> None:
    first, second = sorted((one, other))
    path = merkle.consistency_path(nodes_of(LEAVES), first, second)

    merkle.verify_consistency(first, second, path, HEADS[first], HEADS[second])
    if first < second:
        with pytest.raises(Disproven):
            merkle.verify_consistency(second, first, path, HEADS[second], HEADS[first])


def test_every_tree_begins_with_the_empty_one() -> None:
    merkle.verify_consistency(0, 7, [], merkle.EMPTY, HEADS[7])
    merkle.verify_consistency(0, 0, [], merkle.EMPTY, merkle.EMPTY)
    with pytest.raises(Disproven):
        merkle.verify_consistency(0, 7, [], HEADS[1], HEADS[7])
    with pytest.raises(Disproven):
        merkle.verify_consistency(0, 7, [HEADS[1]], merkle.EMPTY, HEADS[7])


@given(SIZES, st.integers(0), st.integers(0), st.integers(0))
def test_any_changed_byte_of_an_inclusion_proof_disproves_it(size: int, number: int, at: int, to: int) -> None:
    index = number % size
    path = merkle.inclusion_path(nodes_of(LEAVES), index, size)
    whole = changed(b"".join([LEAVES[index], HEADS[size], *path]), at, to)
    leaf, head, *rest = (whole[start : start + 32] for start in range(0, len(whole), 32))

    with pytest.raises(Disproven):
        merkle.verify_inclusion(leaf, index, size, rest, head)


@given(SIZES, SIZES, st.integers(0), st.integers(0))
def test_any_changed_byte_of_a_consistency_proof_disproves_it(one: int, other: int, at: int, to: int) -> None:
    first, second = sorted((one, other))
    path = merkle.consistency_path(nodes_of(LEAVES), first, second)
    whole = changed(b"".join([HEADS[first], HEADS[second], *path]), at, to)
    head, later, *rest = (whole[start : start + 32] for start in range(0, len(whole), 32))

    with pytest.raises(Disproven):
        merkle.verify_consistency(first, second, rest, head, later)


@given(SIZES, SIZES, st.integers(0), st.sampled_from(["removed", "inserted", "swapped"]))
def test_proofs_with_hashes_removed_inserted_or_swapped_prove_nothing(one: int, other: int, at: int, how: str) -> None:
    first, second = sorted((one, other))
    nodes = nodes_of(LEAVES)

    def spoilt(path: list[bytes]) -> list[bytes]:
        at_ = at % (len(path) or 1)
        if how == "inserted":
            return [*path[:at_], LEAVES[at % 300], *path[at_:]]
        assume(len(path) > (how == "swapped"))
        if how == "removed":
            return path[:at_] + path[at_ + 1 :]
        return [path[-1], *path[1:-1], path[0]]

    with pytest.raises(Disproven):
        merkle.verify_consistency(
            first, second, spoilt(merkle.consistency_path(nodes, first, second)), HEADS[first], HEADS[second]
        )
    path = spoilt(merkle.inclusion_path(nodes, first - 1, second))
    with pytest.raises(Disproven):
        merkle.verify_inclusion(LEAVES[first - 1], first - 1, second, path, HEADS[second])


@given(SIZES, SIZES)
def test_a_frontier_put_down_is_taken_up(one: int, other: int) -> None:
    first, second = sorted((one, other))
    before = merkle.Frontier()
    for leaf in LEAVES[:first]:
        before.add(leaf)
    after = merkle.Frontier(before.size, before.hashes)
    for leaf in LEAVES[first:second]:
        after.add(leaf)

    assert HEADS[second] == after.root()
    with pytest.raises(ValueError, match="perfect parts"):
        merkle.Frontier(first, [*before.hashes, LEAVES[0]])


def test_what_cannot_be_proven_is_not_asked_for() -> None:
    nodes = nodes_of(LEAVES)

    with pytest.raises(ValueError, match="no leaf 7 in a tree of 7"):
        merkle.inclusion_path(nodes, 7, 7)
    with pytest.raises(ValueError, match="not how one of 7 began"):
        merkle.consistency_path(nodes, 8, 7)


@pytest.mark.slow
def test_roots_are_those_of_another_implementation_at_random_sizes_to_a_million() -> None:
    sizes = [0, *sorted(random.Random(9162).sample(range(1, 1_000_000), 20)), 1_000_000]
    theirs = InmemoryTree(algorithm="sha256")
    ours = merkle.Frontier()
    for before, size in pairwise(sizes):
        for index in range(before, size):
            theirs.append_entry(entry(index))
            ours.add(merkle.leaf_hash(entry(index)))
        assert theirs.get_root(size) == ours.root()
