"""Views in files: what names the one in use may be spoilt."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ledger.store import StoreUnavailable
from projections import files
from projections.files import Files
from tests.projections.college import College, live_through


@pytest.mark.parametrize("spoilt", [b"", b"\xff\xfe\x00", b"../elsewhere.db", b"views-x.db"])
def test_views_whose_pointer_is_spoilt_are_built_anew(tmp_path: Path, spoilt: bytes) -> None:
    with closing(College(tmp_path)) as college:
        live_through(college, seed=1, steps=30)
        store = college.ledger.store
        following = college.views()
        following.catch_up(store)
        before = following.hash()
        following.close()
        (tmp_path / "ledger-views" / "current").write_bytes(spoilt)

        restarted = college.views()
        restarted.catch_up(store)

        assert before == restarted.hash()


def test_a_directory_that_cannot_be_built_in_is_told_of_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "building.lock").mkdir()

    with pytest.raises(StoreUnavailable, match="unable to open"), Files(tmp_path).building():
        pass


def test_who_builds_keeps_others_waiting_and_they_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PATIENCE_SECONDS", 0.01)
    building = Files(tmp_path).building

    with building(), pytest.raises(StoreUnavailable, match="another process"), building():
        pass
