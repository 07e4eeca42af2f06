"""Ranges of leaves are proven by what stands beside them; of another range, order or tree nothing is proven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.transparency.faults import Disproven
from ledger.transparency.merkle import EMPTY, inclusion_path, root
from ledger.transparency.ranges import range_path, verify_range
from tests.ledger.transparency.trees import leaves, nodes_of

ALL = leaves(300)
NODES = nodes_of(ALL)
LARGEST = len(ALL)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int, int]:
    size = draw(st.integers(1, LARGEST))
    start = draw(st.integers(0, size))
    return start, draw(st.integers(start, size)), size


@given(ranges())
def test_every_range_is_proven_by_what_stands_beside_it(given: tuple[int, int, int]) -> None:
    start, end, size = given

    verify_range(ALL[start:end], start, size, range_path(NODES, start, end, size), root(NODES, size))


@given(st.integers(1, LARGEST), st.data())
def test_of_one_leaf_it_holds_the_hashes_of_an_inclusion_proof(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))

    assert set(inclusion_path(NODES, index, size)) == set(range_path(NODES, index, index + 1, size))


@given(ranges(), st.data())
def test_nothing_else_is_proven_by_it(given: tuple[int, int, int], data: st.DataObject) -> None:
    start, end, size = given
    path, head = range_path(NODES, start, end, size), root(NODES, size)
    inside = ALL[start:end]
    other = data.draw(st.sampled_from([
        (inside[:-1], start, size, path, head) if inside else None,
        ([*inside, EMPTY], start, size, path, head),
        ([EMPTY, *inside[1:]], start, size, path, head) if inside else None,
        (inside[::-1], start, size, path, head) if len(inside) > 1 else None,
        (inside, start + 1, size, path, head) if inside else None,
        (inside, start, size, path[:-1], head) if path else None,
        (inside, start, size, [*path, EMPTY], head),
        (inside, start, size, [EMPTY, *path[1:]], head) if path else None,
        (inside, start, size, path, EMPTY),
        (inside, -1, size, path, head),
        (inside, start, size + LARGEST, path, head),
    ]))  # fmt: skip
    if other is not None:
        with pytest.raises(Disproven):
            verify_range(*other)


@pytest.mark.parametrize(("start", "end", "size"), [(3, 2, 5), (0, 6, 5), (-1, 2, 5)])
def test_a_range_beyond_the_tree_is_none(start: int, end: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        range_path(NODES, start, end, size)
