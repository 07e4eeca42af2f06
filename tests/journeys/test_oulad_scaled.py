"""The same 36,184 results through HTTP, by 16 clients at once, into the scaled ledger: the same counts once more."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pytest

from tests.journeys.oulad_by_hand import Expected, expected, milestones
from tests.oulad import RECORDS, convert, needs_records
from tests.servers import until
from tests.servers.kafka import Broker
from tests.servers.postgres import PostgresServer
from tests.servers.stack import Stack, environment

pytestmark = [needs_records, pytest.mark.slow]

CLIENTS = 16
FILES = 64
SETTLED_WITHIN_S = 180.0


class Imported(NamedTuple):
    """A scaled ledger that was sent all records, what its clients were answered, and what it must come to."""

    stack: Stack
    answers: list[dict[str, Any]]
    expected: Expected


@pytest.fixture(scope="module")
def imported(postgres: PostgresServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    broker.empty()
    directory = tmp_path_factory.mktemp("oulad")
    files = convert(directory)
    database = postgres.new_database(migrated=False)
    with Stack(environment(database, broker.bootstrap), directory / "logs", {"api": 2, "awarder": 2}) as stack:
        stack.start()
        stack.run("import", "catalogue", str(files.catalogue), "--by", "designer", "--approved-by", "board")
        key = stack.run("keys", "create", "--role", "registrar").splitlines()[0]
        began = monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            sent = clients.map(send, cycle(stack.addresses), cycle([key]), enumerate(parts(files.results)))
            answers = list(sent)
        taken = monotonic() - began
        counted = expected(RECORDS)
        assert until(lambda: count(stack)["milestones_live"] >= counted.milestones, SETTLED_WITHIN_S), stack.log_tail()
        print(f"acknowledged after {taken:.1f} s, all milestones after {monotonic() - began:.1f} s")
        yield Imported(stack, answers, counted)
    postgres.drop(database)


def parts(results: Path) -> list[bytes]:
    """Split the file into some that can be sent at the same time: all rows of a learner stand in one."""
    with results.open(encoding="utf-8", newline="") as lines:
        header, *rows = list(csv.reader(lines))
    whose = header.index("learner_ref")
    found: list[list[list[str]]] = [[] for _ in range(FILES)]
    for row in rows:
        found[int(row[whose].removeprefix("student-")) % FILES].append(row)
    return ["\n".join(",".join(row) for row in [header, *part]).encode() for part in found]


def send(address: str, key: str, part: tuple[int, bytes]) -> dict[str, Any]:
    number, body = part
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv", "Idempotency-Key": f"part-{number}"}
    request = urllib.request.Request(f"{address}/imports/results", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def count(stack: Stack) -> dict[str, int]:
    found: dict[str, int] = json.loads(stack.run("stats", "--json"))
    return found


def test_every_row_is_recorded_once(imported: Imported) -> None:
    recorded, repeated, refused = (
        sum(answer[name] for answer in imported.answers) for name in ("recorded", "repeated", "refused")
    )

    assert (imported.expected.evidence, 0, 0) == (recorded, repeated, refused)


def test_the_scaled_ledger_counts_what_the_csv_counts(imported: Imported) -> None:
    stats = count(imported.stack)

    assert stats == stats | imported.expected.stats


def test_each_milestone_is_held_by_who_earned_it_and_by_nobody_else(imported: Imported) -> None:
    modules, two = milestones(
        lambda after: json.loads(imported.stack.run("awards", "--limit", "10000", "--after", after, "--json"))
    )

    assert imported.expected.two_modules == two
    assert imported.expected.modules == modules


def test_views_are_those_of_a_rebuild_and_nobody_is_behind(imported: Imported) -> None:
    assert '"well":true' in imported.stack.run("doctor", "--json").replace(" ", "")

    def nobody_is_behind() -> bool:
        return all(follower["behind"] == 0 for follower in json.loads(imported.stack.run("lag", "--json"))["followers"])

    assert until(nobody_is_behind, 30), imported.stack.run("lag")
    assert [1, 2, 2, 1] == [imported.stack.lives(name) for name in ("relay", "awarder", "api", "projector")]
