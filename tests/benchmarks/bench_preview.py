"""
Previews of a changed stack over a whole log: facts a second, where everybody is concerned and where few are.

    python -m tests.benchmarks.bench_preview [FACTS]
"""

from __future__ import annotations

import resource
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger import Ledger, codec
from ledger.achievements import ApproveAchievement, DraftAchievement, PublishAchievement
from ledger.blast import blast_radius
from ledger.definition import (
    PRINCIPLES,
    AchievementDefinition,
    Criteria,
    FrameworkCheck,
    ResultDescription,
    StackDefinition,
)
from ledger.doubt import Doubt
from ledger.foresight import Supposed
from ledger.previewing import preview
from tests.benchmarks.measure import Figure, note, report, seconds, spread
from tests.benchmarks.sample import CLIENT, MICROS, earn, grow, make

_FACTS = 1_000_000
_ROUNDS = 3
_RARE = "rare"
_ONE_IN = 100


def main(facts: int = _FACTS) -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        note(f"growing a ledger to {facts:,} facts")
        ledger = make(Path(folder) / "ledger.db")
        learners = grow(ledger, facts)
        _earn_something_rare(ledger, learners)
        head = ledger.store.head()
        rule = {"at_least": 5, "of": [{"achievement": name} for name in MICROS]}
        revised = StackDefinition(name="S", milestone="milestone", rule=rule)
        most = Supposed(stack_id="stack", definition=revised, applies_to="holders")
        new = StackDefinition(name="C", milestone="collector", rule={"all": [{"achievement": _RARE}]})
        badge = _definition("collector", "Badge")
        few = Supposed(stack_id="collection", definition=new, applies_to="new", milestone=badge)
        note("previewing")
        everybody = [_rate(ledger, most) for _ in range(_ROUNDS)]
        some = [_rate(ledger, few) for _ in range(_ROUNDS)]
        alone = [head / seconds(lambda: _read(ledger)) for _ in range(_ROUNDS)]
        doubt = Doubt(kind="assessor", subject="per_tutor")
        radius = head / seconds(lambda: _blast(ledger, doubt))
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        report(
            f"Previews over {head:,} facts of {learners:,} learners",
            [
                Figure("everybody concerned, facts a second", f"{sorted(everybody)[1]:,.0f}"),
                Figure(
                    "to reading and decoding alone",
                    spread([ours / base for ours, base in zip(everybody, alone, strict=True)]),
                ),
                Figure(f"one learner in {_ONE_IN} concerned, facts a second", f"{sorted(some)[1]:,.0f}"),
                Figure("blast radius of who judged everything, facts a second", f"{radius:,.0f}"),
                Figure("peak memory, growing the ledger included, MiB", f"{peak_mib:,.0f}"),
            ],
        )
        ledger.close()


def _rate(ledger: Ledger, supposed: Supposed) -> float:
    head = ledger.store.head()
    return head / seconds(lambda: preview(ledger.store, ledger.catalogue_at, supposed, position=head, at=ledger.now()))


def _read(ledger: Ledger) -> None:
    after, head = 0, ledger.store.head()
    while after < head:
        after = [codec.decode(stored) for stored in ledger.store.read_log(after, 5000)][-1].position


def _blast(ledger: Ledger, doubt: Doubt) -> None:
    for _ in blast_radius(ledger.store, ledger.catalogue(), doubt, position=ledger.store.head(), at=ledger.now()):
        pass


def _earn_something_rare(ledger: Ledger, learners: int) -> None:
    check = FrameworkCheck(principles=PRINCIPLES, body="QA", reference="bench", review_on=date(2027, 1, 1))
    rare = _definition(_RARE, "MicroCredential")
    for command in (
        DraftAchievement(achievement_id=_RARE, definition=rare, by="per_d"),
        ApproveAchievement(achievement_id=_RARE, version=1, by="per_q", check=check),
        PublishAchievement(achievement_id=_RARE, version=1, by="per_q"),
    ):
        ledger.execute(command, actor=CLIENT)
    for number in range(0, learners, _ONE_IN):
        submit, assess = earn(f"lrn_{number:012d}", _RARE, len(MICROS))
        ledger.execute_many([submit, assess], actor=CLIENT)


def _definition(name: str, kind: str) -> AchievementDefinition:
    percent = ResultDescription(id="score", name="Score", type="Percent", pass_at=Decimal(40))
    return AchievementDefinition(
        name=name,
        description=name,
        achievement_type=kind,
        criteria=Criteria(narrative=name),
        results=(percent,),
        evidence_required=False,
    )


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:2]))
