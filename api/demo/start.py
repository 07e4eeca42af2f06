"""The demo: a ledger with the sample college in it, served on loopback, with keys and a tour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from sysconfig import get_path
from typing import Any

from api.demo import story
from api.demo.telling import tell
from api.keys import create_key
from api.serving import free_port, serve
from consumers.positions import Positions
from consumers.run import Followers
from consumers.sequencer import Sequencer
from ledger import Ledger
from ledger.events import AchievementAwarded, EvidenceSubmitted, Role
from ledger.settings import Settings
from ledger.transparency.log import Log
from projections.views import Views

GOOD_FOR = timedelta(days=1)
HOLDERS: dict[Role, str] = {
    "learner": "s1003",
    "assessor": "mensah",
    "adjudicator": "lindqvist",
    "designer": story.DESIGNER,
    "quality_reviewer": story.BOARD,
    "partner": story.PARTNER,
    "registrar": story.REGISTRAR,
    "auditor": "ada.auditor",
    "privacy_officer": "piet.privacy",
    "operator": "olga.operator",
    "service": "learning-platform",
}


def demonstrate(directory: Path, host: str, port: int, say: Callable[[str], Any]) -> None:
    """Serve the sample college from *directory*, made there if it is new, until interrupted."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = Settings(database=directory / "ledger.db")
    new = not settings.file.exists()
    ledger = Ledger.open(settings, create=True)
    views = Views(settings.views)
    log = Log.of_ledger(settings, ledger.store)
    sequencer = Sequencer.of_ledger(settings, log, ledger.store, ledger.now)
    followers = Followers(ledger, views, Positions.of_ledger(settings), sequencer=sequencer)
    try:
        if new:
            tell(ledger, followers)
        keys = {
            role: create_key(ledger, role, ref, expires=ledger.now() + GOOD_FOR).key for role, ref in HOLDERS.items()
        }

        def listening(address: str) -> None:
            say("\n".join(welcome(ledger, settings.file, address, keys)))

        serve(ledger, views, followers, host, free_port(host, port), listening, log=log)
    finally:
        followers.close()
        log.close()
        views.close()
        ledger.close()


def welcome(ledger: Ledger, database: Path, address: str, keys: dict[Role, str]) -> Iterator[str]:
    """Yield the lines that greet who started the demo."""
    yield f"The sample college is at {address}, its API documented at {address}/docs"
    yield ""
    yield "Keys, shown this once and good for a day:"
    yield from (f"  {role:<17}{key}  ({HOLDERS[role]})" for role, key in keys.items())
    yield ""
    yield f"A tour: {story.LEARNERS['s1003']} lacks one of two for the milestone Data Foundations."
    for meaning, command in tour(ledger, address, keys):
        yield f"# {meaning}"
        yield command
    yield ""
    yield "Answers are one long line; `| python3 -m json.tool` after a command lays them out."
    yield "In another terminal, for README's tour over HTTP, and for the command line on this ledger:"
    yield f"export LEDGER={address} AUDITOR={keys['auditor']} LEARNER={keys['learner']}"
    yield f'export LEDGER_DATABASE_URL=sqlite:///{database} PATH="{get_path("scripts")}:$PATH"'
    yield "Stop with Ctrl-C."


def tour(ledger: Ledger, address: str, keys: dict[Role, str]) -> list[tuple[str, str]]:
    """Return five commands, each after what it shows."""
    chiara, amara = (ledger.identities.register("learner", [ref])[ref] for ref in ("s1003", "s1001"))
    facts = [recorded.fact for recorded in ledger.facts(f"learner-{chiara}")]
    waiting = [fact.evidence_id for fact in facts if isinstance(fact, EvidenceSubmitted)][-1]
    badge = next(
        recorded.fact.award_id
        for recorded in ledger.facts(f"learner-{amara}")
        if isinstance(recorded.fact, AchievementAwarded) and recorded.fact.achievement_id == "data-analyst-badge"
    )

    def curl(role: Role, path: str, *more: str) -> str:
        return " ".join(["curl -s", f"-H 'Authorization: Bearer {keys[role]}'", *more, f"{address}{path}"])

    body = "-H 'Content-Type: application/json' -d '{\"results\": {\"score\": 84}}'"
    return [
        ("What would close it, as she sees it:", curl("learner", f"/learners/{chiara}/progress")),
        ("Her next piece of evidence waits for an assessor:", curl("assessor", "/queues/assessment")),
        (
            "Who judges it; the milestone follows:",
            curl("assessor", f"/learners/{chiara}/evidence/{waiting}/assessments", body),
        ),
        ("She holds both, a moment later:", curl("learner", f"/learners/{chiara}/transcript")),
        (
            f"Why {story.LEARNERS['s1001']} holds the milestone above it:",
            curl("auditor", f"/awards/{badge}/why"),
        ),
    ]
