"""Tiles, their names and bundles of entries, as https://c2sp.org/tlog-tiles gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.transparency import tiles
from ledger.transparency.faults import Malformed
from ledger.transparency.tiles import ENTRIES, Tile


def test_tiles_have_the_names_that_the_specification_gives() -> None:
    names = {
        Tile(0, 1234067): "tile/0/x001/x234/067",
        Tile(0, 0): "tile/0/000",
        Tile(1, 999, 17): "tile/1/999.p/17",
        Tile(2, 1000, 255): "tile/2/x001/000.p/255",
        Tile(ENTRIES, 1234067): "tile/entries/x001/x234/067",
        Tile(ENTRIES, 5, 1): "tile/entries/005.p/1",
    }

    assert names == {tile: tile.path for tile in names}
    assert list(names) == [tiles.read_path(path) for path in names.values()]


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    found = list(tiles.tiles_of(70_000))

    assert 273 == sum(tile.level == 0 and tile.width == 256 for tile in found)
    assert [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)] == [tile for tile in found if tile.width < 256]
    assert 273 + 1 + 1 + 1 + 1 == len(found)
    assert [Tile(0, 0), Tile(1, 0, 1)] == list(tiles.tiles_of(256))
    assert [] == list(tiles.tiles_of(0))


@given(st.integers(0, 2**40))
def test_every_tile_is_as_wide_as_the_tree_makes_it(size: int) -> None:
    for level in range(6):
        last = (size >> 8 * level) // 256

        assert (size >> 8 * level) % 256 == tiles.width_at(level, last, size)
        assert 0 == tiles.width_at(level, last + 1, size)
        assert last == 0 or tiles.width_at(level, last - 1, size) == 256


@given(st.integers(-1, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_names_are_read_as_they_are_written(level: int, nth: int, width: int) -> None:
    tile = Tile(level, nth, width)

    assert tile == tiles.read_path(tile.path)


@given(st.text("0123456789x/.pentrisla", max_size=20))
def test_any_other_name_is_refused(text: str) -> None:
    for path in (text, f"tile/{text}", f"tile/0/{text}", f"tile/0/000{text}", f"tile/0/{text}/000"):
        try:
            found = tiles.read_path(path)
        except Malformed:
            continue
        assert path == found.path


@pytest.mark.parametrize(
    "path",
    ["tile/0/0", "tile/00/000", "tile/64/000", "tile/0/1000", "tile/0/x000/001", "tile/0/000.p/0", "tile/0/000.p/256",
     "tile/0/000.p/01", "tile/0/000.p", "/tile/0/000", "tile/0/000/", "tile/0/x001", "tile/-1/000", "tile/0/٠٠٠",
     "tile/0/" + "x999/" * 900 + "999", "tile/0/000\n"],
)  # fmt: skip
def test_names_that_are_nearly_right_are_refused(path: str) -> None:
    with pytest.raises(Malformed):
        tiles.read_path(path)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=30))
def test_bundles_are_read_as_they_are_written(entries: list[bytes]) -> None:
    assert entries == tiles.read_bundle(tiles.bundle(entries))


@given(st.binary(max_size=300))
def test_whatever_is_read_as_a_bundle_would_be_written_the_same(data: bytes) -> None:
    try:
        found = tiles.read_bundle(data)
    except Malformed:
        return
    assert data == tiles.bundle(found)


def test_bundles_that_hold_too_much_or_nothing_are_refused() -> None:
    with pytest.raises(Malformed, match="too long"):
        tiles.bundle([b"x" * 65_536])
    for data in (b"", tiles.bundle([b""] * 257), tiles.bundle([b"abc"])[:-1], b"\0"):
        with pytest.raises(Malformed):
            tiles.read_bundle(data)
