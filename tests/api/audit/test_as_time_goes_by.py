"""Versions of facts and keys of learners come and go; what was published stays proven."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from api.commands import main
from ledger.application import Ledger
from ledger.events import AchievementAwarded
from ledger.keys import reveal_fact
from ledger.store import Append, NewFact
from ledger.transparency.log import Log
from tests.api.audit.kept import another, make_ledger
from tests.examples import START

OLD = Path(__file__).parents[2] / "vectors" / "stack.activated.v1.json"


def run(database: Path, *arguments: str) -> str:
    found = CliRunner().invoke(main, ["--database", f"sqlite:///{database}", "audit", *arguments])
    assert 0 == found.exit_code, found.output
    return found.stdout


def test_facts_of_older_versions_and_erased_words_are_proven_and_replayed(tmp_path: Path) -> None:
    kept = another(make_ledger(tmp_path / "made"), tmp_path / "kept")
    ledger = Ledger.open(kept.settings)
    old = json.loads(OLD.read_text(encoding="utf-8"))
    body = old["body"].replace('"version":3', '"version":1').encode()
    version = len(ledger.facts("stack-stack"))
    ledger.store.append([Append("stack-stack", version, (NewFact(old["name"], body),))], now=START)
    learner = ledger.store.streams("learner")[0].removeprefix("learner-")
    facts = ledger.facts(f"learner-{learner}")
    award = next(at.fact.award_id for at in facts if isinstance(at.fact, AchievementAwarded))
    words = next(at.fact for at in facts if reveal_fact(ledger.keys, learner, at.fact).get("narrative"))
    ledger.keys._write("UPDATE data_keys SET wrapped = NULL WHERE learner = ? AND wrapped <> ?", [(learner, b"")])
    ledger.keys._ciphers.clear()
    with_log = Log.of_ledger(kept.settings, ledger.store)
    assert with_log.publish(START + timedelta(days=1), at_once=True) is not None
    with_log.close()

    assert "[erased]" == reveal_fact(ledger.keys, learner, words)["narrative"]
    head = ledger.store.head()
    ledger.close()
    run(kept.settings.file, "verify", "--against", str(kept.outside))
    proof = tmp_path / "award.tlog-proof"
    run(kept.settings.file, "prove", award, "--out", str(proof))
    key = json.loads(run(kept.settings.file, "keys", "--json"))
    assert proof.exists()
    assert key
    replayed = json.loads(run(kept.settings.file, "replay", "--at", str(head), "--json"))
    assert replayed
