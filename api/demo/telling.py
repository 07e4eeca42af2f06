"""The sample college told to a ledger: its catalogue, its people, its learners' work, and some decisions by hand."""

from __future__ import annotations

from importlib.resources import files

from api.demo import story
from api.imports.catalogue import import_catalogue
from api.imports.rehearsal import COMMAND_LINE
from api.imports.results import import_results, read_file
from api.keys import person
from consumers.run import Followers
from ledger import Ledger
from ledger.achievements import EndorseAchievement
from ledger.events import AchievementAwarded
from ledger.learners.commands import SuspendAward
from ledger.people import DeclareConflict
from ledger.private import Private


def tell(ledger: Ledger, followers: Followers) -> None:
    """Record the story; told again to the same ledger, it adds nothing."""
    raw = files("api.demo").joinpath("catalogue.json").read_bytes()
    import_catalogue(ledger, raw, name="catalogue.json", by=story.DESIGNER, approved_by=story.BOARD)
    import_results(ledger, read_file(story.results(ledger.now()), ledger.catalogue()))
    followers.catch_up()
    for ref, name in story.LEARNERS.items():
        account = ledger.identities.register("learner", [ref])[ref]
        ledger.identities.update(account, name=name, email=f"{ref}@college.example")
    _endorse(ledger)
    _declare(ledger)
    _suspend(ledger)
    for ref, name in story.PEOPLE.items():
        account = ledger.identities.register("person", [ref])[ref]
        ledger.identities.update(account, name=name, email=None)
    followers.catch_up()


def _endorse(ledger: Ledger) -> None:
    command = EndorseAchievement(
        achievement_id="stick-welding",
        endorsement_id="end_northern-fabricators",
        version=1,
        partner=person(ledger, story.PARTNER, "partner"),
        statement="Whoever holds this can start in our shop on Monday.",
    )
    ledger.execute(command, actor=COMMAND_LINE)


def _declare(ledger: Ledger) -> None:
    leila = ledger.identities.register("learner", ["s1012"])["s1012"]
    command = DeclareConflict(person_id=person(ledger, "haddad", "assessor"), learner=leila)
    ledger.execute(command, actor=COMMAND_LINE)


def _suspend(ledger: Ledger) -> None:
    """Suspend an award while something is looked into: what was built on it waits out its grace."""
    benoit = ledger.identities.register("learner", ["s1002"])["s1002"]
    for recorded in ledger.facts(f"learner-{benoit}"):
        if isinstance(recorded.fact, AchievementAwarded) and recorded.fact.achievement_id == "preparing-data":
            command = SuspendAward(
                learner_id=benoit,
                award_id=recorded.fact.award_id,
                by=person(ledger, story.REGISTRAR, "registrar"),
                reason=Private(plain="The source of the data is being looked into."),
            )
            ledger.execute(command, actor=COMMAND_LINE)
