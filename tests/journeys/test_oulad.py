"""36,184 real assessment results through the command line, checked against a count made from their CSV alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from api.commands import main
from api.imports.rehearsal import COMMAND_LINE
from api.keys import person
from consumers.positions import Positions
from consumers.run import Followers
from ledger import Ledger
from ledger.achievements import ApproveAchievement, DraftAchievement, PublishAchievement
from ledger.application import Receipt
from ledger.definition import AchievementDefinition, Criteria, StackDefinition
from ledger.events import AchievementAwarded, StackBroken
from ledger.learners.commands import RequestRevocation, RevokeAward
from ledger.private import Private
from ledger.settings import Settings
from ledger.stacks import ActivateStack, ApproveStack, DraftStack, ReviseStack
from projections.award_register import Award, awards
from projections.transcript import transcript
from projections.views import Views
from projections.why import why
from tests.examples import CHECK
from tests.journeys.oulad_by_hand import Expected, expected, milestones
from tests.oulad import RECORDS, TWO_MODULES, convert, needs_records

pytestmark = [needs_records, pytest.mark.slow]


def run(database: Path, *arguments: str) -> Any:
    """Run the command line on *database* and return what it answers in JSON."""
    found = CliRunner().invoke(
        main, ["--database", f"sqlite:///{database}", *arguments, "--json"], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


class Imported(NamedTuple):
    """A ledger that holds all records, where it is, and what it must come to."""

    database: Path
    counts: dict[str, int]
    results: Path
    expected: Expected


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    directory = tmp_path_factory.mktemp("oulad")
    files = convert(directory)
    database = directory / "ledger.db"
    run(database, "import", "catalogue", str(files.catalogue), "--by", "designer", "--approved-by", "board")
    counts = run(database, "import", "results", str(files.results))
    return Imported(database, counts, files.results, expected(RECORDS))


def test_every_row_is_recorded(imported: Imported) -> None:
    assert (imported.expected.evidence, 0, 0) == tuple(
        imported.counts[name] for name in ("recorded", "repeated", "refused")
    )


def test_the_ledger_counts_what_the_csv_counts(imported: Imported) -> None:
    stats = run(imported.database, "stats")

    assert stats == stats | imported.expected.stats


def test_each_milestone_is_held_by_who_earned_it_and_by_nobody_else(imported: Imported) -> None:
    modules, two = milestones(lambda after: run(imported.database, "awards", "--limit", "10000", "--after", after))

    assert imported.expected.two_modules == two
    assert imported.expected.modules == modules


def test_sent_again_nothing_is_recorded_twice(imported: Imported) -> None:
    before = run(imported.database, "stats")["position"]
    again = run(imported.database, "import", "results", str(imported.results))

    assert (again["recorded"], again["repeated"], again["batch_id"]) == (
        0,
        imported.expected.evidence,
        imported.counts["batch_id"],
    )
    assert run(imported.database, "stats")["position"] == before


class College:
    """The imported ledger under a clock that can be moved, with two registrars and a designer."""

    def __init__(self, database: Path) -> None:
        settings = Settings(database=database)
        self.moved = timedelta()
        self.ledger = Ledger.open(settings, clock=lambda: datetime.now(UTC) + self.moved)
        self.views = Views(settings.views)
        self.followers = Followers(self.ledger, self.views, Positions.of_ledger(settings))
        self.gail, self.hugo = (person(self.ledger, ref, "registrar") for ref in ("gail", "hugo"))
        self.dora, self.rey = (person(self.ledger, ref, "designer") for ref in ("dora", "rey"))

    def do(self, *commands: Any) -> list[Receipt]:
        receipts = [self.ledger.execute(command, actor=COMMAND_LINE) for command in commands]
        self.followers.catch_up()
        return receipts

    def learner(self, student: str) -> str:
        found = self.ledger.identities.find("learner", f"student-{student}")
        assert found is not None
        return found

    def held(self, learner: str) -> dict[str, Award]:
        self.followers.catch_up()
        with self.views.reading() as connection:
            return {award.achievement_id: award for award in awards(connection, self.ledger.now(), learner_id=learner)}

    def facts(self, learner: str) -> list[Any]:
        return self.ledger.facts(f"learner-{learner}")

    def revoke(self, learner: str, award_id: str) -> None:
        why_not = Private(plain="It was somebody else's work.")
        self.do(
            RequestRevocation(learner_id=learner, request_id="rvr_1", award_id=award_id, by=self.gail, reason=why_not),
            RevokeAward(learner_id=learner, request_id="rvr_1", by=self.hugo),
        )

    def on_the_official_transcript(self, learner: str, at: int | None = None) -> set[str]:
        facts = self.ledger.facts(f"learner-{learner}", until=at)
        catalogue = self.ledger.catalogue() if at is None else self.ledger.catalogue_at(at)
        document = transcript(learner, facts, catalogue, self.ledger.now(), "official")
        return {line.achievement_id for line in document.awards}

    def close(self) -> None:
        self.followers.close()
        self.views.close()
        self.ledger.close()


@pytest.fixture
def college(imported: Imported) -> Iterator[College]:
    opened = College(imported.database)
    yield opened
    opened.close()


def test_losing_one_component_acts_on_the_module_and_on_what_is_built_on_it(
    imported: Imported, college: College
) -> None:
    student = min(student for student in imported.expected.two_modules if len(imported.expected.modules[student]) == 2)
    module = min(imported.expected.modules[student])
    learner = college.learner(student)
    before, position = college.held(learner), college.ledger.store.head()
    component = next(
        award for name, award in before.items() if name.startswith(f"{module}-") and award.kind != "milestone"
    )
    assert before[f"{module}-module"].status == "live"

    college.revoke(learner, component.award_id)

    after = college.held(learner)
    assert after[component.achievement_id].status == "revoked"
    assert after[f"{module}-module"].status == "revoked"
    assert after[f"{TWO_MODULES}-milestone"].status == "live"
    breaks = [recorded.fact for recorded in college.facts(learner) if isinstance(recorded.fact, StackBroken)]
    assert [one.policy for one in breaks] == ["revoke", "lapse"]
    assert breaks[1].due_at - breaks[1].effective_at >= timedelta(days=29)

    lost = {component.achievement_id, f"{module}-module"}
    assert (
        college.on_the_official_transcript(learner, at=position) - college.on_the_official_transcript(learner) == lost
    )

    college.moved = timedelta(days=31)
    assert college.held(learner)[f"{TWO_MODULES}-milestone"].status == "lapsed"


def test_why_leads_from_a_milestone_to_its_evidence(imported: Imported, college: College) -> None:
    student = max(imported.expected.two_modules)
    learner = college.learner(student)
    award = college.held(learner)[f"{TWO_MODULES}-milestone"]

    explained = why(award.award_id, college.facts(learner), college.ledger.catalogue(), college.ledger.now())

    written = json.dumps(run(imported.database, "why", award.award_id))
    assert len(explained.sentences) > 3
    assert f"tutor-{min(imported.expected.modules[student])}" not in written
    for module in imported.expected.modules[student]:
        assert f"{module}-module" in written


def test_a_stack_defined_later_awards_earlier_learners_and_a_revision_takes_nothing(college: College) -> None:
    badge = "graduate-badge"
    definition = AchievementDefinition(
        name="Graduate",
        description="Two modules, and more.",
        achievement_type="Badge",
        criteria=Criteria(narrative="All of it."),
    )
    stack = StackDefinition(
        name="Graduate", milestone=badge, rule={"all": [{"achievement": f"{TWO_MODULES}-milestone"}]}
    )
    college.do(
        DraftAchievement(achievement_id=badge, definition=definition, by=college.dora),
        ApproveAchievement(achievement_id=badge, version=1, by=college.rey, check=CHECK),
        PublishAchievement(achievement_id=badge, version=1, by=college.dora),
        DraftStack(stack_id="graduate", definition=stack, by=college.dora),
        ApproveStack(stack_id="graduate", version=1, by=college.rey),
        ActivateStack(stack_id="graduate", version=1, by=college.dora),
    )
    with college.views.reading() as connection:
        now = college.ledger.now()
        holders = {award.learner_id for award in awards(connection, now, achievement_id=badge, limit=1000)}
        earlier = awards(connection, now, achievement_id=f"{TWO_MODULES}-milestone", status="live", limit=1000)
    assert holders == {award.learner_id for award in earlier}
    assert holders

    harder = {"all": [{"achievement": f"{TWO_MODULES}-milestone"}, {"achievement": "AAA-2013J-module"}]}
    college.do(
        ReviseStack(
            stack_id="graduate",
            definition=StackDefinition(name="Graduate", milestone=badge, rule=harder),
            by=college.dora,
        ),
        ApproveStack(stack_id="graduate", version=2, by=college.rey),
        ActivateStack(stack_id="graduate", version=2, by=college.dora),
    )
    with college.views.reading() as connection:
        kept = {award.learner_id for award in awards(connection, now, achievement_id=badge, status="live", limit=1000)}
    assert kept == holders
    for learner in holders:
        awarded = [r.fact for r in college.facts(learner) if isinstance(r.fact, AchievementAwarded)]
        assert [fact.basis.stack_version for fact in awarded if fact.achievement_id == badge] == [1]
