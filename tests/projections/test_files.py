"""Views in files: what names the one in use may be spoilt."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

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
