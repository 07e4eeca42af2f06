"""How many published facts a copy lacks: exactly where it can be known, else between which numbers, and why."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from click.testing import CliRunner, Result

from api.audit.source import opened
from api.backup import comparing
from api.backup.missing import Missing
from api.commands import main
from ledger.application import Ledger
from ledger.settings import Settings
from ledger.transparency.log import Log
from ledger.transparency.outside import Outside
from tests.api.audit.kept import Kept, Raw, another, make_ledger, raw
from tests.api.audit.tampering import closed_up, cut_off, edited, inserted, swapped
from tests.api.backups import register
from tests.examples import START

NOTHING = Missing(facts=0, at_least=0, at_most=0, first_at_least=None, first_at_most=None, by_time=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    made = make_ledger(tmp_path_factory.mktemp("ledger"))
    with opened(made.settings) as source:  # its clock was another than the one by which it was published
        lines = [
            msgspec.structs.replace(one, at=source.store.read_log(one.checkpoint.size - 1, 1)[0].recorded_at).line()
            for one in Outside(made.outside).all()
        ]
    made.outside.write_bytes(b"".join(lines))
    return made


@pytest.fixture
def ledger(whole: Kept, tmp_path: Path) -> Kept:
    return another(whole, tmp_path / "copy")


def lacking(kept: Kept, *against: Path) -> Missing:
    with opened(kept.settings) as source:
        found = comparing.outside(against or (kept.outside,), source.keys())
        return comparing.compare(source, found, lambda *_: None).lacks


def put_back_older(kept: Kept, position: int) -> None:
    """Put back a copy that ends at *position*, as if it had been taken then."""
    cut = kept.settings.file
    with raw(kept) as sql:
        older(sql, position)
    assert cut.exists()


def older(sql: Raw, position: int) -> None:
    for table in ("facts", "reference_facts"):
        sql.run(f"DELETE FROM {table} WHERE position > ?", position)
    sql.run("DELETE FROM checkpoints WHERE size > ?", position)
    sql.run("DELETE FROM tiles")


def integrate(settings: Settings) -> None:
    with opened(settings) as source, closing(Log.of_ledger(settings, source.store)) as log:
        while log.integrate():
            pass


def record(settings: Settings, many: int, years: int = 5) -> None:
    """Record facts on the copy, years after what was published."""
    with closing(Ledger.open(settings, clock=lambda: START + timedelta(days=365 * years))) as ledger:
        for number in range(many):
            register(ledger, f"anew-{number}")
    integrate(settings)


def at_once(many: int, first: int) -> Missing:
    return Missing(
        facts=many, at_least=many, at_most=many, first_at_least=first, first_at_most=first, by_time=False
    )  # fmt: skip


def test_of_a_whole_log_nothing_is_missing(ledger: Kept) -> None:
    assert lacking(ledger) == NOTHING


def test_facts_added_to_a_whole_log_take_nothing_away(ledger: Kept) -> None:
    record(ledger.settings, 7)

    assert lacking(ledger) == NOTHING


def test_an_old_copy_that_ends_where_it_was_published_lacks_exactly_the_rest(ledger: Kept) -> None:
    _, middle, newest = ledger.sizes
    put_back_older(ledger, middle)
    integrate(ledger.settings)

    assert lacking(ledger) == at_once(newest - middle, middle)


@pytest.mark.parametrize("more", [1, 40, 2000])
def test_facts_recorded_on_an_old_copy_do_not_stand_for_those_that_are_missing(ledger: Kept, more: int) -> None:
    _, middle, newest = ledger.sizes
    put_back_older(ledger, middle)
    record(ledger.settings, more)

    found = lacking(ledger)

    assert (newest - middle, middle) == (found.facts, found.first_at_least)
    assert (newest - middle - min(more, newest - middle - 1), newest - middle) == (found.at_least, found.at_most)
    assert found.by_time


def test_what_came_between_two_checkpoints_is_told_by_the_time_of_recording(ledger: Kept) -> None:
    first, middle, newest = ledger.sizes
    copied = (first + middle) // 2
    put_back_older(ledger, copied)
    record(ledger.settings, 10)

    found = lacking(ledger)

    assert found == Missing(
        facts=newest - copied,
        at_least=newest - copied - 10,
        at_most=newest - first,
        first_at_least=first,
        first_at_most=copied + 10,
        by_time=True,
    )


def test_without_times_it_is_said_between_which_numbers(ledger: Kept, tmp_path: Path) -> None:
    _, middle, newest = ledger.sizes
    put_back_older(ledger, middle)
    record(ledger.settings, 5)
    note = tmp_path / "note"
    note.write_text(list(Outside(ledger.outside).all())[-1].note, "utf-8")

    found = lacking(ledger, note)

    assert (newest - middle - 5, newest, False) == (found.at_least, found.at_most, found.by_time)
    assert found.at_least == found.facts


@pytest.mark.parametrize("seed", range(4))
def test_facts_that_were_changed_are_counted_by_the_tree_that_is_left(ledger: Kept, seed: int) -> None:
    with raw(ledger) as sql:
        done = edited(sql, Random(seed), ledger.sizes[-1])

    assert done.first is not None
    assert lacking(ledger) == at_once(1, done.first)


def test_facts_that_moved_are_there(ledger: Kept) -> None:
    with raw(ledger) as sql:
        swapped(sql, Random(1), ledger.sizes[-1])
        done = inserted(sql, Random(1), ledger.sizes[-1])
        assert done.first is not None

    assert 0 == lacking(ledger).facts


def test_facts_that_were_removed_are_counted(ledger: Kept) -> None:
    newest = ledger.sizes[-1]
    with raw(ledger) as sql:
        done = closed_up(sql, Random(1), newest)
        last = cut_off(sql, Random(2), newest - 1)
    assert done.first is not None

    assert lacking(ledger) == at_once(1 + last.missing, done.first)


def run(kept: Kept, *arguments: str | Path) -> Result:
    place = f"sqlite:///{kept.settings.file}"
    return CliRunner().invoke(main, ["--database", place, "restore", "--verify", *map(str, arguments)])


def test_it_is_said_in_words(ledger: Kept, tmp_path: Path) -> None:
    _, middle, newest = ledger.sizes
    outside = tmp_path / "outside"
    shutil.copy(ledger.outside, outside)
    put_back_older(ledger, middle)
    integrate(ledger.settings)
    exactly = run(ledger, "--against", outside)
    record(ledger.settings, 3)
    nearly = run(ledger, "--against", outside)

    lost = newest - middle
    assert (3, 3) == (exactly.exit_code, nearly.exit_code)
    assert f"{lost} published facts are missing, the first at index {middle}: {newest} were" in exactly.stdout
    assert f"{lost} published facts are missing, as far as times of recording tell" in nearly.stdout
    assert f"It is proven that {lost - 3} to {lost} are missing" in nearly.stdout


def test_rows_that_cannot_be_read_are_missing(ledger: Kept) -> None:
    with raw(ledger) as sql:
        row = list(sql.fact(9))
        sql.remove(9)
        sql.write([*row[:5], 2**62])

    assert lacking(ledger) == at_once(1, 8)
