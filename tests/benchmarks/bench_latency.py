"""From the acknowledgement of the last judgement to the milestone in the views."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from consumers.positions import Positions
from consumers.run import Followers
from ledger.learners.commands import RegisterLearner, Settle
from projections.award_register import awards
from projections.views import Views
from tests.benchmarks.measure import Figure, note, percentile, report
from tests.benchmarks.sample import CLIENT, MICROS, earn, make

_LEARNERS = 300


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        note("latency of milestones")
        ledger = make(Path(folder) / "ledger.db")
        views = Views(Path(folder) / "ledger-views")
        followers = Followers(ledger, views, Positions.in_file(Path(folder) / "ledger-followers.db"))
        learners = [f"lrn_quick{n}" for n in range(_LEARNERS)]
        for learner in learners:
            commands = [command for n, name in enumerate(MICROS) for command in earn(learner, name, n)]
            ledger.execute_many([RegisterLearner(learner_id=learner), *commands[:-1]], actor=CLIENT)
        followers.start()
        waits = []
        for learner in learners:
            sleep(0.02)
            last = earn(learner, MICROS[-1], len(MICROS) - 1)[-1]
            ledger.execute(last, actor=CLIENT)
            acknowledged = perf_counter()
            while not _has_milestone(views, ledger.clock(), learner):
                if perf_counter() - acknowledged > 10:
                    raise TimeoutError(learner)
                sleep(0.0005)
            waits.append(perf_counter() - acknowledged)
        followers.close()
        recorded = [ledger.execute(Settle(learner_id=learner), actor=CLIENT).recorded for learner in learners]
        assert not any(recorded)
        report(
            "Last judgement acknowledged, milestone visible",
            [
                Figure(
                    "p50 / p99 ms",
                    f"{percentile(waits, 50) * 1e3:.1f} / {percentile(waits, 99) * 1e3:.1f}",
                    "p99 20 ms",
                )
            ],
        )


def _has_milestone(views: Views, now: object, learner: str) -> bool:
    with views.reading() as connection:
        return any(one.kind == "milestone" for one in awards(connection, now, learner_id=learner))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
