"""A college on PostgreSQL whose facts a relay hands to Kafka, with processes of the awarder."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

from consumers.positions import Positions
from consumers.relay import Relay, facts
from consumers.topics import Topics
from consumers.turn import AdvisoryTurn
from ledger import Ledger
from ledger.events import AchievementAwarded, StackCompleted
from ledger.learners import commands as c
from ledger.settings import PostgresUrls, Settings
from tests import examples as ex
from tests.projections.college import PROGRAMME, WHY, College

KEK = b"k" * 32


@dataclass
class Scaled(College):
    """A college on PostgreSQL, whose facts a relay hands to Kafka."""

    urls: PostgresUrls = field(kw_only=True)
    bootstrap: str = field(kw_only=True)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = Settings(database=self.urls, kek=KEK, kafka=self.bootstrap)
        self.ledger = Ledger.open(self.settings, create=True, clock=lambda: self.now)
        self.positions = Positions.of_ledger(self.settings)
        turn = AdvisoryTurn(self.urls.log, "relay")
        self.relay = Relay("relay", self.ledger.store, self.positions, self.bootstrap, turn, facts(Topics()))
        self.say(*PROGRAMME)
        self.relay.loop.start()

    def process(self) -> subprocess.Popen[bytes]:
        """Begin a process of the awarder."""
        environment = {
            **os.environ,
            "LEDGER_DATABASE_URL": self.urls.log,
            "LEDGER_PRIVATE_DATABASE_URL": self.urls.private,
            "LEDGER_KEK": base64.b64encode(KEK).decode(),
        }
        program = [sys.executable, "-m", "tests.consumers.awarding", self.bootstrap, self.now.isoformat()]
        process = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert b"begun\n" == process.stdout.readline()
        self.processes.append(process)
        return process

    def become_welder(self, learner_id: str) -> None:
        """Let a learner complete the stack."""
        self.earn(learner_id, ex.MIG)
        self.do(
            c.RecogniseLearning(
                learner_id=learner_id, recognition_id=f"r{learner_id}", achievement_id=ex.TIG, by=ex.BEN, source=WHY
            )
        )

    def milestones(self) -> Counter[str]:
        """Return how many completed stacks and milestones each learner has, both counted."""
        found: Counter[str] = Counter()
        for stream in self.ledger.store.streams("learner"):
            for at in self.ledger.facts(stream):
                if isinstance(at.fact, StackCompleted) or (
                    isinstance(at.fact, AchievementAwarded) and at.fact.achievement_id == ex.WELDER
                ):
                    found[at.subject] += 1
        return found

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()
        self.relay.close()
        self.positions.close()
        self.close()
