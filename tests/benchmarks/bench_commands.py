"""Single durable commands through the front door, against a raw loop of one-row durable INSERTs."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter

from ledger.learners.commands import RegisterLearner
from tests.benchmarks.measure import Figure, durable, note, ratios, report, spread
from tests.benchmarks.sample import CLIENT, earn, learn, make

_COMMANDS = 400


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        note("single commands")
        ledger = make(Path(folder) / "ledger.db")
        raw = durable(Path(folder) / "raw.db")
        numbers, rows = count(), count(1)
        body = b"x" * 420

        def insert() -> float:
            start = perf_counter()
            for _ in range(_COMMANDS):
                n = next(rows)
                raw.execute("INSERT INTO facts VALUES (?,?,?,?,?,?)", (n, f"learner-{n}", 1, "name.v1", body, n))
            return _COMMANDS / (perf_counter() - start)

        def register() -> float:
            learners = [f"lrn_single{next(numbers)}" for _ in range(_COMMANDS)]
            ledger.keys.ensure(learners)
            start = perf_counter()
            for learner in learners:
                ledger.execute(RegisterLearner(learner_id=learner), actor=CLIENT)
            return _COMMANDS / (perf_counter() - start)

        def submit() -> float:
            learners = [f"lrn_submit{next(numbers)}" for _ in range(_COMMANDS)]
            ledger.execute_many([RegisterLearner(learner_id=learner) for learner in learners], actor=CLIENT)
            start = perf_counter()
            for learner in learners:
                ledger.execute(earn(learner, "micro-0", 0)[0], actor=CLIENT, key=learner)
            return _COMMANDS / (perf_counter() - start)

        def concurrent() -> float:
            learners = [f"lrn_many{next(numbers)}" for _ in range(_COMMANDS)]
            ledger.keys.ensure(learners)

            def work(some: list[str]) -> None:
                for learner in some:
                    ledger.execute(RegisterLearner(learner_id=learner), actor=CLIENT)

            threads = [Thread(target=work, args=(learners[n::16],)) for n in range(16)]
            start = perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return _COMMANDS / (perf_counter() - start)

        def many() -> float:
            commands = [command for n in range(200) for command in learn(10**9 + next(numbers) * 200 + n)]
            before = ledger.store.head()
            start = perf_counter()
            ledger.execute_many(commands, actor=CLIENT)
            return (ledger.store.head() - before) / (perf_counter() - start)

        plain = [insert() for _ in range(3)]
        report(
            "Commands, durable (synchronous=FULL)",
            [
                Figure("raw one-row INSERT a second", f"{sorted(plain)[1]:,.0f}"),
                Figure("register, one client, to raw", spread(ratios(insert, register)), "aim 0.5"),
                Figure("submit with reflection and idempotency key, to raw", spread(ratios(insert, submit)), "aim 0.5"),
                Figure("register, 16 threads, to raw single", spread(ratios(insert, concurrent))),
                Figure("execute_many, facts a second", f"{sorted(many() for _ in range(5))[2]:,.0f}"),
            ],
        )


if __name__ == "__main__":
    main()
